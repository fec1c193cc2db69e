/** Argo CD as plain processes: its repository server, its application controller and the Redis both share. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { ApiError } from '../../../operator/kube/errors';
import type { KubeObject } from '../../../operator/kube/types';
import { ROOT } from '../../../root';
import { eventually } from '../../../tools/base/eventually';
import { toManifest } from '../../../tools/cluster/install';
import { freePorts } from '../../../tools/cluster/ports';
import { toolPath } from '../../../tools/cluster/tools';
import { adminClient } from '../../e2e/support/scene';
import { build } from './build';
import { type Ground, given, listens, note } from './ground';

const NAMESPACE = 'argocd';
const APPLICATIONS = `/apis/argoproj.io/v1alpha1/namespaces/${NAMESPACE}/applications`;
/** The piece of argocd-cm that users apply. */
export const CONFIG = join(ROOT, 'synth/argocd/argocd-cm.yaml');

export interface Application extends KubeObject {
  status?: {
    sync?: { status: string; revision?: string };
    health?: { status: string };
    resources?: { kind: string; name: string; status?: string; health?: { status: string; message?: string } }[];
    operationState?: {
      phase: string;
      message?: string;
      startedAt: string;
      syncResult?: { revision?: string; resources?: SyncResult[] };
    };
    history?: unknown[];
    reconciledAt?: string;
    conditions?: { type: string; message: string }[];
  };
}

interface SyncResult {
  kind: string;
  name: string;
  message: string;
}

export class ArgoCd {
  readonly api = adminClient();
  private constructor(private readonly env: Record<string, string>) {}

  /** Starts Argo CD on the ground's cluster, with the customizations of synth/argocd. */
  static async start(ground: Ground): Promise<ArgoCd> {
    const { bin, crds } = await build('argocd', note);
    const { kubectl } = ground.cluster;
    await ground.define(crds);
    await kubectl(['apply', '--server-side', '-f', '-'], { input: toManifest(configuration()) });
    await kubectl(['apply', '--server-side', '--field-manager=hotstandby', '-f', CONFIG]);
    const ports = await freePorts(['redis', 'repo', 'repoMetrics', 'metrics']);
    const env = environment(ground, bin);
    const run = (name: string, port: number, ...args: string[]): Promise<void> =>
      ground.run({ name, file: join(bin, name), args, env, ready: () => listens(port) });
    const redis = `127.0.0.1:${ports.redis}`;
    const logs = ['--logformat', 'text'];
    await run('argocd-redis', ports.redis, redis);
    await run(
      'argocd-repo-server',
      ports.repo,
      ...['--address', '127.0.0.1', '--port', `${ports.repo}`, '--redis', redis, '--disable-tls', ...logs],
      ...['--metrics-address', '127.0.0.1', '--metrics-port', `${ports.repoMetrics}`],
      // As long as a commit may stay unseen by a look that nobody asked for.
      ...['--revision-cache-expiration', '5s'],
    );
    await run(
      'argocd-application-controller',
      ports.metrics,
      ...['--namespace', NAMESPACE, '--kubeconfig', ground.cluster.kubeconfig, '--redis', redis],
      ...['--repo-server', `127.0.0.1:${ports.repo}`, '--repo-server-plaintext', '--metrics-port', `${ports.metrics}`],
      ...['--app-resync', '5', '--app-resync-jitter', '0', '--persist-resource-health', ...logs],
    );
    return new ArgoCd(env);
  }

  /**
   * Starts the sidecar of a config management plugin.
   *
   * @param config folder with its plugin.yaml
   * @param workdir where it unpacks repositories: what the sidecar's image brings is found from there
   * @param programs folder with the programs of that image
   */
  async startPlugin(ground: Ground, name: string, config: string, workdir: string, programs: string): Promise<void> {
    const { bin } = await build('argocd', note);
    const env = { ...this.env, ARGOCD_CMP_WORKDIR: workdir, PATH: [programs, this.env.PATH].join(delimiter) };
    const socket = join(this.env.ARGOCD_PLUGINSOCKFILEPATH ?? '', `${name}.sock`);
    const args = ['--config-dir-path', config, '--logformat', 'text'];
    const file = join(bin, 'argocd-cmp-server');
    await ground.run({ name: 'argocd-cmp-server', file, args, env, ready: () => existsSync(socket) });
  }

  close(): Promise<void> {
    return this.api.close();
  }

  async create(application: object): Promise<void> {
    await this.api.create(APPLICATIONS, application);
  }

  get(name: string): Promise<Application> {
    return this.api.get<Application>(`${APPLICATIONS}/${name}`);
  }

  /** Deletes an Application; with its finalizer everything it brought goes first. */
  async delete(name: string): Promise<void> {
    await this.api.delete(`${APPLICATIONS}/${name}`);
  }

  async isGone(name: string): Promise<boolean> {
    try {
      await this.get(name);
      return false;
    } catch (error) {
      if (error instanceof ApiError && error.code === 404) return true;
      throw error;
    }
  }

  /** Makes it look at Git now, as its webhook does. */
  async refresh(name: string): Promise<void> {
    const annotations = { 'argocd.argoproj.io/refresh': 'normal' };
    await this.api.mergePatch(`${APPLICATIONS}/${name}`, { metadata: { annotations } });
  }

  /** Waits until an Application is at a commit, with this sync and health status. */
  reached(name: string, wanted: { sync?: string; health?: string; revision?: string }): Promise<Application> {
    return eventually(async () => {
      const application = await this.get(name);
      const { sync, health } = application.status ?? {};
      const seen = { sync: sync?.status, health: health?.status, revision: sync?.revision };
      expect(seen).toMatchObject(given(wanted));
      return application;
    });
  }

  /** Remembers every state an Application is in from now on. */
  async watch(name: string): Promise<ApplicationWatch> {
    const { metadata } = await this.api.list(APPLICATIONS);
    return new ApplicationWatch(this, name, metadata.resourceVersion);
  }

  /** Changes as a watch tells them. */
  async *changes(name: string, resourceVersion: string, signal: AbortSignal): AsyncGenerator<Application> {
    const query = { fieldSelector: `metadata.name=${name}`, resourceVersion };
    for await (const { object } of this.api.watch(APPLICATIONS, query, signal, 600_000)) yield object as Application;
  }
}

/** What an Application went through. */
export class ApplicationWatch {
  /** `<sync>/<health>`, each when it differs from the one before. */
  readonly states: string[] = [];
  /** When its sync operations began. */
  readonly operations = new Set<string>();
  private readonly ending = new AbortController();
  private readonly done: Promise<void>;

  constructor(argocd: ArgoCd, name: string, resourceVersion: string) {
    this.done = this.follow(argocd.changes(name, resourceVersion, this.ending.signal));
    // `stop` tells of a failure; a test that has failed before does not come to it.
    this.done.catch(() => undefined);
  }

  async stop(): Promise<void> {
    this.ending.abort();
    await this.done;
  }

  private async follow(changes: AsyncGenerator<Application>): Promise<void> {
    try {
      for await (const { status } of changes) {
        const state = `${status?.sync?.status}/${status?.health?.status}`;
        if (this.states.at(-1) !== state) this.states.push(state);
        if (status?.operationState) this.operations.add(status.operationState.startedAt);
      }
    } catch (error) {
      if (!this.ending.signal.aborted) throw error;
    }
  }
}

function environment(ground: Ground, bin: string): Record<string, string> {
  const state = join(ground.dir, 'argocd');
  const folder = (name: string): string => {
    mkdirSync(join(state, name), { recursive: true });
    return join(state, name);
  };
  writeFileSync(join(folder('ssh'), 'ssh_known_hosts'), '');
  return {
    KUBECONFIG: ground.cluster.kubeconfig,
    PATH: [bin, dirname(toolPath('helm')), process.env.PATH].join(delimiter),
    HOME: folder('home'),
    TMPDIR: folder('tmp'),
    // https://kubernetes.default.svc then means the cluster of KUBECONFIG.
    ARGOCD_FAKE_IN_CLUSTER: 'true',
    ARGOCD_GPG_ENABLED: 'false',
    ARGOCD_GNUPGHOME: folder('gpg'),
    ARGOCD_GPG_DATA_PATH: folder('gpg-source'),
    ARGOCD_TLS_DATA_PATH: folder('tls'),
    ARGOCD_SSH_DATA_PATH: join(state, 'ssh'),
    ARGOCD_PLUGINSOCKFILEPATH: folder('plugins'),
    ARGOCD_ASK_PASS_SOCK: join(state, 'ask-pass.sock'),
    ARGOCD_SYNC_WAVE_DELAY: '1',
  };
}

/** What Argo CD's own install.yaml has of configuration, in short. */
function configuration(): object[] {
  const labels = (name: string) => ({ 'app.kubernetes.io/name': name, 'app.kubernetes.io/part-of': 'argocd' });
  const metadata = (name: string) => ({ name, namespace: NAMESPACE, labels: labels(name) });
  const configMap = (name: string, data: Record<string, string> = {}) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: metadata(name),
    data,
  });
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } },
    configMap('argocd-cm', { 'timeout.reconciliation': '5s', 'timeout.reconciliation.jitter': '0s' }),
    ...['argocd-rbac-cm', 'argocd-ssh-known-hosts-cm', 'argocd-tls-certs-cm', 'argocd-gpg-keys-cm'].map((name) =>
      configMap(name),
    ),
    { apiVersion: 'v1', kind: 'Secret', metadata: metadata('argocd-secret'), stringData: { 'server.secretkey': 'x' } },
    {
      apiVersion: 'argoproj.io/v1alpha1',
      kind: 'AppProject',
      metadata: { name: 'default', namespace: NAMESPACE },
      spec: {
        sourceRepos: ['*'],
        destinations: [{ namespace: '*', server: '*' }],
        clusterResourceWhitelist: [{ group: '*', kind: '*' }],
      },
    },
  ];
}
