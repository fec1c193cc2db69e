import { STATE_LABEL } from '../../../src/api/names';
import type { PodView, PortView } from '../../decide/model';
import { rfc3339 } from '../../decide/sessions';

/** What a claim is answered with, and what reads of it say. */
export interface ClaimAnswer {
  sessionId: string;
  pod: {
    name: string;
    namespace: string;
    uid: string;
    ip?: string;
    node?: string;
    labels: Readonly<Record<string, string>>;
    ports: readonly PortView[];
    /** The Pod is being ended; the session lives until it is gone. */
    terminating?: true;
  };
  claimedAt: string;
  expiresAt?: string;
  /** How long this request waited for a Pod. */
  waitedMilliseconds: number;
}

export function claimAnswer(pod: PodView, waitedMs = 0): ClaimAnswer {
  const { name, namespace, uid, ip, node, labels, state, ports, deleting } = pod;
  const { id = '', claimedAt = 0, expiresAt } = pod.session ?? {};
  return {
    sessionId: id,
    pod: {
      name,
      namespace,
      uid,
      ...(ip !== undefined && { ip }),
      ...(node !== undefined && { node }),
      labels: { ...labels, ...(state !== undefined && { [STATE_LABEL]: state }) },
      ports,
      ...(deleting && { terminating: true as const }),
    },
    claimedAt: rfc3339(claimedAt),
    ...(expiresAt !== undefined && { expiresAt: rfc3339(expiresAt) }),
    waitedMilliseconds: Math.round(waitedMs),
  };
}
