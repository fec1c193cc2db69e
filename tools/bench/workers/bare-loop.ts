/**
 * The least any operator could do, to measure ours against: watch Pods by label, patch a Deployment's scale to
 * busy + idle whenever the number of busy ones changes; one patch at a time for each, so that a burst ends right. No
 * cache of objects, no status, no safety.
 *
 * Reads BARE_LOOP (JSON: LoopSettings), writes `ready` to standard output once all its watches have begun, ends with its
 * standard input.
 */
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { createInterface } from 'node:readline';

export interface LoopSettings {
  server: string;
  /** PEM. */
  tls: { ca: string; cert: string; key: string };
  /** Undefined: all of them. */
  namespaces?: readonly string[];
  /** Label with the pool's name; Pods without are not watched. */
  nameLabel: string;
  busyKey: string;
  /** The Deployment of pool `rooms` is called `rooms<suffix>`. */
  suffix: string;
  idleTarget: number;
}

interface PodEvent {
  type: string;
  object: {
    metadata: {
      uid: string;
      resourceVersion: string;
      namespace: string;
      labels: Record<string, string>;
      annotations?: Record<string, string>;
    };
  };
}

interface Pool {
  path: string;
  busy: Set<string>;
  written: number;
  writing: boolean;
}

/** An API server that takes longer is no measure of anything: the loop ends, and the benchmark with it. */
const PATCH_TIMEOUT_MS = 60_000;

const settings = JSON.parse(readFileSync(process.env.BARE_LOOP ?? '', 'utf8')) as LoopSettings;
// As many connections as the operator's client.
const agent = new Agent({ ...settings.tls, keepAlive: true, maxSockets: 64 });
const pools = new Map<string, Pool>();

function poolOf(namespace: string, name: string): Pool {
  const path = `/apis/apps/v1/namespaces/${namespace}/deployments/${name}${settings.suffix}/scale`;
  const known = pools.get(path);
  if (known !== undefined) return known;
  const pool = { path, busy: new Set<string>(), written: settings.idleTarget, writing: false };
  pools.set(path, pool);
  return pool;
}

function scale(pool: Pool): void {
  const replicas = pool.busy.size + settings.idleTarget;
  if (pool.writing || replicas === pool.written) return;
  pool.writing = true;
  pool.written = replicas;
  const body = JSON.stringify({ spec: { replicas } });
  const headers = { 'content-type': 'application/merge-patch+json', 'content-length': Buffer.byteLength(body) };
  const options = { agent, method: 'PATCH', headers, timeout: PATCH_TIMEOUT_MS };
  const patch = request(`${settings.server}${pool.path}`, options, (answer) => {
    if (answer.statusCode !== 200) throw new Error(`PATCH ${pool.path}: ${answer.statusCode}`);
    answer.resume().on('end', () => {
      pool.writing = false;
      scale(pool);
    });
  });
  patch.on('timeout', () => patch.destroy(new Error(`PATCH ${pool.path}: no answer`)));
  patch.end(body);
}

function handle({ type, object: { metadata } }: PodEvent): void {
  const pool = poolOf(metadata.namespace, metadata.labels[settings.nameLabel] ?? '');
  const isBusy = type !== 'DELETED' && metadata.annotations?.[settings.busyKey] === 'true';
  if (isBusy) pool.busy.add(metadata.uid);
  else pool.busy.delete(metadata.uid);
  scale(pool);
}

const scopes = settings.namespaces?.map((namespace) => `/namespaces/${namespace}`) ?? [''];
let pending = scopes.length;
const watchAgent = new Agent(settings.tls);

/** From `position` on, or from the Pods there are. Begins anew where the API server ends it: it drops slow readers. */
function watch(scope: string, position?: string): void {
  const query = new URLSearchParams({ watch: 'true', labelSelector: settings.nameLabel });
  if (position !== undefined) query.set('resourceVersion', position);
  request(`${settings.server}/api/v1${scope}/pods?${query}`, { agent: watchAgent }, (answer) => {
    if (answer.statusCode !== 200) throw new Error(`watch of Pods: ${answer.statusCode}`);
    pending -= 1;
    if (pending === 0) process.stdout.write('ready\n');
    let latest = position;
    createInterface({ input: answer })
      .on('line', (line) => {
        const event = JSON.parse(line) as PodEvent;
        if (event.type === 'ERROR') throw new Error(`watch of Pods: ${line}`);
        handle(event);
        // The Pods there are come first, in no order.
        latest = newer(latest, event.object.metadata.resourceVersion);
      })
      .on('close', () => watch(scope, latest));
  }).end();
}

function newer(a: string | undefined, b: string): string {
  return a !== undefined && BigInt(a) > BigInt(b) ? a : b;
}

for (const scope of scopes) watch(scope);
process.stdin.resume().on('end', () => process.exit());
