/** etcd, kube-apiserver, kube-controller-manager and kube-scheduler on loopback, with their own certificates. */
import { mkdirSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import { CertificateAuthority, type CertificateRequest } from '../../operator/serve/pki';
import type { Log } from '../base/cache';
import { answers, apiClient, type Connection } from './api';
import { writeCertificates } from './certificates';
import { apiServerFlags, type ClientSettings, controllerManagerFlags, etcdFlags, schedulerFlags } from './flags';
import { explain, type Guardian, type Program, waitReady } from './guardian';
import { writeKubeconfig } from './kubeconfig';
import { freePorts } from './ports';
import { type Commands, type ProgramName, resolveCommands } from './programs';

export interface ControlPlaneOptions {
  /** Everything goes below it; made if missing. Absolute. */
  dir: string;
  log: Log;
  /** Name of the kubeconfig's context. Default `hotstandby`. */
  name?: string;
  /** The one address kube-apiserver listens on; clients are sent to it (to 127.0.0.1 for 0.0.0.0). Default 127.0.0.1. */
  bindAddress?: string;
  /**
   * Where Pods find the API server behind the `kubernetes` Service. Default: bindAddress. A loopback address is no
   * endpoint to the API server, so then the Service has none.
   */
  advertiseAddress?: string;
  /** More host names and IP addresses the API server's certificate is good for. */
  extraSans?: string[];
  /** Range of Service IPs. Default 10.96.0.0/16. */
  serviceCidr?: string;
  /** Default: those `resolveCommands` finds or builds. */
  commands?: Commands;
  /** Ends the programs if this process dies. */
  guardian: Guardian;
  /** Flags added after the usual ones, so that they win. */
  extraArgs?: Partial<Record<ProgramName, string[]>>;
  /** Called when a program ends that was not told to. Default: the log says so. */
  onUnexpectedExit?: (program: string, what: string) => void;
}

export interface ControlPlane {
  readonly dir: string;
  /** Where every program's log goes, one file each. */
  readonly logs: string;
  readonly guardian: Guardian;
  readonly commands: Commands;
  /** As `system:masters`. */
  readonly connection: Connection;
  /** Path of the administrator's kubeconfig. */
  readonly kubeconfig: string;
  readonly serviceCidr: string;
  readonly authority: CertificateAuthority;
  /** Path of the authority's certificate, PEM. */
  readonly caFile: string;
  /** The running programs by name. */
  readonly programs: ReadonlyMap<ProgramName, Program>;
  /** A client certificate for `request` and the path of a kubeconfig that uses it: `<dir>/<file>.kubeconfig`. */
  issueKubeconfig(file: string, request: CertificateRequest): string;
  /** Starts one more program that is stopped before the API server. */
  run(name: ProgramName, args: string[]): Promise<Program>;
  /** Schedulers and controllers, then the API server, then etcd; keeps files. Safe to call twice. */
  stop(): Promise<void>;
}

/** Data is thrown away with the cluster, so a stop never waits for the API server's drain of watches (60 s). */
const STOP_GRACE_MS = 3_000;

/** Returns when the API server is ready and the controllers work. Stops what it started when it throws. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const commands = options.commands ?? (await resolveCommands(options.log));
  mkdirSync(join(options.dir, 'logs'), { recursive: true, mode: 0o700 });
  const starting = new EmbeddedControlPlane(options, commands);
  try {
    await starting.start();
    return starting;
  } catch (error) {
    await starting.stop();
    throw error;
  }
}

class EmbeddedControlPlane implements ControlPlane {
  readonly dir: string;
  readonly logs: string;
  readonly guardian: Guardian;
  readonly serviceCidr: string;
  readonly authority = new CertificateAuthority('hotstandby-cluster');
  readonly caFile: string;
  readonly programs = new Map<ProgramName, Program>();
  kubeconfig = '';
  connection: Connection = { server: '', tls: { ca: '', cert: '', key: '' } };
  private readonly pki: string;
  private readonly bindAddress: string;
  private readonly name: string;
  private started = false;
  private stopping = false;

  constructor(
    private readonly options: ControlPlaneOptions,
    readonly commands: Commands,
  ) {
    this.name = options.name ?? 'hotstandby';
    this.dir = options.dir;
    this.guardian = options.guardian;
    this.logs = join(options.dir, 'logs');
    this.pki = join(options.dir, 'pki');
    this.caFile = join(this.pki, 'ca.crt');
    this.bindAddress = options.bindAddress ?? '127.0.0.1';
    this.serviceCidr = options.serviceCidr ?? '10.96.0.0/16';
  }

  async start(): Promise<void> {
    const { options, pki, bindAddress, serviceCidr } = this;
    const host = bindAddress === '0.0.0.0' ? '127.0.0.1' : bindAddress;
    const advertiseAddress = options.advertiseAddress ?? host;
    const ports = await freePorts(['etcd', 'peer', 'api', 'controllers', 'scheduler'], ['127.0.0.1', bindAddress]);
    const hosts = [host, advertiseAddress, ...(options.extraSans ?? [])];
    writeCertificates({ pki, authority: this.authority, hosts, serviceCidr });
    this.connect(`https://${isIPv6(host) ? `[${host}]` : host}:${ports.api}`);

    const etcd = `http://127.0.0.1:${ports.etcd}`;
    const peer = `http://127.0.0.1:${ports.peer}`;
    const server = { pki, etcd, bindAddress, port: ports.api, advertiseAddress, serviceCidr };
    await this.run('etcd', etcdFlags({ dataDir: join(this.dir, 'etcd'), client: etcd, peer }));
    // /readyz includes the bootstrap of RBAC; a controller manager started before it exits.
    await this.ready(await this.run('kube-apiserver', apiServerFlags(server)), '/readyz');
    await this.startClients(ports.controllers, ports.scheduler);
    this.started = true;
  }

  issueKubeconfig(file: string, request: CertificateRequest): string {
    const pair = this.authority.issue(request);
    const connection = { server: this.connection.server, tls: { ca: this.authority.cert, ...pair } };
    return writeKubeconfig(join(this.dir, `${file}.kubeconfig`), this.name, connection);
  }

  async run(name: ProgramName, args: string[]): Promise<Program> {
    const program = await this.guardian.run({
      name,
      command: this.commands[name],
      args: [...args, ...(this.options.extraArgs?.[name] ?? [])],
      logFile: join(this.logs, `${name}.log`),
    });
    this.programs.set(name, program);
    void program.exited.then((what) => this.reportExit(program, what));
    return program;
  }

  async stop(): Promise<void> {
    this.stopping = true;
    const stop = (name: ProgramName): Promise<void> | undefined => this.programs.get(name)?.stop(STOP_GRACE_MS);
    const clients: ProgramName[] = ['kwok', 'kube-scheduler', 'kube-controller-manager'];
    await Promise.all(clients.map(stop));
    // The other way round the API server hangs in its shutdown until it is killed.
    await stop('kube-apiserver');
    await stop('etcd');
  }

  private reportExit(program: Program, what: string): void {
    if (!this.started || this.stopping) return;
    const report = this.options.onUnexpectedExit ?? ((_name, line) => this.options.log(line));
    report(program.name, explain(program, what));
  }

  private connect(server: string): void {
    const admin = this.authority.issue({ commonName: 'kubernetes-admin', organizations: ['system:masters'] });
    this.connection = { server, tls: { ca: this.authority.cert, ...admin } };
    this.kubeconfig = writeKubeconfig(join(this.dir, 'kubeconfig'), this.name, this.connection);
  }

  private async startClients(controllersPort: number, schedulerPort: number): Promise<void> {
    const settings = (file: string, port: number): ClientSettings => ({
      pki: this.pki,
      kubeconfig: this.issueKubeconfig(file, { commonName: `system:kube-${file}` }),
      port,
    });
    const controllers = settings('controller-manager', controllersPort);
    // The default ServiceAccount is the controllers' first visible work, and no Pod is admitted without it.
    const account = '/api/v1/namespaces/default/serviceaccounts/default';
    await Promise.all([
      this.run('kube-controller-manager', controllerManagerFlags(controllers)).then((it) => this.ready(it, account)),
      this.run('kube-scheduler', schedulerFlags(settings('scheduler', schedulerPort))).then((it) =>
        this.ready(it, '/readyz', `https://127.0.0.1:${schedulerPort}`),
      ),
    ]);
  }

  /** Waits until GET `path` answers 200 at `server`, by default the API server. */
  private async ready(program: Program, path: string, server = this.connection.server): Promise<void> {
    const client = apiClient({ ...this.connection, server });
    try {
      await waitReady(program, () => answers(client, path));
    } finally {
      await client.close();
    }
  }
}
