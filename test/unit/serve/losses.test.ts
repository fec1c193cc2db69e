import type { HsdView, PodView } from '../../../operator/decide/model';
import { countLoss } from '../../../operator/serve/losses';
import { anHsd, aPod } from '../decide/builders';
import { recordingLogger } from '../support/logger';

const busy = aPod('a').busy().marked('busy');

test.each<[string, PodView | undefined, PodView | undefined, HsdView | undefined, number]>([
  ['is deleted', busy.build(), undefined, anHsd(), 1],
  ['is being deleted', busy.build(), busy.with({ deleting: true }).build(), anHsd(), 1],
  ['failed', busy.build(), busy.with({ phase: 'Failed' }).build(), anHsd(), 1],
  ['was being deleted already', busy.with({ deleting: true }).build(), undefined, anHsd(), 0],
  ['was idle', aPod('a').build(), undefined, anHsd(), 0],
  ['is new', undefined, busy.build(), anHsd(), 0],
  ['lives on', busy.build(), busy.notReady().build(), anHsd(), 0],
  ['goes with its hsd', busy.build(), undefined, anHsd({ deleting: true }), 0],
  ['has no hsd', busy.build(), undefined, undefined, 0],
])('a Pod that %s is counted as it should be: %#', (_name, previous, current, hsd, lost) => {
  let counted = 0;
  const metrics = {
    addBusyPodsLost: (pods: number) => {
      counted += pods;
    },
  };
  countLoss({ metrics, logger: recordingLogger(), hsd: () => hsd }, { previous, current });
  expect(counted).toBe(lost);
});
