import { policyWithBinding } from '../../src/install/admission';
import { eventually } from '../../tools/base/eventually';
import { CHART, Helm } from '../e2e/support/helm';
import { tryKubectl } from '../e2e/support/kubectl';
import { addPolicy, removePolicy } from '../e2e/support/policies';
import { isReady, type Pod, Scene } from '../e2e/support/scene';
import { applyRooms, RESTRICTED } from './support/manifests';
import { realRun } from './support/run';
import { restartsOf, Sessions } from './support/sessions';
import { describeReal, note } from './support/suite';

jest.setTimeout(300_000);

const RELEASE = 'team';
const OPERATOR = 'app.kubernetes.io/component=operator';
/** Of install.yaml, which looks after every namespace, this one too. */
const OTHER_OPERATOR = 'system:serviceaccount:hotstandby-system:hotstandby-operator';

/** Keeps that one out of a namespace: what happens there is then the chart's doing. */
function keptOut(namespace: string) {
  const everything = {
    apiGroups: ['*'],
    apiVersions: ['*'],
    resources: ['*/*'],
    operations: ['CREATE', 'UPDATE', 'DELETE'],
    scope: 'Namespaced',
  };
  return policyWithBinding(
    'Validating',
    { name: `${namespace}-belongs-to-the-chart`, labels: {}, namespaces: [namespace] },
    {
      failurePolicy: 'Fail',
      matchConstraints: { resourceRules: [everything] },
      matchConditions: [{ name: 'other', expression: `request.userInfo.username == '${OTHER_OPERATOR}'` }],
      validations: [{ expression: 'false', message: 'belongs to the chart' }],
    },
  );
}

describeReal('the chart, for one team in a namespace of restricted Pod security', () => {
  let scene: Scene;
  let helm: Helm;
  let policy: ReturnType<typeof keptOut>;
  const where = () => ['--namespace', scene.namespace, '--timeout', '120s'];
  beforeAll(async () => {
    scene = await Scene.open('helm', RESTRICTED);
    helm = new Helm(realRun().admin, realRun().dir);
    policy = keptOut(scene.namespace);
    await addPolicy(scene, policy);
    const create = ['create', 'deployment', 'x', '--image=x', '-n', scene.namespace, '--dry-run=server'];
    await eventually(async () => {
      const { stderr } = await tryKubectl([...create, `--as=${OTHER_OPERATOR}`]);
      expect(stderr).toContain('belongs to the chart');
    });
  });
  afterAll(async () => {
    if (policy) await removePolicy(scene, policy);
    await scene?.close();
  });

  it('runs the operator from its image, and its own test finds a leader', async () => {
    const start = performance.now();
    await helm.run(['install', RELEASE, CHART, ...where(), '--wait'], { ownNamespaceOnly: true });
    note(`helm install --wait: ${Math.round(performance.now() - start)} ms`);
    const pods = await scene.pods(OPERATOR);
    expect(pods.filter(isReady)).toHaveLength(2);
    expect(pods.map(restartsOf)).toEqual([0, 0]);
    expect(await helm.run(['test', RELEASE, ...where()])).toContain('Succeeded');
  });

  it('keeps an hsd at its target while a session comes and goes', async () => {
    await applyRooms(scene, { idleTarget: 1 });
    const [pod] = await scene.settledAt(1, 'app=rooms');
    const sessions = new Sessions(scene);
    expect(await sessions.start(pod as Pod)).toMatchObject({ status: 201 });
    await scene.settledAt(2, 'app=rooms');
    await scene.status('rooms', { busyCount: 1, availableCount: 1 });
    expect(await sessions.lost()).toEqual([]);
    await sessions.end(pod as Pod);
    await scene.settledAt(1, 'app=rooms');
  });

  it('is uninstalled and leaves the hsd and its Pod', async () => {
    await helm.run(['uninstall', RELEASE, ...where(), '--wait']);
    expect(await scene.pods(OPERATOR)).toEqual([]);
    expect(await scene.readyPods('app=rooms')).toHaveLength(1);
    expect((await scene.hsd('rooms')).metadata.deletionTimestamp).toBeUndefined();
  });
});
