import * as kplus from 'cdk8s-plus-28';
import { HotStandby, type HotStandbyProps, type SelfAnnotatingOptions } from '../../src';
import { at, only, synth } from './support';

const minimal: HotStandbyProps = { idleTarget: 3, containers: [{ image: 'ghcr.io/acme/room:1' }] };

describe('selfAnnotating()', () => {
  const own = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } });

  test('makes a labelled ServiceAccount that may read and patch Pods, and tells each container who it is', () => {
    const manifests = synth((chart) => {
      const rooms = new HotStandby(chart, 'rooms', { ...minimal, metadata: { name: 'rooms', namespace: 'games' } });
      rooms.selfAnnotating();
      rooms.addContainer({ name: 'later', image: 'sidecar', portNumber: 1 });
    });
    const account = only(manifests, 'ServiceAccount');
    expect(account.metadata).toMatchObject({ namespace: 'games', labels: { 'hsd.paia.tech/annotator': 'true' } });
    expect(only(manifests, 'Role').metadata.namespace).toBe('games');
    expect(at(only(manifests, 'Role'), 'rules')).toEqual([
      { apiGroups: [''], resources: ['pods'], verbs: ['get', 'patch'] },
    ]);
    const binding = only(manifests, 'RoleBinding');
    expect(at(binding, 'subjects')).toEqual([
      { apiGroup: '', kind: 'ServiceAccount', name: account.metadata.name, namespace: 'games' },
    ]);
    expect(at(binding, 'roleRef', 'name')).toBe(only(manifests, 'Role').metadata.name);
    const pod = at(only(manifests, 'HotStandbyDeployment'), 'spec', 'podTemplate', 'spec');
    expect(pod).toMatchObject({ serviceAccountName: account.metadata.name, automountServiceAccountToken: true });
    for (const index of [0, 1]) {
      expect(at(pod, 'containers', index, 'env')).toEqual([
        own('POD_NAME', 'metadata.name'),
        own('POD_NAMESPACE', 'metadata.namespace'),
        own('POD_UID', 'metadata.uid'),
      ]);
    }
  });

  test.each<[string, (sa: kplus.IServiceAccount) => [Partial<HotStandbyProps>, SelfAnnotatingOptions]]>([
    ['the ServiceAccount of the HotStandby', (serviceAccount) => [{ serviceAccount }, {}]],
    ['the ServiceAccount it is given', (serviceAccount) => [{}, { serviceAccount }]],
  ])('uses and labels %s', (_name, give) => {
    const manifests = synth((chart) => {
      const account = new kplus.ServiceAccount(chart, 'account', { metadata: { name: 'mine' } });
      const [props, options] = give(account);
      expect(new HotStandby(chart, 'rooms', { ...minimal, ...props }).selfAnnotating(options)).toBe(account);
    });
    expect(only(manifests, 'ServiceAccount').metadata).toMatchObject({
      name: 'mine',
      labels: { 'hsd.paia.tech/annotator': 'true' },
    });
    const pod = at(only(manifests, 'HotStandbyDeployment'), 'spec', 'podTemplate', 'spec');
    expect(at(pod, 'serviceAccountName')).toBe('mine');
  });

  test('binds one that exists in the cluster', () => {
    const manifests = synth((chart) => {
      const serviceAccount = kplus.ServiceAccount.fromServiceAccountName(chart, 'account', 'there');
      const metadata = { namespace: 'games' };
      new HotStandby(chart, 'rooms', { ...minimal, metadata }).selfAnnotating({ serviceAccount });
    });
    expect(manifests.filter((m) => m.kind === 'ServiceAccount')).toEqual([]);
    // Where the Pods are, not where cdk8s-plus takes an imported account to be.
    const subject = { kind: 'ServiceAccount', name: 'there', namespace: 'games' };
    expect(at(only(manifests, 'RoleBinding'), 'subjects')).toEqual([subject]);
  });

  test('leaves a variable alone that the user set', () => {
    const manifests = synth((chart) => {
      const envVariables = { POD_NAME: kplus.EnvValue.fromValue('mine') };
      new HotStandby(chart, 'rooms', { ...minimal, containers: [{ image: 'room', envVariables }] }).selfAnnotating();
    });
    const env = at(only(manifests, 'HotStandbyDeployment'), 'spec', 'podTemplate', 'spec', 'containers', 0, 'env');
    expect(Object.values(Object(env)).map((variable) => at(variable, 'name'))).toEqual([
      'POD_NAME',
      'POD_NAMESPACE',
      'POD_UID',
    ]);
    expect(at(env, 0)).toEqual({ name: 'POD_NAME', value: 'mine' });
  });
});
