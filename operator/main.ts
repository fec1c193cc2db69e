import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { pino } from 'pino';
import { PACKAGE_VERSION } from '../src/version';
import { App } from './app';
import { ApiClient } from './kube/client';
import { systemClock } from './kube/clock';
import { loadConnection } from './kube/config';
import { ConfigError } from './kube/errors';
import { CommandExit, type Options, parseOptions } from './options';
import { preflight } from './preflight';
import { ApiServerProxyTransport } from './probe/http-api-proxy';
import { Metrics } from './serve/metrics';

/** Longest orderly stop; whatever still runs then is cut off, which costs nothing but an error in the log. */
const STOP_DEADLINE_MS = 8_000;

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2), process.env);
  const logger = pino({ level: options.logLevel, base: undefined, timestamp: pino.stdTimeFunctions.isoTime });
  const metrics = new Metrics({ clock: systemClock, processMetrics: true });
  const connection = await loadConnection({ kubeconfig: options.kubeconfig, context: options.context });
  const userAgent = `hotstandby/${PACKAGE_VERSION}`;
  const client = new ApiClient(connection, {
    userAgent,
    onRequest: (request) => metrics.observeApiRequest(request),
  });
  const namespaces = options.namespaces.length > 0 ? options.namespaces : undefined;
  const leaderElection = options.leaderElect
    ? { namespace: leaseNamespace(options, client), name: options.leaseName }
    : undefined;
  const { mayWatchNodes: watchNodes } = await preflight(client, {
    namespaces: options.namespaces,
    lease: leaderElection,
  });
  const identity = `${process.env.POD_NAME ?? hostname()}_${randomUUID().slice(0, 8)}`;
  logger.info(
    { version: PACKAGE_VERSION, server: client.server, namespaces: namespaces ?? 'all', identity },
    'starting',
  );
  const { healthAddress, allowLoopbackPods, admissionGuard: guarded } = options;
  const app = new App({
    client,
    metrics,
    logger,
    identity,
    namespaces,
    leaderElection,
    healthAddress,
    allowLoopbackPods,
    guarded,
    serverClock: client.serverClock,
    claims: options.claims,
    watchNodes,
    apiServerProxy: new ApiServerProxyTransport(connection, userAgent),
  });
  stopOnSignals(app);
  await app.start();
}

function leaseNamespace(options: Options, client: ApiClient): string {
  return options.leaseNamespace ?? client.namespace ?? 'default';
}

function stopOnSignals(app: App): void {
  let isStopping = false;
  const stop = (): void => {
    if (isStopping) return;
    isStopping = true;
    setTimeout(() => process.exit(0), STOP_DEADLINE_MS).unref();
    app.stop().then(
      () => process.exit(0),
      (error: unknown) => fail(error),
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

/** One line for what a person can mend; a stack only for what is our own mistake. */
function fail(error: unknown): never {
  if (error instanceof CommandExit) {
    (error.exitCode === 0 ? process.stdout : process.stderr).write(`${error.message}\n`);
    process.exit(error.exitCode);
  }
  if (!(error instanceof Error)) return end(String(error), 1);
  if (error instanceof ConfigError) return end(error.message, 2);
  if ('exitCode' in error) return end(error.message, Number(error.exitCode));
  return end(error.stack ?? error.message, 1);
}

function end(message: string, exitCode: number): never {
  process.stderr.write(`error: ${message}\n`);
  process.exit(exitCode);
}

main().catch(fail);
