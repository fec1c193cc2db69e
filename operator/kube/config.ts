import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { RequestOptions as HttpsOptions } from 'node:https';
import { isIPv6 } from 'node:net';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { type Clock, systemClock } from './clock';
import type { Connection, TlsSettings } from './connection';
import { ConfigError } from './errors';
import { isMissing, type KubeconfigCluster, type KubeconfigSelection, readKubeconfig } from './kubeconfig';
import { TlsFileReader, type TlsFiles } from './tls-files';

export interface ConfigOptions {
  /** Path of a kubeconfig file; nothing else is then looked at. */
  kubeconfig?: string;
  /** Context in the kubeconfig. Default: its current one. */
  context?: string;
}

/** Where configuration is looked for; tests give their own. */
export interface ConfigSources {
  env: NodeJS.ProcessEnv;
  home: string;
  /** Folder with `token`, `ca.crt` and `namespace` of the Pod's ServiceAccount. */
  serviceAccount: string;
  clock: Clock;
}

const MACHINE: ConfigSources = {
  env: process.env,
  home: homedir(),
  serviceAccount: '/var/run/secrets/kubernetes.io/serviceaccount',
  clock: systemClock,
};

/** The kubelet renews token files long before they expire; client-go re-reads them once a minute too. */
const TOKEN_FILE_MS = 60_000;

/**
 * How to reach the cluster: the given kubeconfig file; else $KUBECONFIG; else, inside a Pod and unless a context is
 * given, the Pod's ServiceAccount; else ~/.kube/config.
 * @throws ConfigError, one line, when there is none or it is wrong
 */
export async function loadConnection(
  { kubeconfig, context }: ConfigOptions = {},
  sources: ConfigSources = MACHINE,
): Promise<Connection> {
  if (kubeconfig !== undefined) return fromKubeconfig([kubeconfig], context, sources.clock);
  const listed = (sources.env.KUBECONFIG ?? '').split(delimiter).filter((file) => file !== '');
  if (listed.length > 0) {
    // As kubectl: files in the list may be missing, but not all of them.
    const present = listed.filter((file) => existsSync(file));
    return fromKubeconfig(present.length > 0 ? present : listed, context, sources.clock);
  }
  if (context === undefined && isInCluster(sources)) return fromServiceAccount(sources);
  const own = join(sources.home, '.kube', 'config');
  if (existsSync(own)) return fromKubeconfig([own], context, sources.clock);
  throw new ConfigError(
    `no cluster configured: give --kubeconfig FILE, set KUBECONFIG, create ${own}, or run in a Pod with a ServiceAccount token`,
  );
}

function isInCluster({ env, serviceAccount }: ConfigSources): boolean {
  return Boolean(env.KUBERNETES_SERVICE_HOST) && existsSync(join(serviceAccount, 'token'));
}

function fromServiceAccount({ env, serviceAccount, clock }: ConfigSources): Connection {
  const host = env.KUBERNETES_SERVICE_HOST ?? '';
  const namespaceFile = join(serviceAccount, 'namespace');
  const ca = join(serviceAccount, 'ca.crt');
  return {
    server: `https://${isIPv6(host) ? `[${host}]` : host}:${env.KUBERNETES_SERVICE_PORT || '443'}`,
    ...renewedTls({ ca: readPem(ca, "the Pod's ServiceAccount") }, { ca }, clock),
    authorization: tokenFile(join(serviceAccount, 'token'), clock),
    namespace: existsSync(namespaceFile) ? readFileSync(namespaceFile, 'utf8').trim() : undefined,
  };
}

async function fromKubeconfig(files: string[], context: string | undefined, clock: Clock): Promise<Connection> {
  const selection = await readKubeconfig(files, context);
  const { source, cluster, user, namespace } = selection;
  const tls = {
    ca: pem(cluster['certificate-authority'], cluster['certificate-authority-data'], source),
    cert: pem(user['client-certificate'], user['client-certificate-data'], source),
    key: pem(user['client-key'], user['client-key-data'], source),
    servername: cluster['tls-server-name'],
    rejectUnauthorized: cluster['insecure-skip-tls-verify'] ? false : undefined,
  };
  const connection: Connection = {
    server: serverOf(cluster, source),
    ...renewedTls(tls, tlsFilesOf(selection), clock),
    headers: impersonation(selection),
    proxyUrl: cluster['proxy-url'],
    namespace,
  };
  if (user.exec !== undefined || user['auth-provider'] !== undefined) return withPlugin(connection, selection);
  return { ...connection, authorization: authorizationOf(selection, clock) };
}

/** Settings that are read again where they came from files. */
function renewedTls(tls: TlsSettings, files: TlsFiles, clock: Clock): Pick<Connection, 'tls' | 'currentTls'> {
  if (Object.keys(files).length === 0) return { tls };
  const reader = new TlsFileReader(files, tls, clock);
  return { tls, currentTls: (isRefused) => reader.read(isRefused) };
}

/** Data beats a file of the same name, as in `pem`. */
function tlsFilesOf({ cluster, user }: KubeconfigSelection): TlsFiles {
  const ca = cluster['certificate-authority-data'] ? undefined : cluster['certificate-authority'];
  const cert = user['client-certificate-data'] ? undefined : user['client-certificate'];
  const key = user['client-key-data'] ? undefined : user['client-key'];
  return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
}

function serverOf({ server, 'proxy-url': proxyUrl }: KubeconfigCluster, source: string): string {
  const isWeb = (url: string): boolean => /^https?:$/.test(URL.parse(url)?.protocol ?? '');
  if (!isWeb(server)) throw new ConfigError(`kubeconfig ${source}: server "${server}" is not an http(s) URL`);
  if (proxyUrl !== undefined && !isWeb(proxyUrl)) {
    throw new ConfigError(`kubeconfig ${source}: proxy-url "${proxyUrl}" is not an http(s) URL`);
  }
  return server.replace(/\/+$/, '');
}

function authorizationOf({ user }: KubeconfigSelection, clock: Clock): Connection['authorization'] {
  // kubectl's order: a token file beats a token, which may be what was in it once.
  if (user.tokenFile) return tokenFile(user.tokenFile, clock);
  if (user.token) return async () => `Bearer ${user.token}`;
  if (!user.username) return undefined;
  const basic = Buffer.from(`${user.username}:${user.password ?? ''}`).toString('base64');
  return async () => `Basic ${basic}`;
}

function impersonation({ source, user }: KubeconfigSelection): Record<string, string> | undefined {
  if (user['as-groups']?.length) {
    throw new ConfigError(`kubeconfig ${source}: as-groups is not supported: impersonate with "as" alone`);
  }
  if (!user.as) return undefined;
  return { 'impersonate-user': user.as, ...(user['as-uid'] && { 'impersonate-uid': user['as-uid'] }) };
}

function pem(file: string | undefined, data: string | undefined, source: string): Buffer | undefined {
  if (data) return Buffer.from(data, 'base64');
  return file ? readPem(file, `kubeconfig ${source}`) : undefined;
}

function readPem(file: string, source: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    const reason = isMissing(cause) ? 'does not exist' : 'cannot be read';
    throw new ConfigError(`${source} names ${file}, which ${reason}`, { cause });
  }
}

/** Bearer token in a file that something else renews. A file that cannot be read costs nothing while the token is good. */
function tokenFile(file: string, clock: Clock): Connection['authorization'] {
  let cached: { value: string; atMs: number } | undefined;
  return async (rejected) => {
    const isFresh = cached !== undefined && clock.monotonic() - cached.atMs < TOKEN_FILE_MS;
    if (isFresh && cached?.value !== rejected) return cached?.value;
    try {
      cached = { value: `Bearer ${(await readFile(file, 'utf8')).trim()}`, atMs: clock.monotonic() };
    } catch (cause) {
      if (cached === undefined) throw new ConfigError(`token file ${file} cannot be read`, { cause });
    }
    return cached.value;
  };
}

/**
 * Credentials from an exec plugin or an auth provider, by client-node. Only then is it loaded: it costs 90 MB of memory
 * and half a second, which neither a Pod nor a kubeconfig with certificates or a token should pay.
 */
async function withPlugin(connection: Connection, selection: KubeconfigSelection): Promise<Connection> {
  let plugin = await runPlugin(selection);
  let renewal: Promise<Plugin> | undefined;
  // A plugin's token counts as good until its expiry: only a new client-node asks the plugin again. Many requests may be
  // refused at once; one of them asks for all.
  const renew = async (): Promise<void> => {
    renewal ??= runPlugin(selection).finally(() => {
      renewal = undefined;
    });
    plugin = await renewal;
  };
  let tls = withCertificate(connection.tls, plugin.initial);
  const currentTls = async (isRefused: boolean): Promise<TlsSettings> => {
    const base = (await connection.currentTls?.(isRefused)) ?? connection.tls;
    const fresh = withCertificate(base, await plugin.ask());
    if (!isDeepStrictEqual(fresh, tls)) tls = fresh;
    return tls;
  };
  return {
    ...connection,
    tls,
    ...(plugin.initial.cert !== undefined && { currentTls }),
    authorization: async (rejected) => {
      const { authorization } = await plugin.ask();
      if (rejected === undefined || authorization !== rejected) return authorization;
      await renew();
      return (await plugin.ask()).authorization;
    },
  };
}

/** A plugin's certificate counts before the kubeconfig's. */
function withCertificate(tls: TlsSettings, { cert = tls.cert, key = tls.key }: PluginCredentials): TlsSettings {
  return { ...tls, cert, key };
}

interface PluginCredentials {
  authorization?: string;
  cert?: Buffer | string;
  key?: Buffer | string;
}

interface Plugin {
  initial: PluginCredentials;
  /** From client-node's cache while they are good, else from the plugin. */
  ask: () => Promise<PluginCredentials>;
}

/** Asks the plugin once. */
async function runPlugin(selection: KubeconfigSelection): Promise<Plugin> {
  const { KubeConfig } = await import('@kubernetes/client-node');
  const { user, userName, source } = selection;
  const config = new KubeConfig();
  config.loadFromClusterAndUser(
    // Only credentials are asked of client-node: it never connects anywhere.
    { name: 'cluster', server: 'https://localhost', skipTLSVerify: true },
    { name: userName, exec: user.exec, authProvider: user['auth-provider'] },
  );
  const ask = async (): Promise<PluginCredentials> => {
    const options: HttpsOptions = {};
    try {
      await config.applyToHTTPSOptions(options);
    } catch (cause) {
      throw new ConfigError(pluginMessage(source, userName, user.exec, cause), { cause });
    }
    const authorization = (options.headers as Record<string, string> | undefined)?.Authorization;
    return { authorization, cert: options.cert as Buffer | undefined, key: options.key as Buffer | undefined };
  };
  return { initial: await ask(), ask };
}

function pluginMessage(
  source: string,
  userName: string,
  exec: Record<string, unknown> | undefined,
  cause: unknown,
): string {
  const plugin = exec === undefined ? 'auth-provider' : `exec plugin "${String(exec.command)}"`;
  const text = String((cause as Error).message)
    .trim()
    .replace(/\s+/g, ' ')
    .slice(0, 300);
  const hint = typeof exec?.installHint === 'string' ? ` (${exec.installHint.trim().replace(/\s+/g, ' ')})` : '';
  return `kubeconfig ${source}: ${plugin} of user "${userName}" failed: ${text || 'no message'}${hint}`;
}
