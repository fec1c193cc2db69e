import { ApiClient } from '../../../operator/kube/client';
import { type Change, Reflector, type ReflectorOptions } from '../../../operator/kube/reflector';
import type { Versioned } from '../../../operator/kube/store';
import type { KubeObject } from '../../../operator/kube/types';
import { FakeClock } from '../support/fake-clock';
import { recordingLogger } from '../support/logger';
import { MiniApi } from '../support/mini-api';
import { until } from '../support/until';

interface Thing extends Versioned {
  color?: string;
}

/** What every test of a reflector starts with: made anew before each, stopped after it. */
export let api: MiniApi;
export let client: ApiClient;
export let clock: FakeClock;
export let reflector: Reflector<Thing>;
export let changes: string[];
export const logger = recordingLogger();

function toThing({ metadata }: KubeObject): Thing | undefined {
  if (metadata.labels?.unreadable) throw new Error('cannot read it');
  if (metadata.labels?.foreign) return undefined;
  const { uid, namespace = '', name, resourceVersion } = metadata;
  return { uid, namespace, name, resourceVersion, color: metadata.labels?.color };
}

function note({ previous, current }: Change<Thing>): void {
  const thing = current ?? previous;
  const sign = previous === undefined ? '+' : current === undefined ? '-' : '~';
  changes.push(`${sign}${thing?.name}${thing?.color ? `=${thing.color}` : ''}`);
  if (thing?.color === 'explosive') throw new Error('handler failed');
}

export function reflect(options: Partial<ReflectorOptions<Thing>> = {}): Reflector<Thing> {
  const base = { client, path: '/things', transform: toThing, onChange: note, clock, random: () => 0.5, logger };
  reflector = new Reflector<Thing>({ ...base, ...options });
  return reflector;
}

export async function follow(options?: Partial<ReflectorOptions<Thing>>): Promise<void> {
  reflect(options).start();
  await reflector.whenSynced();
  await until(() => api.openWatches === 1);
}

export const content = (): string[] =>
  [...reflector.values()].map(({ name, color }) => (color ? `${name}=${color}` : name));
export const watchRequests = () => api.server.requests.filter(({ query }) => query.watch === 'true');

beforeEach(async () => {
  changes = [];
  logger.lines.length = 0;
  clock = new FakeClock();
  api = await MiniApi.start();
  // The client has the machine's clock: moving the fake one must not end requests under way.
  client = new ApiClient({ server: api.url, tls: {} }, { userAgent: 'test' });
});

afterEach(async () => {
  await reflector.stop();
  await client.close();
  await api.stop();
});
