import { havePatience } from '../../../tools/base/eventually';
import { type ClusterRun, runInfo, useRun } from '../../e2e/support/run-info';

/** Environment variable that tells test processes where this run's facts are. Unset: real nodes cannot run here. */
export const RUN_ENV = 'HOTSTANDBY_REAL_RUN';

/** The node that tests may break and drain. Only Pods that tolerate its taint run there. */
export const FRAGILE_NODE = 'real-3';
/** Key of that node's taint (NoSchedule). */
export const FRAGILE_TAINT = 'test.hotstandby/fragile';

/** What setup.ts left for the test files. */
export interface RealRun extends ClusterRun {
  /** Base URL of node-control.ts. */
  nodeControl: string;
  /** This machine has Python, so the image for Python apps exists. */
  python: boolean;
}

useRun(RUN_ENV);
// Containers start in seconds, on a machine that other tests keep busy.
havePatience({ deadlineMs: 90_000, pollMs: 50 });

export function realRun(): RealRun {
  return runInfo<RealRun>();
}
