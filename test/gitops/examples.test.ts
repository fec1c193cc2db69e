import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeManifests } from '../../charts/gitops/manifests';
import { paths } from '../../operator/kube/paths';
import type { HsdObject } from '../../operator/observe/project';
import { ROOT } from '../../root';
import { CRD_NAME } from '../../src/api/names';
import { eventually } from '../../tools/base/eventually';
import {
  checkOutExample,
  EXAMPLE,
  linkExamplePackages,
  programsFolder,
  runInExample,
  synthExample,
} from '../../tools/generate/gitops-example';
import { ArgoCd } from './support/argocd';
import { exampleObjects } from './support/fleet';
import { Flux } from './support/flux';
import { Ground } from './support/ground';

jest.setTimeout(300_000);

const SYNTH = join(ROOT, 'synth');

/** Every file below a folder, by its path there. */
function contents(folder: string): Record<string, string> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = entries.map(({ parentPath, name }) => join(parentPath, name)).sort();
  return Object.fromEntries(paths.map((path) => [path.slice(folder.length + 1), readFileSync(path, 'utf8')]));
}

describe('the GitOps example and the manifests for GitOps controllers', () => {
  let scratch: string;

  beforeAll(() => {
    scratch = mkdtempSync(join(tmpdir(), 'hotstandby-example-'));
  });
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));

  it('in synth/ are what the charts make now', () => {
    writeManifests(join(scratch, 'synth'));
    for (const controller of ['argocd', 'flux']) {
      expect(contents(join(SYNTH, controller))).toEqual(contents(join(scratch, 'synth', controller)));
    }
  });

  it('in examples/gitops/clusters are what `npm run synth` makes there now', async () => {
    const clusters = await synthExample(join(scratch, 'example'));
    expect(contents(clusters)).toEqual(contents(join(EXAMPLE, 'clusters')));
  });

  it('type-checks', async () => {
    expect(await runInExample(join(scratch, 'example'), ['tsc', '-p', '.'])).toBe('');
  });

  it('names every image by its digest', () => {
    const clusters = Object.values(contents(join(EXAMPLE, 'clusters'))).join('\n');
    const images = [...clusters.matchAll(/^ +(?:- )?image: (.*)$/gm)].map(([, image]) => image);
    expect(images).toHaveLength(4);
    for (const image of images) expect(image).toMatch(/@sha256:[0-9a-f]{64}$/);
  });

  it('promotes the images of one environment to another, and nothing else', async () => {
    const folder = join(scratch, 'promotion');
    checkOutExample(folder);
    const environment = (name: string): Record<string, unknown> =>
      JSON.parse(readFileSync(join(folder, 'environments', `${name}.json`), 'utf8'));
    const [staging, production] = [environment('staging'), environment('production')];
    expect(production.roomImage).not.toBe(staging.roomImage);
    expect(await runInExample(folder, ['tsx', 'promote.ts', 'staging', 'production'])).toContain('npm run synth');
    const { operatorImage, roomImage } = staging;
    expect(environment('production')).toEqual({ ...production, operatorImage, roomImage });
    expect(environment('staging')).toEqual(staging);
    await expect(runInExample(folder, ['tsx', 'promote.ts', 'staging', 'live'])).rejects.toThrow(
      'error: "live" is no environment: npm run promote -- FROM TO, of staging, production',
    );
  });
});

describe('on a cluster with the definitions of Argo CD and Flux', () => {
  let ground: Ground;
  let argocd: ArgoCd;
  let flux: Flux;

  beforeAll(async () => {
    ground = await Ground.open('examples', { kind: 'kwok', count: 1 });
    [argocd, flux] = await Promise.all([ArgoCd.start(ground), Flux.start(ground)]);
  });
  afterAll(async () => {
    await argocd?.close();
    await flux?.close();
    await ground?.close();
  });

  it('every manifest is accepted by the API server', async () => {
    const { kubectl } = ground.cluster;
    await kubectl(['apply', '--server-side', '-f', join(EXAMPLE, 'clusters/staging/platform/crds.yaml')]);
    await kubectl(['wait', '--for=condition=Established', '--timeout=60s', 'crd', CRD_NAME]);
    for (const namespace of ['hotstandby-system', 'rooms']) await kubectl(['create', 'namespace', namespace]);
    const folders = [join(SYNTH, 'argocd'), join(SYNTH, 'flux'), join(EXAMPLE, 'clusters')];
    const files = [...folders, join(EXAMPLE, 'plugin', 'application.yaml')].flatMap((path) => ['-f', path]);
    const output = await kubectl(['apply', '--server-side', '--dry-run=server', '--force-conflicts', '-R', ...files]);
    const kinds = ['application', 'kustomization', 'gitrepository', 'ocirepository', 'helmrelease', 'hotstandbydeploy'];
    for (const kind of kinds) expect(output).toMatch(new RegExp(`^${kind}\\S*/\\S+ serverside-applied`, 'm'));
  });

  it('Argo CD makes the manifests of an environment by the plugin', async () => {
    const workdir = join(ground.dir, 'plugin');
    mkdirSync(workdir);
    linkExamplePackages(join(workdir, 'node_modules'));
    await argocd.startPlugin(ground, 'cdk8s', join(EXAMPLE, 'plugin'), workdir, programsFolder());
    const sources = ['apps', 'delivery', 'environments', 'platform'];
    const files = ['cdk8s.yaml', 'environments.ts', 'main.ts', 'package.json', 'tsconfig.json'];
    for (const path of [...sources, ...files]) ground.git.copy(join(EXAMPLE, path), path);
    await ground.git.push('The sources alone');
    const [application] = exampleObjects('plugin/application.yaml');
    const spec = application?.spec as { source: { repoURL: string } };
    spec.source.repoURL = ground.git.url;
    const folders = ['platform/crds.yaml', 'platform/operator.yaml', 'apps/rooms.yaml'];
    const objects = folders.flatMap((file) => exampleObjects(`clusters/staging/${file}`));
    const committed = namesOf(objects.map(({ kind, metadata: { name } }) => ({ kind, name })));
    await argocd.create(application ?? {});
    await eventually(async () => {
      const { status } = await argocd.get('staging');
      expect(namesOf(status?.resources ?? [])).toEqual(committed);
      expect(status?.sync?.status).toBe('Synced');
    });
    const path = paths.hsds.one('rooms', 'rooms');
    expect((await argocd.api.get<HsdObject>(path)).spec.idleTarget).toBe(2);
  });
});

function namesOf(resources: readonly { kind: string; name: string }[]): string[] {
  return resources.map(({ kind, name }) => `${kind} ${name}`).sort();
}
