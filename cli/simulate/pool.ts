import { parseAllDocuments } from 'yaml';
import { scheduleFault } from '../../operator/decide/schedules';
import { KIND } from '../../src/api/names';
import type { HotStandbySpec } from '../../src/api/types';
import { UsageError } from '../errors';
import type { Scenario } from './engine';

/** A whole number of Pods, as the CRD has it. */
const COUNTS = ['idleTarget', 'minReplicas', 'maxReplicas', 'idlePercent'] as const;

/**
 * The capacity part of the first HotStandbyDeployment in a manifest.
 *
 * @throws UsageError that names the field
 */
export function poolOf(text: string, file: string, now: number): Scenario['spec'] {
  const spec = findSpec(text, file);
  for (const field of COUNTS) {
    const value = spec[field];
    const isMissing = value === undefined && field !== 'idleTarget';
    if (isMissing || (Number.isInteger(value) && Number(value) >= 0)) continue;
    throw new UsageError(`${file}: spec.${field} is ${JSON.stringify(value)}: write a whole number of 0 or more`);
  }
  const { schedules, autoIdle, maxReplicas } = spec;
  if (autoIdle !== undefined && autoIdle.max === undefined && maxReplicas === undefined) {
    throw new UsageError(`${file}: spec.autoIdle needs an upper bound: set autoIdle.max or maxReplicas`);
  }
  const fault = (schedules ?? []).map((schedule) => scheduleFault(schedule, now)).find((it) => it !== undefined);
  if (fault !== undefined) throw new UsageError(`${file}: ${fault}`);
  // What would be kept is what is asked here, whether or not the pool only recommends it today.
  return { ...spec, ...(autoIdle && { autoIdle: { ...autoIdle, mode: 'Apply' as const } }) };
}

function findSpec(text: string, file: string): HotStandbySpec {
  const documents = parseAllDocuments(text);
  const broken = documents.flatMap(({ errors }) => errors)[0];
  if (broken !== undefined) throw new UsageError(`${file} is not YAML: ${broken.message.split('\n')[0]}`);
  const found = documents.map((document) => document.toJS() as { kind?: string; spec?: HotStandbySpec } | null);
  const spec = found.find((object) => object?.kind === KIND)?.spec;
  if (spec === undefined) throw new UsageError(`${file} holds no ${KIND} with a spec: give the manifest of one`);
  return spec;
}
