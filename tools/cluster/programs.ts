/** Which executables a control plane runs: `KUBEBUILDER_ASSETS` where it has them, else the ones built here. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Log } from '../base/cache';
import { buildGo, isBuilt, requireGo } from '../base/go-build';
import { CONTROL_PLANE } from './build';
import type { Command } from './guardian';

export const PROGRAMS = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kwok'] as const;
export type ProgramName = (typeof PROGRAMS)[number];
export type Commands = Record<ProgramName, Command>;

const REQUIRED_ASSETS: ProgramName[] = ['etcd', 'kube-apiserver'];

/**
 * Builds whatever the environment does not provide. `KUBEBUILDER_ASSETS` is the folder controller-runtime's envtest
 * uses: it must hold etcd and kube-apiserver, and may hold the others. Throws one line when it does not.
 */
export async function resolveCommands(log: Log, env: NodeJS.ProcessEnv = process.env): Promise<Commands> {
  const assets = env.KUBEBUILDER_ASSETS;
  const given = assets ? PROGRAMS.filter((name) => existsSync(join(assets, name))) : [];
  const missing = REQUIRED_ASSETS.filter((name) => !given.includes(name));
  if (assets && missing.length > 0) {
    throw new Error(`KUBEBUILDER_ASSETS=${assets} has no ${missing.join(' and no ')}; unset it to have them built`);
  }
  const built = given.length < PROGRAMS.length ? join(await buildGo(CONTROL_PLANE, log), CONTROL_PLANE.name) : '';
  const commandOf = (name: ProgramName): Command =>
    assets && given.includes(name)
      ? { file: join(assets, name), args: [], lifeline: false }
      : { file: built, args: [name], lifeline: true };
  return Object.fromEntries(PROGRAMS.map((name) => [name, commandOf(name)])) as Commands;
}

/** Whether a cluster can be started or used here, or one line why not. Builds nothing; at most 0.1 s. */
export function controlPlanePreflight(
  env: NodeJS.ProcessEnv = process.env,
): { ok: true } | { ok: false; reason: string } {
  const assets = env.KUBEBUILDER_ASSETS;
  const complete = assets !== undefined && PROGRAMS.every((name) => existsSync(join(assets, name)));
  if (env.HOTSTANDBY_KUBECONFIG || complete || isBuilt(CONTROL_PLANE)) return { ok: true };
  try {
    requireGo(CONTROL_PLANE);
    return { ok: true };
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  }
}
