import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { ROOT } from '../../root';
import { API_VERSION, GROUP, KIND, PLURAL, VERSION } from '../../src/api/names';
import { IMAGE_REPOSITORY } from '../../src/install/deployment';
import { PACKAGE_VERSION } from '../../src/version';

const REPOSITORY = 'https://github.com/paia-tech/hotstandby';
/** Two Pods busy, two idle. */
const ICON = 'docs/img/icon.svg';
/** The CRD's rules use CEL's format library; `-0` lets in what managed clusters call their versions: 1.32.3-gke.1. */
const KUBE_VERSION = '>=1.32.0-0';

/** Chart.yaml, with what Artifact Hub shows. */
export function chartYaml(): string {
  const { description, keywords, license } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    description: string;
    keywords: string[];
    license: string;
  };
  const chart = {
    apiVersion: 'v2',
    name: 'hotstandby',
    description,
    type: 'application',
    version: PACKAGE_VERSION,
    appVersion: PACKAGE_VERSION,
    kubeVersion: KUBE_VERSION,
    keywords,
    home: REPOSITORY,
    icon: `https://raw.githubusercontent.com/paia-tech/hotstandby/main/${ICON}`,
    sources: [REPOSITORY],
    maintainers: [{ name: 'The HotStandby authors', email: 'hotstandby@paia.tech' }],
    annotations: {
      'artifacthub.io/license': license,
      'artifacthub.io/operator': 'true',
      'artifacthub.io/operatorCapabilities': 'Seamless Upgrades',
      'artifacthub.io/images': yaml([
        {
          name: 'operator',
          image: `${IMAGE_REPOSITORY}:v${PACKAGE_VERSION}`,
          platforms: ['linux/amd64', 'linux/arm64'],
        },
      ]),
      'artifacthub.io/crds': yaml([
        {
          kind: KIND,
          version: VERSION,
          name: `${PLURAL}.${GROUP}`,
          displayName: KIND,
          description: 'Pods for sessions, with a constant number of idle ones beside the busy ones.',
        },
      ]),
      'artifacthub.io/crdsExamples': yaml([example()]),
      'artifacthub.io/links': yaml([
        { name: 'Operations', url: `${REPOSITORY}/blob/main/docs/operations.md` },
        { name: 'Client protocol', url: `${REPOSITORY}/blob/main/docs/client-protocol.md` },
      ]),
      'artifacthub.io/changes': yaml(changes(readFileSync(join(ROOT, 'CHANGELOG.md'), 'utf8'), PACKAGE_VERSION)),
    },
  };
  return stringify(chart, { lineWidth: 0 });
}

function example() {
  return {
    apiVersion: API_VERSION,
    kind: KIND,
    metadata: { name: 'rooms' },
    spec: {
      idleTarget: 3,
      selector: { matchLabels: { app: 'rooms' } },
      podTemplate: { spec: { containers: [{ name: 'app', image: 'registry.example.com/rooms:1' }] } },
    },
  };
}

/** Artifact Hub's words for the headings of Keep a Changelog. */
const KINDS = ['added', 'changed', 'deprecated', 'removed', 'fixed', 'security'];

/** The entries of a version in CHANGELOG.md; of what is not released yet while there is none. */
export function changes(changelog: string, version: string): { kind: string; description: string }[] {
  const sections = changelog.split(/^## /m);
  const titled = (title: string) => sections.find((section) => section.startsWith(title));
  const [, ...parts] = (titled(`[${version}]`) ?? titled('[Unreleased]') ?? '').split(/^### /m);
  return parts.flatMap((part) => {
    const kind = part.split('\n', 1)[0]?.trim().toLowerCase() ?? '';
    if (!KINDS.includes(kind)) throw new Error(`CHANGELOG.md: "${kind}" is none of ${KINDS.join(', ')}`);
    const entries = part.split(/^- /m).slice(1);
    return entries.map((entry) => ({ kind, description: plain(entry) }));
  });
}

/** Without line breaks and without links, which Artifact Hub would take for its own. */
function plain(markdown: string): string {
  return markdown
    .replace(/\[([^\]]+)\]\([^)]*\)/g, '$1')
    .replace(/\s+/g, ' ')
    .trim();
}

function yaml(value: unknown): string {
  return stringify(value, { lineWidth: 0 });
}
