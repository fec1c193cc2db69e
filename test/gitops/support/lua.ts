import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { build } from './build';
import { note } from './ground';

/** One run of a customization on one object. */
export interface LuaRequest {
  run: 'health' | 'discovery' | 'action';
  /** Name of the action. */
  action?: string;
  object: unknown;
}

/** Runs the scripts of an argocd-cm by Argo CD's own reader and interpreter; the results in order. */
export async function runLua(config: string, requests: readonly LuaRequest[]): Promise<unknown[]> {
  const { bin } = await build('argocd', note);
  const child = spawn(join(bin, 'argocd-lua'), [config], { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.end(JSON.stringify(requests));
  const [output, complaint] = await Promise.all([text(child.stdout), text(child.stderr)]);
  if (output === '') throw new Error(`argocd-lua: ${complaint}`);
  return JSON.parse(output) as unknown[];
}
