import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { chartFiles, dashboardJson } from '../../charts/helm';
import { changes } from '../../charts/helm/chart-yaml';
import { Emitter } from '../../charts/helm/emit';
import { addAt, parts, replaceAt, Sentinels } from '../../charts/helm/places';
import { templates } from '../../charts/helm/templates';
import { SECTIONS } from '../../charts/helm/values';
import { variants } from '../../charts/helm/variants';
import { ROOT } from '../../root';
import { Monitoring } from '../../src';
import { crdManifest } from '../../src/api/crd';
import { PACKAGE_VERSION } from '../../src/version';
import { byName, CHART, chartPath, constructed, helm, rendered } from './helm-chart';
import { at, type Manifest, only } from './support';

// helm takes a second or two on a busy machine.
jest.setTimeout(60_000);

const read = (...path: string[]) => readFileSync(chartPath(...path), 'utf8');

function filesUnder(folder: string): string[] {
  return readdirSync(folder).flatMap((entry) => {
    const path = join(folder, entry);
    return statSync(path).isDirectory() ? filesUnder(path) : [path];
  });
}

function installManifests(): Manifest[] {
  const text = readFileSync(join(ROOT, 'synth', `v${PACKAGE_VERSION}`, 'install.yaml'), 'utf8');
  return parseAllDocuments(text).map((document) => document.toJS() as Manifest);
}

describe('the Helm chart', () => {
  test('is what the constructs make now', () => {
    const files = chartFiles();
    const committed = filesUnder(CHART).map((path) => relative(CHART, path));
    expect(committed.sort()).toEqual([...files.keys(), 'LICENSE'].sort());
    for (const [path, text] of files) expect([path, read(path)]).toEqual([path, text]);
    expect(readFileSync(join(ROOT, 'synth/dashboards/hotstandby.json'), 'utf8')).toBe(dashboardJson());
  });

  test('has nothing that helm lint minds', () => {
    expect(helm(['lint', '--strict', CHART])).toContain('0 chart(s) failed');
  });

  test('renders without a cluster', () => {
    const templates = filesUnder(chartPath('templates')).map((path) => readFileSync(path, 'utf8'));
    expect(templates.join('')).not.toMatch(/\blookup\b|\.Capabilities/);
  });

  test('says what Artifact Hub shows', () => {
    const { annotations, ...chart } = parse(read('Chart.yaml'));
    expect(chart).toMatchObject({ apiVersion: 'v2', version: PACKAGE_VERSION, appVersion: PACKAGE_VERSION });
    const listed = (name: string) => parse(annotations[`artifacthub.io/${name}`]);
    const deployment = only(constructed({}), 'Deployment');
    expect(listed('images')[0].image).toBe(at(deployment, 'spec', 'template', 'spec', 'containers', 0, 'image'));
    const { metadata, spec } = crdManifest();
    expect(listed('crds')).toMatchObject([{ kind: spec.names.kind, name: metadata.name }]);
    expect(listed('crdsExamples')[0].kind).toBe(spec.names.kind);
    expect(annotations['artifacthub.io/license']).toBe('Apache-2.0');
    expect(existsSync(join(ROOT, chart.icon.split('/main/')[1] ?? ''))).toBe(true);
  });

  test('wants the Kubernetes that README.md asks for', () => {
    const [, wanted] = /^Kubernetes (\d+\.\d+) or newer\.$/m.exec(readFileSync(join(ROOT, 'README.md'), 'utf8')) ?? [];
    expect(wanted).toBeDefined();
    expect(parse(read('Chart.yaml')).kubeVersion).toBe(`>=${wanted}.0-0`);
  });

  test('lists the changes of its own version, or what is not released yet', () => {
    const changelog =
      '# C\n\n## [Unreleased]\n\n### Fixed\n\n- A bug.\n\n## [0.2.0] - 2026-01-01\n\n### Added\n\n- One\n  [thing](docs/a.md).\n- Two.\n';
    expect(changes(changelog, '0.2.0')).toEqual([
      { kind: 'added', description: 'One thing.' },
      { kind: 'added', description: 'Two.' },
    ]);
    expect(changes(changelog, '0.3.0')).toEqual([{ kind: 'fixed', description: 'A bug.' }]);
  });
});

describe('what writes the templates', () => {
  const emitted = (sentinels: Sentinels, object: object) => new Emitter(sentinels).document(object);

  test('keeps strings what they are and template marks text', () => {
    const object = { a: 'true', b: '{{ x }}', c: 'one\n{{ two }}\n', d: [], e: {}, f: [[]], '{{': 1 };
    expect(emitted(new Sentinels(), object)).toBe(
      `a: "true"\nb: "{{ "{{" }} x }}"\nc: |\n  one\n  {{ "{{" }} two }}\nd: []\ne: {}\nf:\n  - []\n"{{ "{{" }}": 1\n`,
    );
  });

  test('quotes what fills a whole string and nothing of what fills a part', () => {
    const sentinels = new Sentinels();
    const name = sentinels.text('$.Values.name');
    const any = sentinels.anyText('$.Values.any');
    expect(emitted(sentinels, { a: name, b: `${name}-b`, c: `50% "${any}"` })).toBe(
      'a: {{ $.Values.name | quote }}\nb: {{ $.Values.name }}-b\nc: {{ printf "50%% \\"%s\\"" ($.Values.any) | toRawJson }}\n',
    );
  });

  test('leaves out a map whose parts may all be missing, and keeps a list with one item of its own', () => {
    const sentinels = new Sentinels();
    const object = {
      labels: { [sentinels.add(parts({ yaml: '$.a' }, { when: '$.b', value: { c: 1 } }))]: '' },
      list: [1, parts({ yaml: '$.d' })],
    };
    const lines = emitted(sentinels, object).trimEnd().split('\n');
    expect(lines.slice(0, 2)).toEqual(['{{- if or ($.a) ($.b) }}', 'labels:']);
    expect(lines.slice(-5)).toEqual([
      'list:',
      '  - 1',
      '  {{- with $.d }}',
      '  {{- toYaml . | nindent 2 }}',
      '  {{- end }}',
    ]);
  });

  test('notices when the constructs no longer have what it fills, or make what it does not know', () => {
    expect(() => replaceAt({ a: {} }, ['a', 'b'], 1)).toThrow('there is no a/b to replace in the object');
    expect(() => replaceAt({}, ['a', 'b'], 1)).toThrow('there is no a/b in the object');
    expect(() => addAt({ a: 1 }, ['a'], 1)).toThrow('there is a in the object already');
    const { all, ...others } = variants();
    expect(() => templates({ ...others, all: { ...all, Novelty: {} } })).toThrow(
      'the chart has no template for Novelty: add them to TEMPLATES',
    );
  });
});

const CRD = 'CustomResourceDefinition hotstandbydeployments.apps.paia.tech';
const NAMESPACE = 'Namespace hotstandby-system';

describe('helm template', () => {
  /** install.yaml as helm should make it: with the annotations by which helm keeps what must stay. */
  function keptInstall(): Record<string, Manifest> {
    const objects = byName(installManifests()) as Record<string, Manifest>;
    for (const name of [CRD, NAMESPACE]) {
      const { metadata, ...object } = objects[name] as Manifest;
      const annotations = { ...metadata.annotations, 'helm.sh/resource-policy': 'keep' };
      objects[name] = { ...object, metadata: { ...metadata, annotations } } as Manifest;
    }
    return objects;
  }

  test('at the defaults makes install.yaml, object for object, but for the namespace', () => {
    const { [NAMESPACE]: namespace, ...expected } = keptInstall();
    expect(namespace).toBeDefined();
    expect(byName(rendered())).toEqual(expected);
  });

  test('makes all of install.yaml and no more when told to make the namespace', () => {
    expect(byName(rendered({ createNamespace: true }))).toEqual(keptInstall());
  });

  test('tells nobody to keep a definition that is not to be kept', () => {
    expect(only(rendered({ crds: { keep: false } }), 'CustomResourceDefinition').metadata.annotations).toBeUndefined();
  });

  test('lets annotations of the definition win over those that keep it', () => {
    const annotations = { 'argocd.argoproj.io/sync-options': 'Prune=confirm', 'argocd.argoproj.io/sync-wave': '-2' };
    expect(only(rendered({ crds: { annotations } }), 'CustomResourceDefinition').metadata.annotations).toEqual({
      ...annotations,
      'helm.sh/resource-policy': 'keep',
      'kustomize.toolkit.fluxcd.io/prune': 'disabled',
    });
  });

  test('makes no namespace where it may make nothing outside of it, and labels it as told', () => {
    expect(rendered({ createNamespace: true, ownNamespaceOnly: true }).map(({ kind }) => kind)).not.toContain(
      'Namespace',
    );
    const namespaceLabels = { 'pod-security.kubernetes.io/enforce': 'baseline', team: 'games' };
    const namespace = only(rendered({ createNamespace: true, namespaceLabels }), 'Namespace');
    expect(namespace.metadata.labels).toMatchObject(namespaceLabels);
  });

  test('fills every value that values.yaml has', () => {
    const templates = filesUnder(CHART)
      .filter((path) => /templates/.test(path))
      .map((path) => readFileSync(path, 'utf8'))
      .join('');
    const paths = SECTIONS.flatMap(({ values }) => values.map(({ path }) => path));
    // Fields of the image are read within `with .Values.image`.
    const isRead = (path: string) =>
      new RegExp(`\\.Values\\.${path.replaceAll('.', '\\.')}\\b`).test(templates) ||
      (path.startsWith('image.') && templates.includes(`.${path.slice('image.'.length)}`));
    // For the condition of a chart above this one, which helm itself reads.
    expect(paths.filter((path) => !isRead(path))).toEqual(['enabled']);
  });

  test.each<[string, string, string, string]>([
    ['the name of the release', 'hotstandby', '{}', 'hotstandby'],
    ['a release that is called otherwise', 'games', '{}', 'games-hotstandby'],
    ['a release that contains it', 'my-hotstandby', '{}', 'my-hotstandby'],
    ['a release of digits', '123', '{"fullnameOverride":"123"}', '123'],
    ['a release with a dot', 'a.b', '{}', 'a-b-hotstandby'],
    ['a long release', 'r'.repeat(53), '{}', 'r'.repeat(53)],
    ['nameOverride', 'games', '{"nameOverride":"standby"}', 'games-standby'],
    ['fullnameOverride', 'games', '{"fullnameOverride":"standby"}', 'standby'],
  ])('names its objects after %s', (_what, name, values, expected) => {
    const manifests = rendered(JSON.parse(values), { name });
    expect(byName(manifests)).toHaveProperty([`ValidatingAdmissionPolicy ${expected}-busy-pod-guard`]);
    const deployment = only(manifests, 'Deployment');
    expect(deployment.metadata.name).toBe(`${expected}-operator`);
    expect(at(deployment, 'spec', 'selector', 'matchLabels', 'app.kubernetes.io/instance')).toBe(expected);
  });

  const digest = `sha256:${'0'.repeat(64)}`;
  const repository = 'ghcr.io/paia-tech/hotstandby';
  test.each<[string, Record<string, string>, string]>([
    ['nothing', {}, `${repository}:v${PACKAGE_VERSION}`],
    ['a tag', { tag: 'v9' }, `${repository}:v9`],
    ['a digest', { digest }, `${repository}@${digest}`],
    ['both', { tag: 'v9', digest }, `${repository}:v9@${digest}`],
    ['a mirror', { repository: 'registry.local:5000/h' }, `registry.local:5000/h:v${PACKAGE_VERSION}`],
  ])('with %s of an image runs the right one', (_what, image, expected) => {
    const deployment = only(rendered({ image }), 'Deployment');
    expect(at(deployment, 'spec', 'template', 'spec', 'containers', 0, 'image')).toBe(expected);
  });

  test('hands free-form values on as they are', () => {
    const values = {
      affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'zone' }] } },
      tolerations: [{ key: 'a', operator: 'Exists' }],
      topologySpreadConstraints: [
        { maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' },
        { maxSkew: 2, topologyKey: 'rack', whenUnsatisfiable: 'ScheduleAnyway', labelSelector: {} },
      ],
      imagePullSecrets: [{ name: 'registry' }],
      nodeSelector: { 'kubernetes.io/arch': 'arm64' },
      resources: { limits: { cpu: 1 } },
    };
    const pod = at(only(rendered(values), 'Deployment'), 'spec', 'template', 'spec');
    const { topologySpreadConstraints: spread, resources: _, ...same } = values;
    expect(pod).toMatchObject(same);
    const own = at(only(rendered(), 'Deployment'), 'spec', 'selector');
    expect(at(pod, 'topologySpreadConstraints')).toEqual([{ ...spread[0], labelSelector: own }, spread[1]]);
    expect(at(pod, 'containers', 0, 'resources', 'limits')).toEqual({ cpu: 1, memory: '512Mi' });
  });

  test('leaves out what a null takes away, as OpenShift needs it', () => {
    const values = { podSecurityContext: { runAsUser: null, runAsGroup: null } };
    const pod = at(only(rendered(values), 'Deployment'), 'spec', 'template', 'spec');
    expect(at(pod, 'securityContext')).toEqual({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
  });

  test('adds objects given as maps and as text, with templates in them', () => {
    const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: '{{ .Release.Name }}-map' } };
    const text = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: "{{ .Chart.Name }}-text"\n';
    const names = rendered({ extraObjects: [map, text] }, { name: 'games' })
      .filter(({ kind }) => kind === 'ConfigMap')
      .map(({ metadata }) => metadata.name);
    expect(names.sort()).toEqual(['games-map', 'hotstandby-text']);
  });

  test('keeps the text of dashboards and alerts from being taken for templates', () => {
    const values = { dashboard: { enabled: true }, alerts: { enabled: true }, monitoring: { type: Monitoring.NONE } };
    const manifests = rendered(values);
    expect(at(only(manifests, 'ConfigMap'), 'data', 'hotstandby.json')).toBe(dashboardJson());
    expect(JSON.stringify(only(manifests, 'PrometheusRule'))).toContain('{{ $labels.namespace }}');
  });

  test('may keep the definition with annotations of its own', () => {
    const annotations = { 'argocd.argoproj.io/sync-wave': '-1' };
    const crd = only(rendered({ crds: { keep: false, annotations } }), 'CustomResourceDefinition');
    expect(at(crd, 'metadata', 'annotations')).toEqual(annotations);
  });

  test('runs its test as the operator, with its rights and its security', () => {
    const text = helm(['template', 'games', CHART, '--show-only', 'templates/tests/leader.yaml']);
    const pod = parse(text);
    expect(pod.metadata.annotations['helm.sh/hook']).toBe('test');
    const operator = at(only(rendered({}, { name: 'games' }), 'Deployment'), 'spec', 'template', 'spec');
    expect(pod.spec.serviceAccountName).toBe(at(operator, 'serviceAccountName'));
    expect(pod.spec.securityContext).toEqual(at(operator, 'securityContext'));
    expect(pod.spec.containers[0].image).toBe(at(operator, 'containers', 0, 'image'));
    expect(pod.spec.containers[0].args[0].trim()).toBe(read('tests', 'leader.js').trim());
  });
});
