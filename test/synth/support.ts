import { App, Chart, Testing } from 'cdk8s';

/** What a test reads of a manifest; the rest is reached through `any`-free lookups. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Record<string, string>;
    readonly annotations?: Record<string, string>;
  };
  readonly [field: string]: unknown;
}

/** A chart on its own. Not `Testing.chart()`: that leaves an empty folder behind, whether something is written or not. */
export function testChart(): Chart {
  return new Chart(new App(), 'test');
}

/** The manifests of a chart made by `build`, in the order they are written. */
export function synth(build: (chart: Chart) => void): Manifest[] {
  const chart = testChart();
  build(chart);
  return Testing.synth(chart);
}

/** The one manifest of this kind (and name). Fails the test when there is none or more than one. */
export function only(manifests: readonly Manifest[], kind: string, name?: string): Manifest {
  const found = manifests.filter((m) => m.kind === kind && (name === undefined || m.metadata.name === name));
  const [first] = found;
  if (first === undefined || found.length > 1) {
    throw new Error(`${found.length} manifests of kind ${kind} ${name ?? ''}`);
  }
  return first;
}

/** The value at a path of keys and indexes, or undefined. */
export function at(value: unknown, ...path: (string | number)[]): unknown {
  return path.reduce<unknown>(
    (node, key) => (typeof node === 'object' && node !== null ? Reflect.get(node, key) : undefined),
    value,
  );
}
