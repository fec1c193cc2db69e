/** `npm start` as a stranger runs it: a process of its own, in a terminal and without one. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { eventually } from '../../tools/base/eventually';
import { runInfo } from './support/run-info';
import { adminClient } from './support/scene';

/** Warm caches: about 20 s on two cores that nobody else uses. */
const LONG_MS = 240_000;
const ESC = '\x1b';
/** A move to a row, its clearing, and its new text. */
const DRAWN = new RegExp(`${ESC}\\[(\\d+);1H${ESC}\\[K([^${ESC}]*)`, 'g');
const START = ['start', '--silent', '--'];
/** Runs a command in a terminal of 80 x 24 and joins it with this program's own input and output. */
const TERMINAL = `
import fcntl, os, pty, select, signal, struct, sys, termios
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 80, 0, 0))
while True:
    ready = select.select([terminal, 0], [], [])[0]
    if terminal in ready:
        try:
            data = os.read(terminal, 65536)
        except OSError:
            break
        if not data:
            break
        os.write(1, data)
    if 0 in ready:
        data = os.read(0, 1024)
        if not data:
            os.kill(pid, signal.SIGHUP)
            break
        os.write(terminal, data)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;

/** A running demo and what it has said. */
class DemoProcess {
  output = '';
  readonly exit: Promise<number | null>;

  private constructor(private readonly child: ChildProcess) {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (chunk: string) => {
        this.output += chunk;
      });
    }
    this.exit = new Promise((resolve) => child.once('close', resolve));
  }

  static spawn(command: string, args: readonly string[]): DemoProcess {
    const env: NodeJS.ProcessEnv = { ...process.env, TERM: 'xterm', NO_COLOR: '1' };
    delete env.HOTSTANDBY_KUBECONFIG;
    // A group of its own, as a shell makes it: Ctrl-C goes to all of it.
    return new DemoProcess(spawn(command, args, { env, stdio: ['pipe', 'pipe', 'pipe'], detached: true }));
  }

  /** Waits until it has said something that matches. */
  async said(what: RegExp): Promise<void> {
    await eventually(() => expect(this.output).toMatch(what), LONG_MS);
  }

  type(keys: string): void {
    this.child.stdin?.write(keys);
  }

  /** As Ctrl-C does in a terminal. */
  interrupt(signal: NodeJS.Signals = 'SIGINT'): void {
    try {
      process.kill(-(this.child.pid ?? 0), signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }

  /** Folder of the embedded cluster, from the kubeconfig it names. */
  get dir(): string {
    return dirname(/export KUBECONFIG=(\S+)/.exec(this.output)?.[1] ?? '');
  }

  /** The screen, from what a terminal was sent: whole lines, each after a move to its row. */
  get screen(): string[] {
    const rows: string[] = [];
    const drawn = this.output.slice(this.output.lastIndexOf('\x1b[?1049h'));
    for (const [, row, text] of drawn.matchAll(DRAWN)) rows[Number(row) - 1] = text ?? '';
    return rows;
  }

  /** Numbers of the selected hsd: target, available, busy, starting, desired. */
  get numbers(): number[] {
    const line = this.screen.find((text) => text?.startsWith(' > ')) ?? '';
    return line.trim().split(/\s+/).slice(2, 7).map(Number);
  }
}

let demo: DemoProcess | undefined;
afterEach(() => demo?.interrupt('SIGKILL'));

/** Neither a file nor a process remains of an embedded cluster. */
async function nothingLeftOf(dir: string): Promise<void> {
  expect(dir).toMatch(/hotstandby/);
  await eventually(() => {
    expect(existsSync(dir)).toBe(false);
    const { stdout } = spawnSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8' });
    expect(stdout.split('\n').filter((line) => line.includes(dir))).toEqual([]);
  });
}

describe('npm start -- --once', () => {
  test(
    'plays every step on a cluster of its own, exits 0 and leaves nothing behind',
    async () => {
      demo = DemoProcess.spawn('npm', [...START, '--once', '--nodes', 'kwok']);
      expect([await demo.exit, demo.output]).toEqual([0, expect.any(String)]);
      expect(demo.output).toMatch(/ready: Kubernetes v\d+\.\d+\.\d+, kwok nodes/);
      expect(demo.output).toMatch(/2 sessions started: child 3 -> 5, reaction \d+\.\d ms and \d+\.\d ms/);
      expect(demo.output).toMatch(/both ended: child 5 -> 3/);
      expect(demo.output).toMatch(/3 new idle Pods after \d+ ms; (\S+) is still in its session[\s\S]*\1 is gone/);
      expect(demo.output).toMatch(/every step happened as it should\n[\s\S]*nothing is left\n$/);
      await nothingLeftOf(demo.dir);
      const [, reactions] = /reaction (.*)/.exec(demo.output) ?? [];
      process.stderr.write(`[e2e] demo: reaction ${reactions}; ${/.* ready: .*/.exec(demo.output)?.[0].trim()}\n`);
    },
    LONG_MS,
  );

  test(
    'cleans up when it is interrupted in the middle',
    async () => {
      demo = DemoProcess.spawn('npm', [...START, '--once', '--nodes', 'kwok']);
      await demo.said(/sessions started/);
      demo.interrupt();
      await demo.exit;
      await demo.said(/stopped by SIGINT[\s\S]*nothing is left/);
      await nothingLeftOf(demo.dir);
    },
    LONG_MS,
  );

  test(
    'leaves nothing behind when it is killed',
    async () => {
      demo = DemoProcess.spawn('npm', [...START, '--once', '--nodes', 'kwok']);
      await demo.said(/sessions started/);
      demo.interrupt('SIGKILL');
      await demo.exit;
      await nothingLeftOf(demo.dir);
    },
    LONG_MS,
  );

  test(
    'uses a given cluster and takes away only what it has put there',
    async () => {
      demo = DemoProcess.spawn('npm', [...START, '--once', '--kubeconfig', runInfo().admin]);
      expect([await demo.exit, demo.output]).toEqual([0, expect.any(String)]);
      expect(demo.output).toMatch(/The demo will use the cluster at https:\S+:\n {2}namespace hotstandby-demo/);
      expect(demo.output).toMatch(/nothing of synth\/: all of it is there/);
      expect(demo.output).toMatch(/every step happened as it should/);
      const api = adminClient();
      try {
        await expect(api.get('/api/v1/namespaces/hotstandby-demo')).rejects.toMatchObject({ code: 404 });
        // The API server still serves hsds: the CRD was there before and stays.
        await expect(api.get('/apis/apps.paia.tech/v1alpha1')).resolves.toMatchObject({ kind: 'APIResourceList' });
      } finally {
        await api.close();
      }
    },
    LONG_MS,
  );

  test.each([
    [['--nodes', 'docker'], 2, /argument 'docker' is invalid/],
    [['--kubeconfig', '/nowhere/kubeconfig'], 1, /\/nowhere\/kubeconfig/],
  ])(
    '%p ends with one line that says why',
    async (args, code, message) => {
      demo = DemoProcess.spawn('npm', [...START, '--once', ...args]);
      expect(await demo.exit).toBe(code);
      const complaints = demo.output.split('\n').filter((line) => line.startsWith('error: '));
      expect(complaints).toEqual([expect.stringMatching(message)]);
      expect(demo.output).not.toMatch(/\n {4}at /);
    },
    LONG_MS,
  );
});

const hasTerminals = spawnSync('python3', ['-c', 'import pty, termios']).status === 0;

(hasTerminals ? describe : describe.skip)('npm start in a terminal (skipped without python3 and its pty)', () => {
  test(
    'shows a table that follows the keys, and gives the terminal back at the end',
    async () => {
      const opened = performance.now();
      demo = DemoProcess.spawn('python3', ['-c', TERMINAL, 'npm', ...START, '--nodes', 'kwok']);
      const shows = (numbers: number[]): Promise<void> =>
        eventually(() => expect(demo?.numbers).toEqual(numbers), LONG_MS);
      await shows([3, 3, 0, 0, 3]);
      process.stderr.write(`[e2e] demo: first table after ${Math.round((performance.now() - opened) / 100) / 10} s\n`);
      expect(demo.screen.at(-1)).toMatch(/^ export KUBECONFIG=\//);

      demo.type('s');
      await shows([3, 3, 1, 0, 4]);
      expect(demo.screen.find((line) => line?.startsWith(' > '))).toMatch(/\d+ ms$|\d s$/);

      demo.type('d');
      await eventually(() => expect(demo?.screen.join('\n')).toMatch(/Deployment rooms-workload: 4 replicas/));
      expect(demo.screen.filter((line) => /rooms-workload-\S+ .* attached/.test(line ?? ''))).toHaveLength(4);

      demo.type('e');
      await shows([3, 3, 0, 0, 3]);
      demo.type('b');
      await shows([3, 3, 5, 0, 8]);
      demo.type('+');
      await shows([4, 4, 5, 0, 9]);
      demo.type('t');
      await eventually(() => {
        const pods = demo?.screen.filter((line) => /rooms-workload-\S+ /.test(line ?? '')) ?? [];
        expect(pods.filter((line) => /busy +detached +1 /.test(line))).toHaveLength(5);
        expect(pods.filter((line) => /idle +attached +2 /.test(line))).toHaveLength(4);
      });

      demo.type('q');
      expect(await demo.exit).toBe(0);
      expect(demo.output).toMatch(new RegExp(`${ESC}\\[\\?1049l[\\s\\S]*nothing is left`));
      await nothingLeftOf(demo.dir);
    },
    LONG_MS,
  );

  test(
    'ends by Ctrl-C as by q',
    async () => {
      demo = DemoProcess.spawn('python3', ['-c', TERMINAL, 'npm', ...START, '--nodes', 'kwok']);
      await demo.said(/q quit/);
      demo.type('\x03');
      expect(await demo.exit).toBe(0);
      await nothingLeftOf(demo.dir);
    },
    LONG_MS,
  );
});
