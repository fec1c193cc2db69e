import type { HsdView, PodView } from '../../../operator/decide/model';
import { ApiError, NetworkError } from '../../../operator/kube/errors';
import { Losses } from '../../../operator/serve/losses';
import { anHsd, aPod } from '../decide/builders';
import { recordingLogger } from '../support/logger';
import { turns } from '../support/until';

const GONE = new ApiError(404, { reason: 'NotFound' });
const TERMINATING = new ApiError(403, {
  reason: 'Forbidden',
  details: { causes: [{ reason: 'NamespaceTerminating' }] },
});
const FORBIDDEN = new ApiError(403, { reason: 'Forbidden' });

interface Scene {
  /** What the API server says of the Pod. */
  pod?: object | Error;
  /** What it says to the trial in the Pod's namespace. */
  trial?: Error;
  hsd?: HsdView | undefined;
  /** The hsd by the time the API server has answered. */
  later?: HsdView | undefined;
}

async function lossesOf(change: { previous?: PodView; current?: PodView }, scene: Scene = {}): Promise<number> {
  const { pod = GONE, trial } = scene;
  const hsd = 'hsd' in scene ? scene.hsd : anHsd();
  let lost = 0;
  let asked = false;
  const losses = new Losses({
    client: {
      get: <T>() => {
        asked = true;
        return pod instanceof Error ? Promise.reject(pod) : Promise.resolve({ metadata: pod } as T);
      },
      create: <T>() => (trial ? Promise.reject(trial) : Promise.resolve({} as T)),
    },
    world: { hsd: () => ('later' in scene && asked ? scene.later : hsd) },
    logger: recordingLogger(),
    onLoss: () => {
      lost += 1;
    },
  });
  losses.podChanged(change);
  await turns();
  return lost;
}

const busy = aPod('a').with({ state: 'busy' }).build();
const deleting = aPod('a').with({ state: 'busy', deleting: true }).build();

describe('a busy Pod that was ended', () => {
  test.each<[string, { previous?: PodView; current?: PodView }, Scene]>([
    ['is being deleted', { previous: busy, current: deleting }, {}],
    ['failed', { previous: busy, current: aPod('a').with({ state: 'busy', phase: 'Failed' }).build() }, {}],
    ['is gone', { previous: busy }, {}],
    ['is gone, and another has its name', { previous: busy }, { pod: { uid: 'other' } }],
    ['is gone, and the trial is refused for another reason', { previous: busy }, { trial: FORBIDDEN }],
  ])('counts: it %s', async (_, change, scene) => {
    expect(await lossesOf(change, scene)).toBe(1);
  });

  test.each<[string, { previous?: PodView; current?: PodView }, Scene]>([
    ['is only not seen any more: its labels were edited', { previous: busy }, { pod: { uid: busy.uid } }],
    ['goes with its namespace', { previous: busy, current: deleting }, { trial: TERMINATING }],
    ['went with its namespace', { previous: busy }, { trial: GONE }],
    ['goes with its hsd', { previous: busy, current: deleting }, { hsd: anHsd({ deleting: true }) }],
    ['goes with its hsd, whose deletion is seen later', { previous: busy }, { later: anHsd({ deleting: true }) }],
    ['has no hsd', { previous: busy }, { hsd: undefined }],
    ['was ended before', { previous: deleting }, {}],
    ['was not busy', { previous: aPod('a').build() }, {}],
    ['cannot be asked about', { previous: busy }, { pod: new NetworkError('Timeout', 'no answer') }],
    ['lives on', { previous: busy, current: busy }, {}],
    ['is new', { current: busy }, {}],
  ])('does not count: it %s', async (_, change, scene) => {
    expect(await lossesOf(change, scene)).toBe(0);
  });
});
