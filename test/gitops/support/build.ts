/** Argo CD, Flux's kustomize-controller, Helm 3 and kube-score, from the Go modules pinned in binaries/. */
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../../root';
import type { Log } from '../../../tools/base/cache';
import { buildGo, type GoTarget } from '../../../tools/base/go-build';

const SOURCES = join(ROOT, 'test/gitops/binaries');
const ARGO_CD = 'github.com/argoproj/argo-cd/v3';
const ARGO_CD_PROGRAMS = ['application-controller', 'cmp-server', 'lua', 'redis', 'repo-server'];
/** Of these modules' Go types the Flux CRDs are generated, as Flux's own are. */
const FLUX_APIS = ['helm-controller/api/v2', 'kustomize-controller/api/v1', 'source-controller/api/v1'];
/** Two compilers at most, however many cores: each may take a gigabyte. */
const FLAGS = ['-p=2', '-ldflags', '-s -w'];

/** Modules of their own, because their dependencies exclude each other. */
const TARGETS: Readonly<Record<'argocd' | 'flux' | 'helm3' | 'kube-score', GoTarget>> = {
  argocd: {
    name: 'argocd',
    module: join(SOURCES, 'argocd'),
    sources: ['.'],
    packages: ['.'],
    flags: FLAGS,
    duration: 'about 4 minutes',
    async finish(folder, go) {
      // The program tells by its name what to be.
      for (const part of ARGO_CD_PROGRAMS) symlinkSync('argocd', join(folder, `argocd-${part}`));
      symlinkSync('argocd', join(folder, 'kustomize'));
      const module = (await go(join(SOURCES, 'argocd'), 'list', '-m', '-f', '{{.Dir}}', ARGO_CD)).trim();
      const source = join(module, 'manifests', 'crds');
      const files = readdirSync(source).filter((file) => file.endsWith('-crd.yaml'));
      mkdirSync(join(folder, 'crds'));
      // Not a copy: what is in the module cache is read-only.
      for (const file of files) writeFileSync(join(folder, 'crds', file), readFileSync(join(source, file)));
    },
  },
  flux: {
    name: 'kustomize-controller',
    module: join(SOURCES, 'flux'),
    sources: ['.', '../flux-crds'],
    packages: ['github.com/fluxcd/kustomize-controller'],
    flags: FLAGS,
    duration: 'about 6 minutes',
    async finish(folder, go) {
      const crds = join(folder, 'crds');
      mkdirSync(crds);
      const generator = ['run', '-p=2', 'sigs.k8s.io/controller-tools/cmd/controller-gen', 'crd'];
      const paths = FLUX_APIS.map((api) => `paths=github.com/fluxcd/${api}`);
      await go(join(SOURCES, 'flux-crds'), ...generator, `output:crd:dir=${crds}`, ...paths);
    },
  },
  helm3: {
    name: 'helm',
    module: join(SOURCES, 'helm3'),
    sources: ['.'],
    packages: ['helm.sh/helm/v3/cmd/helm'],
    flags: FLAGS,
    duration: 'about 5 minutes',
  },
  'kube-score': {
    name: 'kube-score',
    module: join(SOURCES, 'kube-score'),
    sources: ['.'],
    packages: ['github.com/zegl/kube-score/cmd/kube-score'],
    flags: FLAGS,
    duration: 'about 1 minute',
  },
};

/** What a build left in the cache. */
export interface Built {
  /** Folder with one file for each program's name. */
  bin: string;
  /** Folder with CustomResourceDefinitions. */
  crds: string;
}

/** Returns at once what is in the cache already. Throws one line when Go is missing or the build fails. */
export async function build(target: keyof typeof TARGETS, log: Log): Promise<Built> {
  const bin = await buildGo(TARGETS[target], log);
  return { bin, crds: join(bin, 'crds') };
}
