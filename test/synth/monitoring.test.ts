import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { systemClock } from '../../operator/kube/clock';
import { Metrics } from '../../operator/serve/metrics';
import { ROOT } from '../../root';
import { ALERT_RULES, ALERTS } from '../../src/install/alerts';
import { dashboardModel } from '../../src/install/dashboard';
import { DASHBOARD_PANELS } from '../../src/install/dashboard-panels';

/** Labels a Prometheus adds to what it reads. */
const TARGET_LABELS = ['cluster', 'instance', 'job', 'namespace', 'pod'];
const DASHBOARD_QUERIES = DASHBOARD_PANELS.flatMap(({ title, queries }) =>
  queries.map(({ expr, legend }) => ({ title, expr, legend })),
);
const ALERT_QUERIES = ALERTS.map(({ alert, expr, annotations }) => ({
  title: alert,
  expr,
  legend: annotations.summary,
}));

/** Every series the operator serves, with the names of its labels: read from what it really serves. */
async function exported(): Promise<Map<string, Set<string>>> {
  const metrics = new Metrics({ clock: systemClock, processMetrics: true });
  metrics.observeReaction(1);
  metrics.observeReconcile(1, 'Scale');
  metrics.observeApiRequest({ verb: 'get', code: 200, seconds: 1 });
  metrics.observeProbe({ state: 'unknown', reason: 'Timeout', latenessSeconds: 0 });
  metrics.addBusyPodsLost(0);
  metrics.setLeader(true);
  metrics.setCounts('games', 'rooms', 3, {});
  metrics.watchAge('pods', () => 0);
  const series = new Map<string, Set<string>>();
  for (const [, name = '', labels = ''] of (await metrics.text()).matchAll(/^(\w+)(?:\{(.*)\})? \S+$/gm)) {
    const names = [...labels.matchAll(/(\w+)="/g)].map(([, label = '']) => label);
    series.set(name, new Set([...(series.get(name) ?? []), ...names]));
  }
  return series;
}

/** The series a query reads. */
const seriesIn = (expr: string): string[] => expr.match(/\b(hotstandby|process|nodejs)_\w+/g) ?? [];

/** The labels a query names: in matchers, in groupings, in joins. */
function labelsIn(expr: string): string[] {
  const matchers = [...expr.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"/g)].map(([, label = '']) => label);
  const lists = [...expr.matchAll(/\b(?:by|on|without|ignoring)\s*\(([^)]*)\)/g)].flatMap(([, list = '']) =>
    list.split(',').map((label) => label.trim()),
  );
  return [...matchers, ...lists];
}

/** The labels a text shows. */
const shown = (text: string): string[] =>
  [...text.matchAll(/\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}/g)].map(([, l = '']) => l);

describe.each([
  ['dashboard', DASHBOARD_QUERIES],
  ['alerts', ALERT_QUERIES],
])('the queries of the %s', (_what, queries) => {
  test.each(queries.map((query) => [query.title, query] as const))(
    '%s reads what the operator serves',
    async (_t, query) => {
      const series = await exported();
      const read = seriesIn(query.expr);
      expect(read.length).toBeGreaterThan(0);
      expect(read.filter((name) => !series.has(name))).toEqual([]);
      const labels = new Set([...TARGET_LABELS, ...read.flatMap((name) => [...(series.get(name) ?? [])])]);
      expect([...labelsIn(query.expr), ...shown(query.legend)].filter((label) => !labels.has(label))).toEqual([]);
    },
  );

  test.each(queries.map(({ title, expr }) => [title, expr]))('%s has its brackets in order', (_title, expr) => {
    const open: string[] = [];
    const pairs: Record<string, string> = { ')': '(', ']': '[', '}': '{' };
    for (const bracket of expr.replace(/"[^"]*"/g, '').match(/[()[\]{}]/g) ?? []) {
      const opening = pairs[bracket];
      if (opening === undefined) open.push(bracket);
      else expect(open.pop()).toBe(opening);
    }
    expect(open).toEqual([]);
  });
});

describe('the dashboard', () => {
  const { panels, templating } = dashboardModel();

  test('shows every metric of the operator itself', async () => {
    const read = new Set(DASHBOARD_QUERIES.flatMap(({ expr }) => seriesIn(expr)));
    const families = [...(await exported()).keys()].filter((name) => name.startsWith('hotstandby_'));
    const family = (name: string) => name.replace(/_(bucket|sum|count)$/, '');
    const known = new Set([...read].map(family));
    expect(families.filter((name) => !known.has(family(name)))).toEqual([]);
  });

  test('asks for labels by which it can be narrowed', async () => {
    const series = await exported();
    for (const { query } of templating.list) {
      const text = typeof query === 'string' ? query : query.query;
      const [, label = ''] = /, (\w+)\)$/.exec(text) ?? [];
      for (const name of seriesIn(text)) expect([...TARGET_LABELS, ...(series.get(name) ?? [])]).toContain(label);
    }
  });

  test('places every panel within the width of the grid and none over another', () => {
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)},${y + Math.floor(cell / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    for (const { gridPos } of panels) expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
  });
});

describe('the alerts', () => {
  test('are a file for Prometheus, too', () => {
    expect(parse(readFileSync(join(ROOT, 'synth/alerts/hotstandby.yaml'), 'utf8'))).toEqual(ALERT_RULES);
  });

  test('have a page that says what to do, one part each and no other', () => {
    const page = readFileSync(join(ROOT, 'docs/alerts.md'), 'utf8');
    const parts = [...page.matchAll(/^## (HotStandby\w+)$/gm)].map(([, name]) => name);
    expect(parts).toEqual(ALERTS.map(({ alert }) => alert));
    for (const { alert, annotations } of ALERTS)
      expect(annotations.runbook_url).toMatch(new RegExp(`/docs/alerts\\.md#${alert.toLowerCase()}$`));
  });

  test('name the pool or the install they are about, and its cluster', () => {
    for (const { expr } of ALERTS.filter(({ alert }) => alert !== 'HotStandbyWatchSilent'))
      expect(expr).toMatch(/by \(cluster, (namespace, job|job, namespace, name)/);
  });
});
