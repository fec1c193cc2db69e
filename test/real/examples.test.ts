import type { ExampleName } from '../../examples/images';
import { STATE_LABEL } from '../../src/api/names';
import { eventually } from '../../tools/base/eventually';
import { kubectl } from '../e2e/support/kubectl';
import { type Pod, Scene } from '../e2e/support/scene';
import { crash } from './support/crash';
import { applyExample, RESTRICTED } from './support/manifests';
import { realRun } from './support/run';
import { ask, ipOf, Sessions } from './support/sessions';
import { describeReal, note } from './support/suite';

jest.setTimeout(300_000);

interface Example {
  example: ExampleName;
  hsd: string;
  files: readonly string[];
  /** Longest time from a session's begin to the operator's knowing: nothing, or the period of the probes. */
  seenWithinMs: number;
}

const EXAMPLES: readonly Example[] = [
  { example: 'annotation', hsd: 'rooms', files: ['rbac', 'hsd'], seenWithinMs: 0 },
  { example: 'annotation-python', hsd: 'rooms-python', files: ['rbac', 'hsd'], seenWithinMs: 0 },
  { example: 'http', hsd: 'sandboxes', files: ['hsd'], seenWithinMs: 2_000 },
];
/** What a busy two-core machine may add to a figure. */
const SLACK_MS = 3_000;

describeReal('the examples as they are, in a namespace with restricted Pod security', () => {
  const scenes = new Map<ExampleName, Scene>();
  beforeAll(async () => {
    await Promise.all(
      EXAMPLES.map(async ({ example, files }) => {
        const scene = await Scene.open(`example-${example}`, RESTRICTED);
        scenes.set(example, scene);
        await applyExample(scene, example, files);
      }),
    );
  });
  afterAll(async () => {
    await Promise.all([...scenes.values()].map((scene) => scene.close()));
  });

  const sceneOf = (example: ExampleName): Scene => {
    const scene = scenes.get(example);
    if (!scene) throw new Error(`no scene for ${example}`);
    return scene;
  };

  it('run on this machine, the Python one too when CI is set', () => {
    expect(realRun().python || !process.env.CI).toBe(true);
  });

  describe.each(EXAMPLES)('$example', ({ example, hsd, seenWithinMs }) => {
    const hasImage =
      example !== 'annotation-python' || process.env.HOTSTANDBY_REAL_RUN === undefined || realRun().python;
    const whenItCan = hasImage ? it : it.skip;

    whenItCan('counts sessions begun at the app, replaces their Pods, and shrinks when they end', async () => {
      const scene = sceneOf(example);
      const sessions = new Sessions(scene);
      const idle = await scene.settledAt(3);
      await scene.status(hsd, { busyCount: 0, idleCount: 3, availableCount: 3, desiredReplicas: 3 });
      const [first, second] = idle as [Pod, Pod];

      const reactions: number[] = [];
      for (const [index, pod] of [first, second].entries()) {
        expect(await sessions.start(pod)).toMatchObject({ status: 201, state: 'busy' });
        const begun = performance.now();
        await scene.childAt(hsd, 4 + index);
        reactions.push(Math.round(performance.now() - begun));
      }
      note(`${example}: session begun -> child grown ${reactions.join(', ')} ms`);
      expect(Math.max(...reactions)).toBeLessThan(seenWithinMs + SLACK_MS);
      await scene.settledAt(5);
      await scene.status(hsd, { busyCount: 2, idleCount: 3, availableCount: 3, desiredReplicas: 5, replicas: 5 });
      await scene.condition(hsd, 'Ready', 'True');
      await scene.condition(hsd, 'IdleTargetMet', 'True');

      expect(await sessions.start(first)).toMatchObject({ status: 409, state: 'busy' });
      expect(await sessions.lost()).toEqual([]);

      await sessions.end(first);
      await scene.settledAt(4);
      expect(await sessions.lost()).toEqual([]);
      await sessions.end(second);
      await scene.settledAt(3);
      await scene.status(hsd, { busyCount: 0, idleCount: 3, availableCount: 3, desiredReplicas: 3, replicas: 3 });
    });

    whenItCan('refuses a session in a Pod that is being deleted, which is replaced', async () => {
      const scene = sceneOf(example);
      const [pod] = (await scene.settledAt(3)) as [Pod];
      await scene.api.delete(`/api/v1/namespaces/${scene.namespace}/pods/${pod.metadata.name}`);
      // An app that knows nothing of Kubernetes can only go by SIGTERM, which the kubelet sends a moment later.
      const answered = await eventually(async () => {
        const answer = await ask(ipOf(pod), 'POST', '/session').catch(() => undefined);
        if (answer?.status === 201) await ask(ipOf(pod), 'DELETE', '/session');
        expect(answer?.status).not.toBe(201);
        return answer;
      }, seenWithinMs);
      if (answered) expect(answered).toMatchObject({ status: 503 });
      await scene.settledAt(3);
      await scene.status(hsd, { busyCount: 0, availableCount: 3 });
    });
  });

  it('come back free when the app crashes in a session', async () => {
    const scene = sceneOf('annotation');
    const [pod] = (await scene.settledAt(3)) as [Pod];
    expect(await new Sessions(scene).start(pod)).toMatchObject({ status: 201 });
    await scene.status('rooms', { busyCount: 1 });
    crash(pod);
    await scene.status('rooms', { busyCount: 0, availableCount: 3, desiredReplicas: 3 });
    await scene.settledAt(3);
  });

  it('let a Pod write its own annotation with its own token, and RBAC keeps everything else from it', async () => {
    const scene = sceneOf('annotation');
    const [pod] = await scene.readyPods(`${STATE_LABEL}=idle`);
    const neighbour = sceneOf('http');
    const [stranger] = await neighbour.readyPods();
    const script = IN_POD_CALLS([
      ['PATCH', `/api/v1/namespaces/${scene.namespace}/pods/${pod?.metadata.name}`],
      ['PATCH', `/api/v1/namespaces/${neighbour.namespace}/pods/${stranger?.metadata.name}`],
      ['GET', `/api/v1/namespaces/${scene.namespace}/pods`],
      ['DELETE', `/api/v1/namespaces/${scene.namespace}/pods/${pod?.metadata.name}`],
      ['PATCH', `/apis/apps.paia.tech/v1alpha1/namespaces/${scene.namespace}/hotstandbydeployments/rooms`],
    ]);
    const args = ['exec', '-i', '-n', scene.namespace, pod?.metadata.name ?? '', '--', 'node', '-'];
    expect(await kubectl(args, { input: script })).toBe('200 403 403 403 403\n');
  });
});

/** Calls the API server as the app does, with the token in the Pod; prints the status codes. Patches change nothing. */
const IN_POD_CALLS = (calls: readonly (readonly [method: string, path: string])[]): string => `
  const fs = require('node:fs'), https = require('node:https');
  const read = (name) => fs.readFileSync('/var/run/secrets/kubernetes.io/serviceaccount/' + name, 'utf8');
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env;
  const headers = { authorization: 'Bearer ' + read('token'), 'content-type': 'application/merge-patch+json' };
  const call = ([method, path]) => new Promise((done, fail) => https
    .request({ host, port, method, path, headers, ca: read('ca.crt'), agent: false }, (r) => { r.resume(); done(r.statusCode); })
    .on('error', fail).end(method === 'PATCH' ? '{"metadata":{"annotations":{"paia.tech/busy":null}}}' : undefined));
  (async () => {
    const codes = [];
    for (const one of ${JSON.stringify(calls)}) codes.push(await call(one));
    console.log(codes.join(' '));
  })();
`;
