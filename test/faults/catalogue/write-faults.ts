import { ApiError, NetworkError } from '../../../operator/kube/errors';
import type { Call } from '../cluster/client';
import type { OperatorProcess } from '../cluster/operator-process';
import type { Stage } from '../stage';
import type { Faults, FaultType } from './fault';

/** In every message of a refusal, so that a condition that tells of it can be told from one that does not. */
export const REFUSAL_WORD = 'quota of the test';

const REFUSALS: Record<number, () => ApiError> = {
  403: () => new ApiError(403, { reason: 'Forbidden', message: `forbidden: ${REFUSAL_WORD}` }),
  409: () => new ApiError(409, { reason: 'Conflict', message: `the object has been modified: ${REFUSAL_WORD}` }),
  422: () => new ApiError(422, { reason: 'Invalid', message: `invalid: ${REFUSAL_WORD}` }),
  429: () => new ApiError(429, { reason: 'TooManyRequests', message: `too many: ${REFUSAL_WORD}` }, 1000),
  500: () => new ApiError(500, { reason: 'InternalError', message: `failed calling webhook: ${REFUSAL_WORD}` }),
};
const CODES = Object.keys(REFUSALS).map(Number);

const refusal = (code: number): Error => REFUSALS[code]?.() ?? new NetworkError('Reset', REFUSAL_WORD);

const LATE_MS = 4_000;
const RESTART_MS = 1_500;

/** What becomes of a request, and of the operator that sent it. */
export const writeFaults: Faults = {};
const add = (name: string, type: FaultType): void => {
  writeFaults[name] = type;
};

for (const code of CODES) {
  add(`refused ${code}`, { before: () => ({ refusal: refusal(code) }) });
  add(`refused ${code} from now on`, {
    before: () => ({ refusal: refusal(code) }),
    holds: (first, call) => (isAlike(first, call) ? { refusal: refusal(code) } : undefined),
  });
}
for (const code of [403, 409, 500]) {
  add(`refused ${code} from now on, this object`, {
    strikes: ({ call }) => call.resource === 'pods' || call.resource === 'replicasets',
    before: () => ({ refusal: refusal(code) }),
    holds: (first, call) => (isAlike(first, call) && first.name === call.name ? { refusal: refusal(code) } : undefined),
  });
}
add('reply lost', { before: () => ({ isReplyLost: true }) });
add('late', { before: () => ({ delayMs: LATE_MS }) });
add('operator killed before', { before: ({ stage, operator }) => void kill(stage, operator) });
add('operator killed after', { after: ({ stage, operator }) => kill(stage, operator) });

function isAlike(one: Call, other: Call): boolean {
  return one.verb === other.verb && one.resource === other.resource && one.subresource === other.subresource;
}

function kill(stage: Stage, operator: OperatorProcess): void {
  if (!operator.isAlive) return;
  stage.kill(operator);
  stage.time.after(RESTART_MS, () => void stage.startOperator());
}
