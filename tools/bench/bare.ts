import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NAME_LABEL } from '../../src/api/names';
import { NodeProcess } from '../base/node-process';
import type { Connection } from '../cluster';
import { BARE, BARE_SUFFIX } from './pools';
import type { Programs } from './rig';
import type { ListSettings } from './workers/bare-list';
import type { LoopSettings } from './workers/bare-loop';

/** What the bare programs need to know. */
export interface BareInput {
  programs: Pick<Programs, 'worker'>;
  connection: Connection;
  /** For the settings file, which holds a key. */
  dir: string;
}

/** What the bare loop looks at and scales; default: the benchmark's pools. */
export type BareScope = Pick<LoopSettings, 'idleTarget'> & Partial<LoopSettings>;

/** Starts the bare loop and waits until it watches. */
export async function startBareLoop(input: BareInput, scope: BareScope): Promise<NodeProcess> {
  const { server, tls } = input.connection;
  const pools = { nameLabel: NAME_LABEL, busyKey: BARE.busyKey, suffix: BARE_SUFFIX };
  const file = settingsFile(input.dir, 'bare-loop.json', { server, tls, ...pools, ...scope } satisfies LoopSettings);
  const args = [input.programs.worker('bare-loop')];
  const child = new NodeProcess({ name: 'the bare loop', args, env: { BARE_LOOP: file } });
  await child.line('ready');
  return child;
}

/** Lists all Pods in a new process. `total`: seconds from its start; `seconds`: without the start. */
export async function bareList(input: BareInput): Promise<{ pods: number; seconds: number; total: number }> {
  const { server, tls } = input.connection;
  const settings: ListSettings = { server, tls, nameLabel: NAME_LABEL };
  const file = settingsFile(input.dir, 'bare-list.json', settings);
  const args = [input.programs.worker('bare-list')];
  const child = new NodeProcess({ name: 'the bare list', args, env: { BARE_LIST: file } });
  const result = await child.result<{ pods: number; seconds: number }>('listed');
  const total = (performance.now() - child.startedAt) / 1000;
  await child.exit;
  return { ...result, total };
}

function settingsFile(dir: string, name: string, settings: object): string {
  const path = join(dir, name);
  writeFileSync(path, JSON.stringify(settings), { mode: 0o600 });
  return path;
}
