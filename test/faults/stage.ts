import { API_VERSION, KIND } from '../../src/api/names';
import type { HotStandbySpec } from '../../src/api/types';
import { ApiServer, type Snapshot } from './cluster/api-server';
import type { Call, Fate, Wire } from './cluster/client';
import { Controllers } from './cluster/controllers';
import { NODES } from './cluster/kubelet';
import { type Deployment, type Hsd, isActive, type Pod } from './cluster/objects';
import { OperatorProcess } from './cluster/operator-process';
import { drainGuard, guard, marks } from './cluster/policies';
import { KEY_VARIABLE, Sessions } from './cluster/sessions';
import { VirtualTime } from './cluster/time';

export const NAMESPACE = 'default';
export const POOL = 'rooms';

export interface StageOptions {
  guarded: boolean;
  /** The marks policy is installed. */
  marked: boolean;
  /** Operators that run for a Lease; 0: one that needs none. */
  candidates: number;
  seed: number;
}

/** What a wire does with the writes of the operators. */
export interface Injector {
  fate(call: Call, operator: OperatorProcess): Fate;
  done(call: Call, outcome: string): void;
}

const HONEST: Injector = { fate: () => ({}), done: () => undefined };

/** A pool at rest, to begin with. */
export interface Prepared {
  snapshot: Snapshot;
  busy: ReadonlyMap<string, number>;
}

/** One cluster with its operators, from its first moment to its last. */
export class Stage {
  readonly time = new VirtualTime();
  readonly server = new ApiServer(this.time);
  readonly controllers = new Controllers(this.server, this.time);
  readonly sessions: Sessions;
  readonly operators: OperatorProcess[] = [];
  injector: Injector = HONEST;
  /** When an operator wrote last, but for Events and Leases. */
  readonly writesAtMs: number[] = [];
  /** Writes that could have ended or lowered what nobody had looked at. */
  readonly unconditional: string[] = [];
  /** What happened, one line each; filled when it is wanted. */
  trace: string[] | undefined;
  /** What is undone when the faults are lifted. */
  readonly lifted: (() => void)[] = [];
  /** Pods there were in all. */
  podsMade = 0;
  mostPods = 0;
  private processes = 0;

  constructor(readonly options: StageOptions) {
    const { guarded, marked } = options;
    this.sessions = new Sessions(this.server, this.time, guarded);
    if (marked) this.server.policies.push(marks);
    if (guarded) this.server.policies.push(guard, drainGuard);
    this.server.watchers.add(({ resource, type, object, actor }) => {
      this.note(`${type.toLowerCase()} ${resource}/${object.metadata.name} by ${actor}`);
      if (resource !== 'pods' || type !== 'ADDED') return;
      this.podsMade += 1;
      this.mostPods = Math.max(this.mostPods, this.pods().length);
    });
  }

  /** An empty cluster. */
  found(): void {
    for (const name of NODES) this.server.create('nodes', '', { metadata: { name } }, { actor: 'admin' });
  }

  restore({ snapshot, busy }: Prepared): void {
    this.server.restore(snapshot);
    for (const [uid, since] of busy) this.sessions.busy.set(uid, since);
    this.mostPods = this.pods().length;
  }

  prepared(): Prepared {
    return { snapshot: this.server.snapshot(), busy: new Map(this.sessions.busy) };
  }

  createPool(spec: Partial<HotStandbySpec>, name = POOL): void {
    const body = { apiVersion: API_VERSION, kind: KIND, metadata: { name }, spec: poolSpec(spec, name) };
    this.server.create('hotstandbydeployments', NAMESPACE, body, { actor: 'git' });
  }

  startOperators(): void {
    for (let i = 0; i < Math.max(1, this.options.candidates); i++) this.startOperator();
  }

  startOperator(): OperatorProcess {
    this.processes += 1;
    const { guarded, candidates, seed } = this.options;
    const name = `operator-${this.processes}`;
    const wire: Wire = {
      fate: (call) => this.fate(call, operator),
      done: (call, outcome) => this.done(call, outcome),
      unconditional: (call) => this.unconditional.push(textOf(call)),
    };
    const operator: OperatorProcess = new OperatorProcess({
      name,
      server: this.server,
      time: this.time,
      wire,
      podIp: this.sessions,
      guarded,
      elects: candidates > 0,
      seed: seed + this.processes,
    });
    this.operators.push(operator);
    operator.start();
    this.note(`${name} starts`);
    return operator;
  }

  kill(operator: OperatorProcess): void {
    if (!operator.isAlive) return;
    operator.kill();
    this.note(`${operator.name} is killed`);
  }

  /** Pods that are neither deleted nor finished, in the order of their making. */
  pods(): Pod[] {
    return this.server.all('pods').filter(isActive);
  }

  pod(index: number): Pod | undefined {
    const pods = this.pods();
    return pods[index % Math.max(1, pods.length)];
  }

  hsd(name = POOL): Hsd | undefined {
    return this.server.find('hotstandbydeployments', NAMESPACE, name);
  }

  child(name = POOL): Deployment | undefined {
    return this.server.find('deployments', NAMESPACE, `${name}-workload`);
  }

  changeSpec(changes: Partial<HotStandbySpec>, name = POOL): void {
    if (this.hsd(name) === undefined) return;
    this.server.update(
      'hotstandbydeployments',
      NAMESPACE,
      name,
      (live) => ({ ...live, spec: { ...live.spec, ...changes } }),
      { actor: 'git' },
    );
  }

  note(line: string): void {
    this.trace?.push(`${(this.time.elapsedMs / 1000).toFixed(3)}  ${line}`);
  }

  private fate(call: Call, operator: OperatorProcess): Fate {
    if (!isCounted(call)) return {};
    this.writesAtMs.push(this.time.elapsedMs);
    return this.injector.fate(call, operator);
  }

  private done(call: Call, outcome: string): void {
    if (!isCounted(call)) return;
    this.note(`${call.client}: ${textOf(call)} -> ${outcome}`);
    this.injector.done(call, outcome);
  }
}

/** A write that matters: Events are help for people, and the Lease has tests of its own. */
export function isCounted({ verb, resource }: Call): boolean {
  return verb !== 'get' && verb !== 'list' && resource !== 'events' && resource !== 'leases';
}

export function textOf({ verb, resource, subresource, name, body }: Call): string {
  const what = `${verb} ${resource}/${name ?? ''}${subresource ? `/${subresource}` : ''}`;
  const text =
    body === undefined || resource === 'hotstandbydeployments' ? '' : ` ${JSON.stringify(body).slice(0, 260)}`;
  return what + text;
}

export function poolSpec(spec: Partial<HotStandbySpec>, name = POOL): HotStandbySpec {
  const key = spec.busyProbe?.mode === 'http' ? '' : (spec.busyProbe?.annotationKey ?? 'paia.tech/busy');
  return {
    idleTarget: 2,
    minReplicas: 0,
    selector: { matchLabels: { app: name } },
    podTemplate: template(1, key),
    busyProbe: { mode: 'annotation', annotationKey: 'paia.tech/busy' },
    ...spec,
  } as HotStandbySpec;
}

/** What the user writes about the Pods: the image, and how the app tells that it is busy. */
export function template(version: number, key = 'paia.tech/busy'): HotStandbySpec['podTemplate'] {
  const env = [{ name: KEY_VARIABLE, value: key }];
  return { spec: { containers: [{ name: 'room', image: `room:${version}`, env }] } } as HotStandbySpec['podTemplate'];
}
