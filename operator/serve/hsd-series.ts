import type { HotStandbyStatus } from '../../src/api/types';
import type { Clock } from '../kube/clock';

/** The counts and conditions of an hsd's status; absent ones are 0, or not so. */
export type HsdStatusCounts = Pick<
  HotStandbyStatus,
  | 'availableCount'
  | 'busyCount'
  | 'startingCount'
  | 'drainingCount'
  | 'detachedCount'
  | 'unknownCount'
  | 'desiredReplicas'
  | 'conditions'
>;

interface Entry {
  /** `{namespace="...",name="..."}`, made once. */
  readonly labels: string;
  target: number;
  status: HsdStatusCounts;
  /** Monotonic milliseconds up to which `belowSeconds` is right. */
  countedTo: number;
  belowSeconds: number;
}

interface Family {
  readonly name: string;
  readonly type: 'gauge' | 'counter';
  readonly help: string;
  readonly read: (entry: Entry) => number | undefined;
}

const pods = (what: string, help: string, read: Family['read']): Family => ({
  name: `hotstandby_${what}_pods`,
  type: 'gauge',
  help,
  read,
});

const FAMILIES: readonly Family[] = [
  pods(
    'available',
    'Pods that could take a session now: Ready, not busy, not draining.',
    ({ status }) => status.availableCount,
  ),
  pods('busy', 'Pods that hold a session.', ({ status }) => status.busyCount),
  pods('starting', 'Pods that are not busy and not Ready yet.', ({ status }) => status.startingCount),
  pods('draining', 'Idle Pods chosen to go.', ({ status }) => status.drainingCount),
  pods(
    'detached',
    'Pods outside the child Deployment that live until their session ends.',
    ({ status }) => status.detachedCount,
  ),
  pods('unknown', 'Pods whose last HTTP probe failed.', ({ status }) => status.unknownCount),
  pods('desired', 'Pods that should be there, busy ones included.', ({ status }) => status.desiredReplicas),
  pods('target', 'Available Pods that should be there.', ({ target }) => target),
  {
    name: 'hotstandby_stalled',
    type: 'gauge',
    help: '1 while the spec cannot be carried out: the condition Stalled.',
    read: ({ status }) => (isTrue(status, 'Stalled') ? 1 : 0),
  },
  {
    name: 'hotstandby_below_target_seconds_total',
    type: 'counter',
    help: 'Time with fewer available Pods than the target.',
    read: ({ belowSeconds }) => belowSeconds,
  },
];

function isTrue({ conditions = [] }: HsdStatusCounts, type: string): boolean {
  return conditions.some((condition) => condition.type === type && condition.status === 'True');
}

function head({ name, help, type }: Pick<Family, 'name' | 'help' | 'type'>): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
}

/** Label values as the text format wants them (https://prometheus.io/docs/instrumenting/exposition_formats/). */
function quoted(value: string): string {
  return `"${value.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n')}"`;
}

/**
 * The series with the labels namespace and name, written by hand: prom-client takes over 100 ms of the thread for 2,000 hsds at
 * every scrape, which a reaction would have to wait for; this takes 10 ms, and a report is an entry in a Map.
 */
export class HsdSeries {
  private readonly entries = new Map<string, Entry>();
  /** Keys beyond the cap: counted, without series. */
  private readonly uncounted = new Set<string>();

  constructor(
    private readonly clock: Clock,
    private readonly max: number,
  ) {}

  set(namespace: string, name: string, target: number, status: HsdStatusCounts): void {
    const key = `${namespace}/${name}`;
    const entry = this.entries.get(key);
    if (entry) {
      this.countBelow(entry, this.clock.monotonic());
      entry.target = target;
      entry.status = status;
    } else if (this.entries.size < this.max) {
      const labels = `{namespace=${quoted(namespace)},name=${quoted(name)}}`;
      this.entries.set(key, { labels, target, status, countedTo: this.clock.monotonic(), belowSeconds: 0 });
      this.uncounted.delete(key);
    } else {
      this.uncounted.add(key);
    }
  }

  remove(namespace: string, name: string): void {
    const key = `${namespace}/${name}`;
    this.entries.delete(key);
    this.uncounted.delete(key);
  }

  /** Drops everything: nobody keeps it up to date any more. */
  clear(): void {
    this.entries.clear();
    this.uncounted.clear();
  }

  /** All series in the Prometheus text format. */
  text(): string {
    const now = this.clock.monotonic();
    for (const entry of this.entries.values()) this.countBelow(entry, now);
    return [...FAMILIES.map((family) => this.familyText(family)), this.totalsText()].join('\n');
  }

  private familyText(family: Family): string {
    let text = head(family);
    for (const entry of this.entries.values()) text += `${family.name}${entry.labels} ${family.read(entry) ?? 0}\n`;
    return text;
  }

  private totalsText(): string {
    const name = 'hotstandby_hsds';
    const help = 'HotStandbyDeployments by whether they have series of their own: their number is capped.';
    const [yes, no] = [this.entries.size, this.uncounted.size];
    return `${head({ name, help, type: 'gauge' })}${name}{series="yes"} ${yes}\n${name}{series="no"} ${no}\n`;
  }

  private countBelow(entry: Entry, now: number): void {
    if ((entry.status.availableCount ?? 0) < entry.target) entry.belowSeconds += (now - entry.countedTo) / 1000;
    entry.countedTo = now;
  }
}
