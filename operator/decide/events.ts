import { childName } from '../../src/api/names';
import type { Capacity } from './capacity';
import { conditionMessage } from './conditions';
import type { EventNote, HsdView, Observation, SessionEnd, Write } from './model';
import type { EventReason, Explanation } from './reasons';
import { keysLeftOut } from './reserved';
import { rfc3339 } from './sessions';

export interface Scale {
  writes: Write[];
  event?: { from: number; to: number };
}

/** What a plan does, for the Events that tell of it. */
export interface Doings {
  created: boolean;
  replicas: number;
  scale?: Scale;
  stalled?: Explanation<EventReason>;
  rollingOut: boolean;
}

export function eventsOf(observation: Observation, wanted: Capacity, done: Doings): EventNote[] {
  const name = `Deployment ${childName(observation.hsd.name)}`;
  const events: EventNote[] = [];
  if (done.created) {
    events.push({
      type: 'Normal',
      reason: 'ChildCreated',
      action: 'Create',
      note: `Created ${name} with ${done.replicas} replicas (${sumOf(wanted)})`,
    });
  }
  if (done.scale?.event) events.push(scaledEvent(observation.hsd, done.scale.event, wanted));
  if (done.stalled && !alreadySaid(observation, done.stalled)) {
    events.push({ type: 'Warning', reason: done.stalled.reason, action: 'Apply', note: done.stalled.message });
  }
  if (done.rollingOut) {
    events.push({
      type: 'Normal',
      reason: 'RollingOut',
      action: 'Apply',
      note: `Rolling out a new Pod template to ${name}; busy Pods stay until their session ends`,
    });
  }
  const leftOut = done.created || done.rollingOut ? keysLeftOut(observation.hsd.spec) : [];
  if (leftOut.length > 0) {
    const note = `Left out of the Pod template, because HotStandby itself writes it: ${leftOut.join(', ')}`;
    events.push({ type: 'Warning', reason: 'ReservedKeys', action: 'Apply', note });
  }
  return events;
}

export function scaledEvent(
  { name }: Pick<HsdView, 'name'>,
  { from, to }: { from: number; to: number },
  wanted: Capacity,
): EventNote {
  const [reason, way] = to > from ? (['ScaledUp', 'up'] as const) : (['ScaledDown', 'down'] as const);
  const note = `Scaled Deployment ${childName(name)} ${way} from ${from} to ${to} (${sumOf(wanted)})`;
  return { type: 'Normal', reason, action: 'Scale', note };
}

function sumOf({ desired, idleWanted }: Capacity): string {
  return `${desired - idleWanted} busy + ${idleWanted} idle wanted`;
}

/** What happened to a session that nobody released. */
export function eventOfEnd({ pod, session, reason }: SessionEnd): EventNote {
  const what = `Session ${session.id} on Pod ${pod.name}`;
  if (reason === 'Expired') {
    const note = `${what} is over: it was not renewed before ${rfc3339(session.expiresAt ?? 0)}`;
    return { type: 'Normal', reason: 'SessionExpired', action: 'EndSession', note };
  }
  const note = `${what} is released: another Pod has held the same session for longer`;
  return { type: 'Warning', reason: 'SessionDuplicate', action: 'EndSession', note };
}

/** The condition holds the message already: saying it again with every pass would only be noise. */
export function alreadySaid({ hsd }: Observation, { message }: { message: string }): boolean {
  const said = conditionMessage(message);
  return hsd.status.conditions?.some((c) => c.type === 'Stalled' && c.status === 'True' && c.message === said) ?? false;
}
