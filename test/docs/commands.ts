/**
 * How each command of the documentation is tested. A command that matches no entry, or several, fails the test, and so
 * does an entry that matches no command.
 */
export type Tested =
  /** Run by offline.test.ts from the repository's root, with what `also` adds. */
  | { readonly offline: true; readonly also?: string }
  /** Run by cluster.test.ts, in the order of the document. */
  | { readonly cluster: true }
  /** Run by another file, which has these words. */
  | { readonly by: string; readonly words: string }
  /** Not run, because it needs something no test machine has. */
  | { readonly needs: string };

export interface Entry {
  readonly pattern: RegExp;
  readonly tested: Tested;
}

const offline = (pattern: RegExp, also?: string): Entry => ({ pattern, tested: { offline: true, also } });
const cluster = (pattern: RegExp): Entry => ({ pattern, tested: { cluster: true } });
const by = (pattern: RegExp, file: string, words: string): Entry => ({ pattern, tested: { by: file, words } });
const needs = (pattern: RegExp, what: string): Entry => ({ pattern, tested: { needs: what } });

export const COMMANDS: readonly Entry[] = [
  // `npm ci` is a part of `npm cit`.
  by(/^npm ci( && npm start)?$/, '.ci/run', 'npm cit'),
  by(/^npm cit$/, '.ci/run', 'npm cit'),
  by(/^npm start -- --(once|nodes kwok)$/, 'test/e2e/demo.test.ts', '--once'),
  offline(/^npm start -- --help$/),
  offline(/^npm run operator -- --help$/),
  offline(/^npm run hsd -- simulate /),
  by(/^npm run lint$/, '.ci/run', 'npm run --silent lint'),
  by(/^npm run typecheck$/, '.ci/run', 'npm run --silent typecheck'),
  by(/^npm run generate$/, '.ci/run', 'npm run --silent generate'),
  // Running the tests is what is under way.
  offline(/^npx jest (--selectProjects [\w ]+|test\/e2e\/scaling\.test\.ts)$/, '--listTests'),
  by(/^npm run cluster -- (up|status|down)$/, 'test/cluster/cli.test.ts', "cluster('up'"),
  by(/^export KUBECONFIG=\$PWD\/\.cluster\/default\/kubeconfig$/, 'test/cluster/cli.test.ts', 'export KUBECONFIG='),
  cluster(/^npm run operator( -- --namespace games lobby)?$/),
  needs(/^docker (build|push) /, 'Docker and a registry'),
  needs(/^(cosign|gh attestation) verify/, 'a published release'),
  by(
    /^\(cd synth && sha256sum --check SHA256SUMS\)$/,
    'test/synth/release.test.ts',
    "execFileSync('sha256sum', ['--check'",
  ),
  needs(/^sha256sum --check SHA256SUMS$/, 'a published release'),
  by(/^npm run release:prepare (-- --open )?X\.Y\.Z$/, 'test/synth/release.test.ts', "prepare('--open', '99.1.0')"),
  needs(/^oc /, 'OpenShift'),
  needs(/^helm install \S+ oci:/, 'a published release'),
  by(/^npx tsx tools\/build\/operator-image\.ts operator\.tar$/, 'test/synth/operator-files.test.ts', 'operatorImage'),
  by(
    /^kubectl apply --server-side -k \.$/,
    'test/e2e/kustomize.test.ts',
    "kubectl(['apply', '--server-side', '-k', path])",
  ),
  needs(/^kubectl .* logs /, 'a kubelet: Pods of kwok nodes write no logs'),
  cluster(/^kubectl (?!.* logs |.* -k \.$)/),
  cluster(/^(POD=\$\(|sed .*synth\/\S+ \| )kubectl /),
  cluster(/^ORIGINAL_(NAMESPACE|DEPLOYMENT)=\S+$/),
  // The two are one script: cluster.test.ts runs them as the Pod would.
  cluster(/^SA=\/var\/run\/secrets\/kubernetes\.io\/serviceaccount$/),
  cluster(/^REPLY=\$\(curl /),
];

/** The one entry of a command. Throws one line when there is none or are several. */
export function entryOf(command: string): Entry {
  const [entry, ...others] = COMMANDS.filter(({ pattern }) => pattern.test(command));
  if (entry === undefined) throw new Error(`no entry of test/docs/commands.ts says how this is tested: ${command}`);
  if (others.length > 0) throw new Error(`${others.length + 1} entries of test/docs/commands.ts match: ${command}`);
  return entry;
}
