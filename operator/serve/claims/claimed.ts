import type { PodView } from '../../decide/model';
import type { User } from './auth';
import type { ClaimRequest } from './claim-request';

/** A session's Pod, for one request. */
export interface Claimed {
  pod: PodView;
  /** It was claimed by this request. */
  isNew: boolean;
  waitedMs: number;
  /** To be called once: whether the answer was written out. */
  settled: (delivered: boolean) => void;
}

export interface ClaimInput {
  /** `namespace/name` of the hsd. */
  key: string;
  user: User;
  request: ClaimRequest;
  /** Aborted when the caller hangs up. */
  signal: AbortSignal;
  /** Whether the caller may see sessions of others. */
  mayGet: () => Promise<boolean>;
}
