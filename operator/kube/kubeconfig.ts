import { readFileSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { ConfigError } from './errors';

/** The parts of a kubeconfig file that say how to reach a cluster. */

export interface KubeconfigCluster {
  server: string;
  'certificate-authority'?: string;
  'certificate-authority-data'?: string;
  'insecure-skip-tls-verify'?: boolean;
  'tls-server-name'?: string;
  'proxy-url'?: string;
}

export interface KubeconfigUser {
  'client-certificate'?: string;
  'client-certificate-data'?: string;
  'client-key'?: string;
  'client-key-data'?: string;
  token?: string;
  tokenFile?: string;
  username?: string;
  password?: string;
  as?: string;
  'as-uid'?: string;
  'as-groups'?: string[];
  exec?: Record<string, unknown>;
  'auth-provider'?: Record<string, unknown>;
}

interface KubeconfigContext {
  cluster: string;
  user?: string;
  namespace?: string;
}

type Named<K extends string, T> = { name: string } & { [key in K]?: T };

interface KubeconfigFile {
  'current-context'?: string;
  clusters?: Named<'cluster', KubeconfigCluster>[];
  contexts?: Named<'context', KubeconfigContext>[];
  users?: Named<'user', KubeconfigUser>[];
}

/** What one context of a kubeconfig selects. Paths in it are absolute. */
export interface KubeconfigSelection {
  /** File or files it came from, for messages. */
  source: string;
  cluster: KubeconfigCluster;
  userName: string;
  user: KubeconfigUser;
  namespace?: string;
}

/**
 * Reads kubeconfig files, the first one winning where they name the same thing, as kubectl does with several files in
 * $KUBECONFIG, and selects a context.
 * @param context name of the context; undefined: the current one
 * @throws ConfigError naming the file and what is wrong
 */
export async function readKubeconfig(files: string[], context?: string): Promise<KubeconfigSelection> {
  const { parse } = await import('yaml');
  const merged = merge(files.map((file) => readFile(file, parse)));
  const source = files.join(', ');
  const name = context ?? merged['current-context'];
  if (!name) {
    throw new ConfigError(`kubeconfig ${source} has no current-context: choose one with --context (${known(merged)})`);
  }
  const entry = merged.contexts?.find((candidate) => candidate.name === name)?.context;
  if (entry === undefined) throw new ConfigError(`kubeconfig ${source} has no context "${name}": ${known(merged)}`);
  const cluster = merged.clusters?.find((candidate) => candidate.name === entry.cluster)?.cluster;
  if (!cluster?.server) {
    throw new ConfigError(`kubeconfig ${source}: context "${name}" needs cluster "${entry.cluster}" with a server`);
  }
  const userName = entry.user ?? '';
  const user = merged.users?.find((candidate) => candidate.name === userName)?.user;
  if (user === undefined && userName !== '') {
    throw new ConfigError(`kubeconfig ${source}: context "${name}" needs user "${userName}", which is not there`);
  }
  return { source, cluster, userName, user: user ?? {}, namespace: entry.namespace };
}

function readFile(file: string, parse: (text: string) => unknown): KubeconfigFile {
  const content = parsed(file, parse);
  const absolute = (path: string): string => (isAbsolute(path) ? path : join(dirname(file), path));
  for (const { cluster } of content.clusters ?? []) resolvePaths(cluster, ['certificate-authority'], absolute);
  for (const { user } of content.users ?? []) {
    resolvePaths(user, ['client-certificate', 'client-key', 'tokenFile'], absolute);
  }
  return content;
}

function parsed(file: string, parse: (text: string) => unknown): KubeconfigFile {
  let content: unknown;
  try {
    content = parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    if (isMissing(cause)) throw new ConfigError(`kubeconfig ${file} does not exist`, { cause });
    const [reason] = String((cause as Error).message).split('\n');
    throw new ConfigError(`kubeconfig ${file} cannot be read: ${reason}`, { cause });
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw new ConfigError(`kubeconfig ${file} holds no configuration: expected clusters, contexts and users`);
  }
  return content as KubeconfigFile;
}

/** Relative paths in a kubeconfig start at its own folder. */
function resolvePaths<K extends string>(
  holder: { [key in K]?: string } | undefined,
  keys: K[],
  absolute: (path: string) => string,
): void {
  for (const key of keys) {
    const path = holder?.[key];
    if (holder !== undefined && path) holder[key] = absolute(path);
  }
}

function merge(configs: KubeconfigFile[]): KubeconfigFile {
  return {
    'current-context': configs.map((config) => config['current-context']).find((name) => name),
    clusters: configs.flatMap((config) => config.clusters ?? []),
    contexts: configs.flatMap((config) => config.contexts ?? []),
    users: configs.flatMap((config) => config.users ?? []),
  };
}

function known({ contexts = [] }: KubeconfigFile): string {
  if (contexts.length === 0) return 'it has no contexts at all';
  return `it has ${contexts.map(({ name }) => `"${name}"`).join(', ')}`;
}

/** Whether a file system call failed because there is no such file. */
export function isMissing(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return code === 'ENOENT' || code === 'ENOTDIR';
}
