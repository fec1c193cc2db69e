/**
 * The least any operator could do, to measure ours against: watch Pods by label, patch the Deployment's scale to
 * busy + idle whenever the number of busy ones changes. No cache, no queue, no status, no safety.
 *
 * Reads BARE_LOOP (JSON: LoopSettings) and writes `ready` to standard output once it watches.
 */
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { createInterface } from 'node:readline';

export interface LoopSettings {
  server: string;
  /** PEM. */
  tls: { ca: string; cert: string; key: string };
  namespace: string;
  deployment: string;
  labelSelector: string;
  busyKey: string;
  idleTarget: number;
}

interface PodEvent {
  type: string;
  object: { metadata: { uid: string; deletionTimestamp?: string; annotations?: Record<string, string> } };
}

const settings = JSON.parse(readFileSync(process.env.BARE_LOOP ?? '', 'utf8')) as LoopSettings;
const agent = new Agent({ ...settings.tls, keepAlive: true });
const busy = new Set<string>();
let written = settings.idleTarget;

function scale(replicas: number): void {
  written = replicas;
  const path = `/apis/apps/v1/namespaces/${settings.namespace}/deployments/${settings.deployment}/scale`;
  const body = JSON.stringify({ spec: { replicas } });
  const headers = { 'content-type': 'application/merge-patch+json', 'content-length': Buffer.byteLength(body) };
  const patch = request(`${settings.server}${path}`, { agent, method: 'PATCH', headers }, (answer) => answer.resume());
  patch.end(body);
}

function handle({ type, object: { metadata } }: PodEvent): void {
  const isBusy = type !== 'DELETED' && metadata.annotations?.[settings.busyKey] === 'true';
  if (isBusy) busy.add(metadata.uid);
  else busy.delete(metadata.uid);
  const replicas = busy.size + settings.idleTarget;
  if (replicas !== written) scale(replicas);
}

const query = new URLSearchParams({ watch: 'true', labelSelector: settings.labelSelector });
const watch = `${settings.server}/api/v1/namespaces/${settings.namespace}/pods?${query}`;
request(watch, { agent: new Agent(settings.tls) }, (answer) => {
  process.stdout.write('ready\n');
  createInterface({ input: answer }).on('line', (line) => handle(JSON.parse(line) as PodEvent));
}).end();
