import { perform } from '../../../operator/apply/apply';
import { childManifest } from '../../../operator/decide/template';
import { aChild, anHsd } from '../decide/builders';
import type { ReceivedRequest } from '../support/http-server';
import { sendJson, sendStatus } from '../support/http-server';
import { ApplyHarness, replyTo } from './harness';

const hsd = anHsd();
const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments';
const manifest = childManifest(hsd, 3, false);
const child = aChild({ replicas: 2, resourceVersion: '43' });
const UNTYPED = 'failed to create typed patch object (default/rooms-workload; apps/v1, Kind=Deployment): ';
const TWICE = '.spec.template.spec.containers[name="room"].env: duplicate entries for key [name="A"]';
const UNKNOWN = '.spec.template.spec.futureField: field not declared in schema';

/** What a plain create would keep, defaults included. */
const kept = { replicas: 3, template: { spec: { containers: [{ name: 'room', env: ['A', 'A'] }], dnsPolicy: 'X' } } };
const live = { replicas: 2, paused: true, template: { spec: { containers: [], nodeSelector: { a: 'b' } } } };
const theirs = {
  manager: 'hotstandby',
  operation: 'Update',
  apiVersion: 'apps/v1',
  fieldsV1: { 'f:spec': { 'f:a': {} } },
};

let harness: ApplyHarness;
let refusals: string[];

beforeEach(async () => {
  harness = await ApplyHarness.open((request, response) => {
    const refusal = isApply(request) ? refusals.shift() : undefined;
    if (refusal !== undefined) return sendStatus(response, 500, '', `${UNTYPED}${refusal}`);
    const { metadata } = replyTo(request);
    const reply = { ...metadata, resourceVersion: '50', managedFields: [theirs] };
    sendJson(response, 200, { metadata: reply, spec: request.method === 'GET' ? live : kept });
  });
});

afterEach(() => harness.close());

const isApply = ({ headers }: ReceivedRequest): boolean => headers['content-type'] === 'application/apply-patch+yaml';

/** What was sent, in order. */
async function sentOf(seen: typeof child | undefined, ...answers: string[]): Promise<string[]> {
  refusals = answers;
  await perform(harness.applier, hsd, {
    kind: 'applyChild',
    ...(seen && { child: seen }),
    manifest,
    takeOwnership: false,
  });
  return harness.server.requests.map((request) => {
    const how = isApply(request) ? 'apply' : request.query.dryRun === 'All' ? 'trial' : request.method;
    return `${how} ${request.path.replace(DEPLOYMENTS, '')}`.trim();
  });
}

const bodyOf = (index: number): unknown => JSON.parse(harness.server.requests[index]?.body ?? '');

test('a template with a key twice is written whole to a child that exists, of the version that was seen', async () => {
  const sent = await sentOf(child, TWICE, TWICE);
  expect(sent).toEqual([
    'apply /rooms-workload',
    'trial',
    'apply /rooms-workload',
    'GET /rooms-workload',
    'PATCH /rooms-workload',
    'PATCH /rooms-workload',
  ]);
  expect(bodyOf(4)).toMatchObject({
    metadata: { uid: 'child-1', resourceVersion: '43', annotations: { 'hsd.paia.tech/drain-on-delete': null } },
    spec: {
      replicas: 3,
      paused: null,
      template: { spec: { containers: kept.template.spec.containers, dnsPolicy: 'X', nodeSelector: null } },
    },
  });
});

test('and its fields are ours afterwards: only an edit by somebody else shows from then on', async () => {
  await sentOf(child, TWICE, TWICE);
  expect(bodyOf(5)).toEqual({
    metadata: {
      resourceVersion: '50',
      managedFields: [
        expect.objectContaining({ manager: 'hotstandby', operation: 'Apply', fieldsV1: theirs.fieldsV1 }),
      ],
    },
  });
  expect(harness.warnings).toEqual([]);
});

test('a new child is created with it', async () => {
  const sent = await sentOf(undefined, TWICE, TWICE);
  expect(sent).toEqual(['apply /rooms-workload', 'trial', 'apply /rooms-workload', 'POST', 'PATCH /rooms-workload']);
});

test('a field this Kubernetes does not know is left out, and people are told', async () => {
  expect(await sentOf(child, UNKNOWN)).toEqual(['apply /rooms-workload', 'trial', 'apply /rooms-workload']);
  expect(harness.warnings).toEqual([
    { reason: 'UnknownFields', note: expect.stringContaining('.spec.template.spec.futureField') },
  ]);
});
