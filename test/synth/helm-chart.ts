import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
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
export function helm(args: readonly string[], input?: string): string {
  return execFileSync(toolPath('helm'), args, { encoding: 'utf8', input, stdio: 'pipe' });
}

/** What `helm template` makes of the values, tests left out. */
export function rendered(values: Values = {}, release: Release = {}): Manifest[] {
  const text = render(values, release);
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
