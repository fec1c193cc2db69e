import type { HsdView } from '../../../operator/decide/model';
import { probeSpecOf } from '../../../operator/probe/probe-spec';

const hsd = (busyProbe?: HsdView['spec']['busyProbe']): HsdView => ({
  uid: 'u',
  namespace: 'ns',
  name: 'a',
  resourceVersion: '1',
  generation: 1,
  deleting: false,
  finalizers: [],
  spec: {
    idleTarget: 1,
    selector: { matchLabels: { app: 'a' } },
    podTemplate: { spec: { containers: [] } },
    busyProbe,
  },
  status: {},
});

const DEFAULTS = {
  ...{ port: 8080, path: '/busy', successIsBusy: true, timeoutSeconds: 1, periodSeconds: 10 },
  ...{ scheme: 'HTTP', failureThreshold: 1, via: 'PodIP' },
};

describe('probeSpecOf', () => {
  it.each<[string, HsdView['spec']['busyProbe'], unknown]>([
    ['nothing', undefined, undefined],
    ['annotation mode', { mode: 'annotation' }, undefined],
    ['http mode alone', { mode: 'http' }, DEFAULTS],
    ['annotation mode with Pods that were started for probes', { mode: 'annotation', http: {} }, DEFAULTS],
    [
      'every field',
      {
        mode: 'http',
        http: {
          port: 1,
          path: '/x',
          successIsBusy: false,
          scheme: 'HTTPS',
          failureThreshold: 3,
          via: 'APIServerProxy',
        },
      },
      {
        ...DEFAULTS,
        port: 1,
        path: '/x',
        successIsBusy: false,
        scheme: 'HTTPS',
        failureThreshold: 3,
        via: 'APIServerProxy',
      },
    ],
  ])('makes of %s how to probe', (_name, busyProbe, want) => {
    expect(probeSpecOf(hsd(busyProbe))).toEqual(want);
  });
});
