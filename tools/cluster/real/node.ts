import { spawn } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Log } from '../../base/cache';
import { until } from '../../base/eventually';
import { run } from '../../base/run';
import { type Image, imageArchive } from '../../build/image/images';
import type { ControlPlane } from '../control-plane';
import { writeKubeconfig } from '../kubeconfig';
import { removeCgroupsBelow } from './cgroups';
import { Daemon, entering, holdNamespaces, type Namespaces } from './namespaces';
import { NODE_ENV, NODE_PATHS, type NodeSettings, nodeFiles } from './node-config';
import { SHIELDED_SYSCTLS } from './sysctls';

/** Folders of this machine that every node shows as its own (node-root.sh). */
export interface NodePrograms {
  /** Multi-call `node`, `containerd-shim-runc-v2` and the CNI plugins. */
  readonly binaries: string;
  /** Folder with `runc`. */
  readonly runc: string;
  /** Folder with the libraries of runc, if not the system's. */
  readonly libraries?: string;
}

/** What a node is made of. */
export interface NodeOptions {
  readonly settings: NodeSettings;
  readonly controlPlane: ControlPlane;
  /** Process that holds the cluster's network. */
  readonly hubPid: number;
  readonly programs: NodePrograms;
  /** Folder for the node's files, removed by `powerOff`'s caller. */
  readonly dir: string;
  /** Folder for logs. */
  readonly logs: string;
  readonly log: Log;
}

const SHIELD = Object.entries(SHIELDED_SYSCTLS).map(([name, value]) => `${name}=${value}`);
/** containerd's namespace for the kubelet's images and containers. */
const CTR = [NODE_PATHS.program, 'ctr', '--address', NODE_PATHS.socket, '--namespace', 'k8s.io'];

/** One real node: a root file system, containerd and kubelet in namespaces of their own, and a bridge for its Pods. */
export class RealNode {
  readonly name: string;
  private namespaces?: Namespaces;
  private containerd?: Daemon;
  private kubelet?: Daemon;

  constructor(private readonly options: NodeOptions) {
    this.name = options.settings.name;
  }

  /** The node's InternalIP and its Pods' gateway. */
  get address(): string {
    return this.options.settings.subnet.gateway;
  }

  /** Process ids, as this machine numbers them, of what runs now. */
  get pids(): { holder?: number; containerd?: number; kubelet?: number } {
    return { holder: this.namespaces?.pid, containerd: this.containerd?.pid, kubelet: this.kubelet?.pid };
  }

  /** Prepares files and the bridge, then powers on. Resolves when containerd answers; the kubelet registers meanwhile. */
  async create(images: readonly Image[]): Promise<void> {
    await this.writeFiles();
    await this.createBridge();
    await this.powerOn(images);
  }

  /** Starts everything: what a machine's boot does. `images` are loaded before the kubelet starts. */
  async powerOn(images: readonly Image[] = []): Promise<void> {
    const { dir, hubPid, programs, logs } = this.options;
    const script = join(__dirname, 'node-root.sh');
    const folders = [dir, programs.binaries, programs.runc, programs.libraries ?? ''];
    const unshare = ['unshare', '--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child', '--'];
    this.namespaces = await holdNamespaces(
      entering(hubPid, [...unshare, '/bin/sh', script, ...folders, ...SHIELD]),
      join(logs, `${this.name}.log`),
    );
    this.containerd = await this.daemon('containerd', ['--config', `${NODE_PATHS.etc}/containerd.toml`]);
    await until(`containerd of ${this.name}`, () =>
      this.ctr('version').then(
        () => true,
        () => undefined,
      ),
    );
    if (images.length > 0) await this.loadImages(images);
    await this.startKubelet();
  }

  /** Ends every process of the node at once, as pulling the plug does. The node's disk stays; `powerOn` boots again. */
  async powerOff(): Promise<void> {
    const namespaces = this.namespaces;
    if (!namespaces) return;
    this.namespaces = undefined;
    this.kubelet?.expectExit();
    this.containerd?.expectExit();
    await namespaces.release();
    await removeCgroupsBelow(this.options.settings.cgroupRoot);
  }

  /** Starts the kubelet after `stopKubelet`. Containers go on meanwhile. */
  async startKubelet(): Promise<void> {
    const flags = {
      config: `${NODE_PATHS.etc}/kubelet.yaml`,
      kubeconfig: `${NODE_PATHS.etc}/kubeconfig`,
      'hostname-override': this.name,
      'node-ip': this.address,
      'root-dir': '/var/lib/kubelet',
      'cert-dir': '/var/lib/kubelet/pki',
      v: '2',
    };
    this.kubelet = await this.daemon(
      'kubelet',
      Object.entries(flags).map(([name, value]) => `--${name}=${value}`),
    );
  }

  /** Ends the kubelet and leaves its containers running. Default: SIGKILL, a crash. */
  async stopKubelet(signal: 'SIGTERM' | 'SIGKILL' = 'SIGKILL'): Promise<void> {
    await this.kubelet?.stop(signal);
    this.kubelet = undefined;
  }

  /** Gives the node images; blobs it has are not copied again. */
  async loadImages(images: readonly Image[]): Promise<void> {
    const present = new Set((await this.ctr('content', 'ls', '-q')).split('\n').filter(Boolean));
    const [program = '', ...args] = this.inside([...CTR, 'images', 'import', '--local', '--no-unpack', '-']);
    const child = spawn(program, args, { env: NODE_ENV, stdio: ['pipe', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    const exit = new Promise<number | null>((resolve, reject) => child.once('close', resolve).once('error', reject));
    // When the receiver gives up, its own words say why; the broken pipe is only the consequence.
    const broken = await pipeline(Readable.from(imageArchive(images, present)), child.stdin).then(
      () => '',
      (error: Error) => error.message,
    );
    if ((await exit) !== 0 || broken !== '') {
      throw new Error(`loading images into ${this.name}: ${said.trim() || broken}`);
    }
  }

  /** Runs a program inside the node, e.g. `['cat', '/proc/mounts']`, and gives its output. */
  exec(command: readonly string[]): Promise<string> {
    const [program = '', ...args] = this.inside(command);
    return run(program, args, { env: NODE_ENV });
  }

  private ctr(...args: string[]): Promise<string> {
    return this.exec([...CTR, ...args]);
  }

  private inside(command: readonly string[]): string[] {
    if (!this.namespaces) throw new Error(`${this.name} is off: power it on first`);
    return entering(this.namespaces.pid, command);
  }

  private daemon(program: 'containerd' | 'kubelet', args: readonly string[]): Promise<Daemon> {
    const { logs, log } = this.options;
    const name = `${program} of ${this.name}`;
    const logFile = join(logs, `${this.name}-${program}.log`);
    if (!this.namespaces) throw new Error(`${this.name} is off: power it on first`);
    return Daemon.start(
      name,
      this.namespaces.pid,
      [NODE_PATHS.program, program, ...args],
      { env: NODE_ENV, logFile },
      log,
    );
  }

  private async writeFiles(): Promise<void> {
    const { settings, controlPlane, dir } = this.options;
    const etc = join(dir, 'etc');
    await rm(dir, { recursive: true, force: true });
    await mkdir(join(etc, 'cni'), { recursive: true, mode: 0o700 });
    const user = { commonName: `system:node:${this.name}`, organizations: ['system:nodes'] };
    const server = controlPlane.authority.issue({
      ...user,
      ips: [this.address],
      dnsNames: [this.name],
      usages: ['server'],
    });
    const files = {
      ...nodeFiles(settings),
      'ca.crt': controlPlane.authority.cert,
      'kubelet.crt': server.cert,
      'kubelet.key': server.key,
    };
    for (const [file, content] of Object.entries(files)) await writeFile(join(etc, file), content, { mode: 0o600 });
    const { server: url } = controlPlane.connection;
    const pair = controlPlane.authority.issue(user);
    writeKubeconfig(join(etc, 'kubeconfig'), this.name, {
      server: url,
      tls: { ca: controlPlane.authority.cert, ...pair },
    });
  }

  private async createBridge(): Promise<void> {
    const { settings, hubPid } = this.options;
    const ip = (...args: string[]): Promise<string> =>
      run('nsenter', ['--net', '--target', String(hubPid), 'ip', ...args]);
    await ip('link', 'add', settings.bridge, 'type', 'bridge');
    await ip('addr', 'add', `${this.address}/24`, 'dev', settings.bridge);
    await ip('link', 'set', settings.bridge, 'up');
  }
}
