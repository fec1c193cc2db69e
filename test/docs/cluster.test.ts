/** The documentation as a reader follows it, page by page, on a real control plane. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { eventually } from '../../tools/base/eventually';
import { type Cluster, describeCluster, startCluster } from '../../tools/cluster';
import { hasProgram } from '../unit/examples/languages';
import { entryOf } from './commands';
import { type Block, blocksOf, commandsOf, DOCUMENTS } from './support/markdown';
import { originalInstallation } from './support/original';
import { restingPod } from './support/resting-pod';
import { NpmOperator, Shell } from './support/shell';

jest.setTimeout(180_000);
const BUILD_MS = 30 * 60_000;

const CLIENT_PROTOCOL = 'docs/client-protocol.md';
/** The order of a reader who comes from the original operator; operations.md has the uninstall. */
const ORDER = [
  'docs/migration.md',
  'README.md',
  CLIENT_PROTOCOL,
  'docs/troubleshooting.md',
  'CONTRIBUTING.md',
  'docs/install.md',
  'docs/alerts.md',
  'docs/operations.md',
];

const isHere = (command: string): boolean => 'cluster' in entryOf(command).tested;
const isOperator = (command: string): boolean => command.startsWith('npm run operator');
const isInPod = (command: string): boolean => /^(SA|REPLY)=/.test(command);

/** A shell block with the commands of it that are run here, and the output the page shows for them. */
interface Step extends Block {
  readonly commands: readonly string[];
  readonly shows?: string;
}

function stepsOf(document: string): Step[] {
  const blocks = blocksOf(document);
  return blocks.flatMap((block, index) => {
    if (block.language !== 'sh') return [];
    const commands = commandsOf(block).filter((it) => isHere(it) && !isOperator(it) && !isInPod(it));
    const next = blocks[index + 1];
    const shows = next?.language === 'text' && /^NAME /.test(next.text) ? next.text : undefined;
    return commands.length === 0 ? [] : [{ ...block, commands, shows }];
  });
}

const yamlBlocks = DOCUMENTS.flatMap(blocksOf).filter(({ language }) => language === 'yaml');
const manifests = yamlBlocks.filter(({ text }) => /^kind: /m.test(text));

describeCluster('the documentation, followed on a cluster', () => {
  let cluster: Cluster;
  let shell: Shell;
  let operator: NpmOperator | undefined;
  let busyOfOriginal: string;

  beforeAll(async () => {
    const log = (line: string): void => void process.stderr.write(`[docs] ${line}\n`);
    cluster = await startCluster({ nodes: { kind: 'kwok', count: 2 }, name: 'docs', log });
    shell = new Shell(cluster);
    for (const { text } of manifests) {
      const [, file] = /^# (\S+\.yaml)$/m.exec(text) ?? [];
      if (file !== undefined) shell.save(file, text);
    }
    busyOfOriginal = await originalInstallation(shell);
  }, BUILD_MS);
  afterAll(async () => {
    await operator?.stop();
    await cluster?.stop();
  });

  /** What a reader's cluster does by itself: from the moment the CRD is there, an operator runs. */
  async function startOperatorOnce({ commands }: Step): Promise<void> {
    if (operator !== undefined || !commands.some((command) => command.includes('crds.yaml'))) return;
    await shell.run('kubectl wait crd --all --for=condition=Established --timeout=60s');
    operator = new NpmOperator('npm run operator', shell.env);
    await operator.ready;
  }

  async function follow(step: Step): Promise<void> {
    const commands = step.commands.join('\n');
    // Not $POD of the README: that one may have been the idle Pod too many when its session ended.
    const output = await shell.run(commands, commands.includes('$POD_NAME') ? { POD_NAME: await poolMember() } : {});
    if (step.shows !== undefined) expectTables(output, step.shows);
    await startOperatorOnce(step);
  }

  const poolMember = async (): Promise<string> => (await restingPod(shell, 'default', 'rooms')).name;

  it('follows every page with a command for a cluster', () => {
    const pages = DOCUMENTS.filter((document) => blocksOf(document).some(hasClusterCommand));
    expect(pages.sort()).toEqual([...ORDER].sort());
  });

  describe.each(ORDER)('%s', (document) => {
    const steps = stepsOf(document);
    const uninstall = document === 'docs/operations.md' ? steps.find(isUninstall) : undefined;
    for (const step of steps.filter((it) => it !== uninstall)) {
      it(`line ${step.line}: ${step.commands[0]}`, () => follow(step));
    }

    if (document === 'docs/migration.md') {
      it('has kept the busy Pod, which now lives on outside of the child', async () => {
        const status = '{.status.phase} {.metadata.deletionTimestamp} {.metadata.ownerReferences[0].kind}';
        await eventually(async () => {
          const pod = await shell.run(`kubectl get ${busyOfOriginal} -o jsonpath='${status}'`);
          expect(pod).toBe('Running  HotStandbyDeployment');
        });
      });
    }
    if (document === 'README.md') {
      it('has an operator command for single namespaces that works', async () => {
        const [command = ''] = blocksOf(document)
          .flatMap(commandsOf)
          .filter((it) => it.endsWith('games lobby'));
        const second = new NpmOperator(command, shell.env);
        await second.ready;
        await second.stop();
      });
    }
    if (document === CLIENT_PROTOCOL) describe('marking a Pod busy', () => inPod(() => shell));
    if (uninstall !== undefined) {
      it.each(manifests)('the manifest of $document, line $line, is accepted', async ({ text }) => {
        shell.save('manifest.yaml', text);
        const kinds = parseAllDocuments(text).length;
        const said = await shell.run('kubectl apply --dry-run=server -f manifest.yaml');
        expect(said.trim().split('\n')).toHaveLength(kinds);
      });
      it(`line ${uninstall.line}: ${uninstall.commands[0]}`, () => follow(uninstall));
    }
  });
});

/** Nothing works after it, so it comes last wherever it stands on its page. */
function isUninstall({ commands }: Step): boolean {
  return commands.some((command) => /^kubectl delete .*synth\/\S+\/crds$/.test(command));
}

function hasClusterCommand(block: Block): boolean {
  return block.language === 'sh' && commandsOf(block).some((it) => isHere(it));
}

/** Each table of the page has these columns and rows of this name; all else but the age too, where it cannot lag. */
function expectTables(output: string, shows: string): void {
  const cells = (text: string): string[][] =>
    text
      .trimEnd()
      .split('\n')
      .map((line) => line.trim().split(/\s{2,}/));
  const actual = cells(output.slice(output.indexOf('NAME ')));
  let head: readonly string[] = [];
  for (const [index, row] of cells(shows).entries()) {
    if (row[0] === 'NAME') head = row;
    const isExact = row === head || head.includes('TARGET');
    const visible = (line: readonly string[] = []): string[] =>
      line.map((cell, column) =>
        isExact && (head[column] !== 'AGE' || line[0] === 'NAME') ? cell : column === 0 ? cell : '*',
      );
    expect(visible(actual[index])).toEqual(visible(row));
  }
}

/** The snippets of the client protocol, run with the token of a real Pod against the real API server. */
function inPod(shellOf: () => Shell): void {
  const snippet = (language: string): string =>
    blocksOf(CLIENT_PROTOCOL).find((block) => block.language === language && /clear|busy-mark/i.test(block.text))
      ?.text ?? '';
  const env: Record<string, string> = {};
  let account: string;

  beforeAll(async () => {
    const shell = shellOf();
    account = join(shell.folder, 'account');
    await shell.run(
      'mkdir account; kubectl create namespace snippets; kubectl apply -n snippets -f examples/annotation/rbac.yaml -f examples/annotation/hsd.yaml',
    );
    // One Pod more than the target: with one session at a time the pool never grows, so no Pod of it leaves.
    await shell.run(`kubectl patch -n snippets hsd/rooms --type=merge -p '{"spec":{"minReplicas":4}}'`);
    const pod = await restingPod(shell, 'snippets', 'rooms');
    const bound = `--bound-object-kind Pod --bound-object-name ${pod.name} --bound-object-uid ${pod.uid}`;
    await shell.run(`kubectl create token rooms -n snippets ${bound} >account/token`);
    await shell.run(
      `kubectl config view --raw -o jsonpath='{.clusters[0].cluster.certificate-authority-data}' | base64 -d >account/ca.crt`,
    );
    const server = new URL(await shell.run("kubectl config view -o jsonpath='{.clusters[0].cluster.server}'"));
    Object.assign(env, {
      HOTSTANDBY_SA_DIR: account,
      KUBERNETES_SERVICE_HOST: server.hostname,
      KUBERNETES_SERVICE_PORT: server.port,
      POD_NAMESPACE: 'snippets',
      POD_NAME: pod.name,
      POD_UID: pod.uid,
    });
  });

  /** Runs a whole session: the Pod has been written, and is not busy afterwards. */
  async function session(command: string): Promise<void> {
    const shell = shellOf();
    const versionBefore = await podField('{.metadata.resourceVersion}');
    await shell.run(command, env);
    expect(await podField('{.metadata.annotations.paia\\.tech/busy}')).toBe('');
    expect(Number(await podField('{.metadata.resourceVersion}'))).toBeGreaterThan(Number(versionBefore));
  }

  const podField = (path: string): Promise<string> =>
    shellOf().run(`kubectl get pod -n snippets ${env.POD_NAME} -o jsonpath='${path}'`);

  it('works in Node', async () => {
    shellOf().save('session.mjs', snippet('js').replace('./busy-mark.mjs', './examples/annotation/app/busy-mark.mjs'));
    await session(`'${process.execPath}' session.mjs`);
  });

  const python = hasProgram('python3', '--version') ? it : it.skip;
  python('works in Python (skipped without python3)', async () => {
    shellOf().save('session.py', snippet('python'));
    await session('PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=examples/annotation-python/app python3 session.py');
  });

  const go = hasProgram('go', 'version') ? it : it.skip;
  go('works in Go (skipped without Go)', async () => {
    const body = `func hold() error {\n${snippet('go')}return err\n}\n`;
    const main = `package main\n\nimport "errors"\n\n${body}\nfunc main() {\n\tif err := hold(); err != nil {\n\t\tpanic(err)\n\t}\n}\n`;
    await shellOf().run('mkdir go; cp examples/annotation-go/busymark.go examples/annotation-go/go.mod go');
    writeFileSync(join(shellOf().folder, 'go/main.go'), main);
    await session('go run -C go .');
  });

  it('works with curl', async () => {
    const commands = blocksOf(CLIENT_PROTOCOL).flatMap(commandsOf).filter(isInPod).join('\n');
    expect(commands).toContain('SA=/var/run');
    const said = await shellOf().run(commands.replace(/^SA=.*$/m, `SA=${account}`), env);
    expect(said).toBe('the Pod is yours\n');
    expect(await podField('{.metadata.annotations.paia\\.tech/busy}')).toBe('true');
  });
}
