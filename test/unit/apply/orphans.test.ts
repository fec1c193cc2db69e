import { writeOrphan } from '../../../operator/apply/orphans';
import type { HsdView, ReplicaSetView } from '../../../operator/decide/model';
import { orphanWrites } from '../../../operator/decide/orphans';
import { findOrphans } from '../../../operator/observe/orphans';
import { NAME_LABEL, RETIRE_FINALIZER } from '../../../src/api/names';
import { anHsd, aReplicaSet, hsdOwner } from '../decide/builders';
import { type HttpServer, sendJson, sendStatus } from '../support/http-server';
import { ApplyHarness, answer } from './harness';

const HSD = '/apis/apps.paia.tech/v1alpha1/namespaces/default/hotstandbydeployments/rooms';
const REPLICA_SET = '/apis/apps/v1/namespaces/default/replicasets/rs-old';
const PODS = '/api/v1/namespaces/default/pods';

const podOf = (name: string, uid: string): object => ({
  metadata: {
    name,
    namespace: 'default',
    uid: name,
    resourceVersion: '5',
    labels: { [NAME_LABEL]: 'rooms' },
    ownerReferences: [{ kind: 'ReplicaSet', name: uid, uid, controller: true }],
  },
});

let harness: ApplyHarness;
let server: HttpServer;
/** uid of the hsd the API server has; undefined: none. */
let there: string | undefined;

beforeEach(async () => {
  there = undefined;
  harness = await ApplyHarness.open((request, response) => {
    const { path, query } = request;
    if (path === PODS) sendJson(response, 200, page(query.continue));
    else if (path !== HSD) answer(request, response);
    else if (there === undefined) sendStatus(response, 404, 'NotFound', 'gone');
    else sendJson(response, 200, { metadata: { name: 'rooms', uid: there, resourceVersion: '1' } });
  });
  server = harness.server;
});

afterEach(() => harness.close());

const retired = (overrides: Partial<ReplicaSetView> = {}): ReplicaSetView =>
  aReplicaSet({ uid: 'rs-old', controller: hsdOwner, finalizers: [RETIRE_FINALIZER], deleting: true, ...overrides });
/** The Pods of two pages. */
const page = (token: string | undefined): object =>
  token === undefined
    ? { metadata: { continue: 'more' }, items: [podOf('b', 'other')] }
    : { metadata: {}, items: [podOf('a', 'rs-old')] };
const letGo = async (rs: ReplicaSetView, hsd?: HsdView): Promise<void> => {
  const replicaSets = { of: (key: string) => (key === 'default/rooms' ? [rs] : []) };
  const orphans = await findOrphans(harness.applier.client, { replicaSets }, 'default/rooms', hsd);
  for (const write of orphanWrites(orphans)) await writeOrphan(harness.applier, write);
};
const requests = async (rs: ReplicaSetView, hsd?: HsdView): Promise<string[]> => {
  await letGo(rs, hsd);
  return server.requests.map(({ method, path }) => `${method} ${path}`);
};
const RELEASED = [`GET ${HSD}`, `PATCH ${REPLICA_SET}`];

describe('a ReplicaSet that was handed to an hsd', () => {
  test('is let go of when the hsd is gone, and when another one has its name', async () => {
    expect(await requests(retired())).toEqual(RELEASED);
    expect(JSON.parse(server.requests[1]?.body ?? '')).toMatchObject({ metadata: { finalizers: [] } });
    server.requests.length = 0;
    there = 'hsd-2';
    expect(await requests(retired(), anHsd({ uid: 'hsd-2' }))).toEqual(RELEASED);
  });

  test('is left alone when the cache alone has lost the hsd', async () => {
    there = 'hsd-1';
    expect(await requests(retired())).toEqual([`GET ${HSD}`]);
  });

  test('is left alone while the hsd is there, and without our finalizer', async () => {
    expect(await requests(retired(), anHsd())).toEqual([]);
    expect(await requests(retired({ finalizers: ['orphan'] }))).toEqual([]);
  });
});

describe('a ReplicaSet the garbage collector took from its hsd (--cascade=orphan)', () => {
  const orphan = { controller: undefined };

  test('goes without its Pods, and no other Pod is touched', async () => {
    expect(await requests(retired(orphan))).toEqual([
      ...[`GET ${PODS}`, `GET ${PODS}`],
      ...[`PATCH ${PODS}/a`, `PATCH ${REPLICA_SET}`],
    ]);
    expect(JSON.parse(server.requests[2]?.body ?? '')).toEqual({
      metadata: { uid: 'a', resourceVersion: '5', ownerReferences: null },
    });
  });

  test('waits until its controller makes no more Pods', async () => {
    expect(await requests(retired({ ...orphan, observed: false }))).toEqual([]);
  });

  test('that was not deleted yet keeps its Pods', async () => {
    expect(await requests(retired({ ...orphan, deleting: false }))).toEqual([`PATCH ${REPLICA_SET}`]);
  });
});

test('nothing is written once the operator leads no more', async () => {
  harness.isLeading = false;
  await expect(letGo(retired())).rejects.toThrow('not the leader');
});
