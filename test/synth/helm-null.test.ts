import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { SECTIONS } from '../../charts/helm/values';
import { byName, chartPath, refusal, rendered, type Values } from './helm-chart';
import { at } from './support';

// helm takes a second or two on a busy machine.
jest.setTimeout(240_000);

type Path = readonly string[];

const DEFAULTS = parse(readFileSync(chartPath('values.yaml'), 'utf8')) as Record<string, unknown>;

/** Everything that is off by default, so that a value shows in what is rendered. */
const EVERYTHING = {
  createNamespace: true,
  networkPolicy: { enabled: true },
  monitoring: { type: 'ServiceMonitor' },
  alerts: { enabled: true },
  dashboard: { enabled: true },
  admissionMarks: { enabled: true },
};

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Every key of a map, the sections as well as what is in them. */
function keysOf(map: Record<string, unknown>, above: Path = []): Path[] {
  return Object.entries(map).flatMap(([key, value]) => {
    const path = [...above, key];
    return isMap(value) ? [path, ...keysOf(value, path)] : [path];
  });
}

/** `values` with `null` at a path. */
function nulled(values: Values, [key = '', ...rest]: Path): Values {
  const below = values[key];
  return { ...values, [key]: rest.length === 0 ? null : nulled(isMap(below) ? below : {}, rest) };
}

/** `values` without what is at a path. */
function without(values: Values, [key = '', ...rest]: Path): Values {
  const { [key]: below, ...others } = values;
  if (rest.length === 0) return others;
  return isMap(below) ? { ...values, [key]: without(below, rest) } : values;
}

/** Entries of maps that `null` takes away: they grant nothing and protect nothing, and there is no other way. */
const TAKEN_AWAY = SECTIONS.flatMap(({ values }) =>
  values.flatMap(({ path, nullTakesAway = [] }) => nullTakesAway.map((entry) => [...path.split('.'), entry])),
);
const isTakenAway = (path: Path) => TAKEN_AWAY.some((prefix) => prefix.every((key, index) => path[index] === key));

/** What most of the values below compare with: rendered once. */
const known = new Map<string, Record<string, unknown>>();
function expectedOf(values: Values): Record<string, unknown> {
  const key = JSON.stringify(values);
  const objects = known.get(key) ?? byName(rendered(values));
  known.set(key, objects);
  return objects;
}

describe('a bare key means the default', () => {
  const paths = keysOf(DEFAULTS);

  test.each(paths.filter((path) => !isTakenAway(path)).map((path) => [path.join('.'), path] as const))(
    '%s',
    (_name, path) => {
      expect(byName(rendered(nulled(EVERYTHING, path)))).toEqual(expectedOf(without(EVERYTHING, path)));
    },
  );

  test('all of them at once', () => {
    const values = Object.fromEntries(Object.keys(DEFAULTS).map((key) => [key, null]));
    expect(byName(rendered(values))).toEqual(byName(rendered()));
  });

  test.each(paths.filter(isTakenAway).map((path) => [path.join('.'), path] as const))(
    'but %s is taken away, and nothing else',
    (_name, path) => {
      expect(refusal(nulled({}, path))).toBe('');
    },
  );

  test('and a user id that is taken away leaves the rest of the security context', () => {
    const values = { podSecurityContext: { runAsUser: null, runAsGroup: null } };
    const deployment = byName(rendered(values))['Deployment hotstandby-system hotstandby-operator'];
    expect(at(deployment, 'spec', 'template', 'spec', 'securityContext')).toEqual({
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    });
  });
});
