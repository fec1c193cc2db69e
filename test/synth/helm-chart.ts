import { execFileSync } from 'node:child_process';
import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments, stringify } from 'yaml';
import { ROOT } from '../../root';
import { HotStandbyOperator, type HotStandbyOperatorProps } from '../../src';
import { toolPath } from '../../tools/cluster/tools';
import { type Manifest, synth } from './support';

/** The chart as it is committed. */
export const CHART = join(ROOT, 'synth/helm/hotstandby');

/** Values of the chart, as a user would write them. */
export type Values = Readonly<Record<string, unknown>>;

export interface Release {
  readonly name?: string;
  readonly namespace?: string;
  readonly args?: readonly string[];
}

/** Runs helm; what it prints. Throws with what it complains about. */
export function helm(args: readonly string[], input?: string, program = toolPath('helm')): string {
  return execFileSync(program, args, { encoding: 'utf8', input, stdio: 'pipe' });
}

/** Another chart in `folder` that has this one as a dependency, by the helm at `program`. */
export function parentChart(folder: string, program: string) {
  const dependency = { name: 'hotstandby', version: '*', condition: 'hotstandby.enabled' };
  const chart = { apiVersion: 'v2', name: 'parent', version: '1.0.0', dependencies: [dependency] };
  writeFileSync(join(folder, 'Chart.yaml'), stringify(chart));
  cpSync(CHART, join(folder, 'charts/hotstandby'), { recursive: true });
  const template = (values: Values, namespace: string) => {
    const flags = ['--namespace', namespace, '--values', '-'];
    return parsed(helm(['template', 'parent', folder, ...flags], JSON.stringify(values), program));
  };
  const isTest = ({ metadata }: Manifest) => metadata.annotations?.['helm.sh/hook'] === 'test';
  return {
    rendered: (values: Values) => template(values, 'standby').filter((manifest) => !isTest(manifest)),
    tests: (values: Values, namespace = 'standby') => template(values, namespace).filter(isTest),
  };
}

/** What `helm template` makes of the values, tests left out. */
export function rendered(values: Values = {}, release: Release = {}): Manifest[] {
  return parsed(render(values, release));
}

/** The manifests in what helm prints. */
function parsed(text: string): Manifest[] {
  const documents = parseAllDocuments(text).map((document) => {
    if (document.errors.length > 0) throw new Error(`${document.errors[0]?.message}\n${text}`);
    return document.toJS() as Manifest | null;
  });
  return documents.filter((manifest) => manifest !== null);
}

/** The same, as text. */
export function render(
  values: Values,
  { name = 'hotstandby', namespace = 'hotstandby-system', args }: Release,
): string {
  const flags = ['--namespace', namespace, '--skip-tests', '--values', '-', ...(args ?? [])];
  return helm(['template', name, CHART, ...flags], JSON.stringify(values));
}

/** What helm says about values that it refuses; empty when it takes them. */
export function refusal(values: Values, release: Release = {}): string {
  try {
    render(values, release);
    return '';
  } catch (error) {
    return String((error as { stderr: string }).stderr);
  }
}

/** Manifests by kind, namespace and name. */
export function byName(manifests: readonly Manifest[]): Record<string, unknown> {
  const entries = manifests.map((manifest) => {
    const { kind, metadata } = manifest;
    return [[kind, metadata.namespace, metadata.name].filter(Boolean).join(' '), manifest] as const;
  });
  const result = Object.fromEntries(entries);
  if (Object.keys(result).length < manifests.length) throw new Error('two manifests of one name');
  return result;
}

/** What the construct makes of properties. */
export function constructed(props: HotStandbyOperatorProps): Manifest[] {
  return synth((chart) => {
    new HotStandbyOperator(chart, 'operator', props);
  });
}

/** A file of the chart. */
export const chartPath = (...path: string[]): string => join(CHART, ...path);
