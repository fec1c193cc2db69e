import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NAME_LABEL } from '../../src/api/names';
import type { Connection } from '../cluster';
import { Child } from './child';
import { BARE, BARE_SUFFIX } from './pools';
import type { Programs } from './rig';
import type { ListSettings } from './workers/bare-list';
import type { LoopSettings } from './workers/bare-loop';

/** What the bare programs need to know. */
export interface BareInput {
  programs: Programs;
  connection: Connection;
  /** For the settings file, which holds a key. */
  dir: string;
}

/** Starts the bare loop and waits until it watches; stop it with `child.stop()`. */
export async function startBareLoop(
  input: BareInput,
  idleTarget: number,
  namespaces?: readonly string[],
): Promise<Child> {
  const { server, tls } = input.connection;
  const settings: LoopSettings = {
    server,
    tls,
    namespaces,
    nameLabel: NAME_LABEL,
    busyKey: BARE.busyKey,
    suffix: BARE_SUFFIX,
    idleTarget,
  };
  const file = settingsFile(input.dir, 'bare-loop.json', settings);
  const child = new Child({ name: 'bare loop', args: [input.programs.worker('bare-loop')], env: { BARE_LOOP: file } });
  await child.line('ready');
  return child;
}

/** Lists all Pods in a new process. `total`: seconds from its start; `seconds`: without the start. */
export async function bareList(input: BareInput): Promise<{ pods: number; seconds: number; total: number }> {
  const { server, tls } = input.connection;
  const settings: ListSettings = { server, tls, nameLabel: NAME_LABEL };
  const file = settingsFile(input.dir, 'bare-list.json', settings);
  const child = new Child({ name: 'bare list', args: [input.programs.worker('bare-list')], env: { BARE_LIST: file } });
  const result = await child.result<{ pods: number; seconds: number }>('listed');
  const total = (performance.now() - child.startedAt) / 1000;
  await child.exited;
  return { ...result, total };
}

function settingsFile(dir: string, name: string, settings: object): string {
  const path = join(dir, name);
  writeFileSync(path, JSON.stringify(settings), { mode: 0o600 });
  return path;
}
