import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { ALERT_RULES, ALERTS } from '../../src/install/alerts';

/** Part of Debian's and Ubuntu's package prometheus; .ci/run installs it. */
const hasPromtool = spawnSync('promtool', ['--version']).status === 0;
const withPromtool = hasPromtool ? describe : describe.skip;

type Labels = Readonly<Record<string, string>>;

interface Case {
  readonly alert: string;
  /** promtool's notation, one value every 30 s: `0x20`, `0+30x20`, `_x4 1x20`. */
  readonly series: Readonly<Record<string, string>>;
  readonly at: string;
  /** Labels of the alerts that fire. */
  readonly fires: readonly Labels[];
}

const install = (namespace: string, instance = '10.0.0.1:8080', cluster = 'east') =>
  `{cluster="${cluster}",namespace="${namespace}",job="hotstandby-metrics",instance="${instance}"}`;
const pool = (name: string, instance = '10.0.0.1:8080', cluster = 'east') =>
  `{cluster="${cluster}",namespace="games",name="${name}",job="hotstandby-metrics",instance="${instance}"}`;
const firedFor = (name: string, cluster = 'east'): Labels => ({
  cluster,
  namespace: 'games',
  name,
  job: 'hotstandby-metrics',
});
const ofInstall = (namespace: string): Labels => ({ cluster: 'east', namespace, job: 'hotstandby-metrics' });
const SECOND = '10.0.0.2:8080';

const CASES: Readonly<Record<string, Case>> = {
  'an install without a leader is not hidden by one that has one': {
    alert: 'HotStandbyNoLeader',
    series: {
      [`hotstandby_leader${install('a')}`]: '1x40',
      [`hotstandby_leader${install('b')}`]: '0x40',
      [`hotstandby_leader${install('b', SECOND)}`]: '0x40',
    },
    at: '3m',
    fires: [ofInstall('b')],
  },
  'nor is one whose replicas are all gone': {
    alert: 'HotStandbyNoLeader',
    series: { [`hotstandby_leader${install('a')}`]: '1x40', [`hotstandby_leader${install('b')}`]: '1x6 stale' },
    at: '6m',
    fires: [ofInstall('b')],
  },
  'nor one at the same address in another cluster': {
    alert: 'HotStandbyNoLeader',
    series: {
      [`hotstandby_leader${install('a')}`]: '0x40',
      [`hotstandby_leader${install('a', '10.0.0.1:8080', 'west')}`]: '1x40',
    },
    at: '3m',
    fires: [ofInstall('a')],
  },
  'no operator anywhere is told': { alert: 'HotStandbyNoLeader', series: { up: '1x40' }, at: '3m', fires: [{}] },
  'a leader that changes is not missed': {
    alert: 'HotStandbyNoLeader',
    series: {
      [`hotstandby_leader${install('a')}`]: '1x8 0x40',
      [`hotstandby_leader${install('a', SECOND)}`]: '0x9 1x40',
    },
    at: '5m30s',
    fires: [],
  },
  'a pool below its target is told within six minutes': {
    alert: 'HotStandbyBelowTarget',
    series: { [`hotstandby_below_target_seconds_total${pool('rooms')}`]: '0+30x40' },
    at: '6m',
    fires: [firedFor('rooms')],
  },
  'also while the lead moves': {
    alert: 'HotStandbyBelowTarget',
    series: {
      [`hotstandby_below_target_seconds_total${pool('rooms')}`]: '0+30x6 stale',
      [`hotstandby_below_target_seconds_total${pool('rooms', SECOND)}`]: '_x6 0+30x40',
    },
    at: '8m',
    fires: [firedFor('rooms')],
  },
  'a burst of two minutes is none': {
    alert: 'HotStandbyBelowTarget',
    series: { [`hotstandby_below_target_seconds_total${pool('rooms')}`]: '0+30x4 120x40' },
    at: '6m',
    fires: [],
  },
  'an empty pool is told, and one that should be empty is not': {
    alert: 'HotStandbyPoolEmpty',
    series: {
      [`hotstandby_available_pods${pool('rooms')}`]: '2 1 0x40',
      [`hotstandby_target_pods${pool('rooms')}`]: '2x40',
      [`hotstandby_available_pods${pool('closed')}`]: '0x40',
      [`hotstandby_target_pods${pool('closed')}`]: '0x40',
      [`hotstandby_available_pods${pool('rooms', '10.0.0.1:8080', 'west')}`]: '1x40',
      [`hotstandby_target_pods${pool('rooms', '10.0.0.1:8080', 'west')}`]: '2x40',
    },
    at: '5m',
    fires: [firedFor('rooms')],
  },
  'a pool that is filled again a moment later is none': {
    alert: 'HotStandbyPoolEmpty',
    series: {
      [`hotstandby_available_pods${pool('rooms')}`]: '2 0 0 2 0 0 2 0 0 2x40',
      [`hotstandby_target_pods${pool('rooms')}`]: '2x40',
    },
    at: '5m',
    fires: [],
  },
  'a stalled pool is told, whoever leads': {
    alert: 'HotStandbyStalled',
    series: {
      [`hotstandby_stalled${pool('rooms')}`]: '1x4 stale',
      [`hotstandby_stalled${pool('rooms', SECOND)}`]: '_x6 1x40',
      [`hotstandby_stalled${pool('lobby')}`]: '0x40',
    },
    at: '5m',
    fires: [firedFor('rooms')],
  },
  'a lost Pod is told once, though every replica saw it': {
    alert: 'HotStandbyBusyPodLost',
    series: {
      [`hotstandby_busy_pods_lost_total${install('a')}`]: '0 0 1x40',
      [`hotstandby_busy_pods_lost_total${install('a', SECOND)}`]: '0 0 1x40',
      [`hotstandby_busy_pods_lost_total${install('b')}`]: '0x40',
    },
    at: '3m',
    fires: [ofInstall('a')],
  },
  'probes that fail for ten minutes are told': {
    alert: 'HotStandbyProbesFailing',
    series: {
      [`hotstandby_unknown_pods${pool('rooms')}`]: '3x40',
      [`hotstandby_unknown_pods${pool('lobby')}`]: '0x40',
    },
    at: '11m',
    fires: [firedFor('rooms')],
  },
  'slow reactions of one install are told': {
    alert: 'HotStandbySlow',
    series: {
      [`hotstandby_reaction_seconds_bucket${install('a').replace('}', ',le="1"}')}`]: '0x60',
      [`hotstandby_reaction_seconds_bucket${install('a').replace('}', ',le="2.5"}')}`]: '0+9x60',
      [`hotstandby_reaction_seconds_bucket${install('a').replace('}', ',le="+Inf"}')}`]: '0+9x60',
      [`hotstandby_reaction_seconds_bucket${install('b').replace('}', ',le="1"}')}`]: '0+900x60',
      [`hotstandby_reaction_seconds_bucket${install('b').replace('}', ',le="+Inf"}')}`]: '0+900x60',
    },
    at: '15m',
    fires: [ofInstall('a')],
  },
  'a silent watch is told': {
    alert: 'HotStandbyWatchSilent',
    series: { [`hotstandby_watch_age_seconds${install('a').replace('}', ',resource="all"}')}`]: '0+30x40' },
    at: '9m',
    fires: [{ ...ofInstall('a'), instance: '10.0.0.1:8080', resource: 'all' }],
  },
};

/** The text with the labels in it, as Prometheus fills it. */
const filled = (text: string, labels: Labels): string =>
  text.replace(/\{\{ \$labels\.(\w+) \}\}/g, (_, label: string) => labels[label] ?? '');

function testOf({ alert, series, at, fires }: Case, name: string): object {
  const { labels, annotations } = ALERTS.find((rule) => rule.alert === alert) ?? ALERTS[0] ?? { labels: {} };
  return {
    name,
    interval: '30s',
    input_series: Object.entries(series).map(([key, values]) => ({ series: key, values })),
    alert_rule_test: [
      {
        eval_time: at,
        alertname: alert,
        exp_alerts: fires.map((its) => ({
          exp_labels: { ...its, ...labels },
          exp_annotations: Object.fromEntries(
            Object.entries(annotations ?? {}).map(([key, text]) => [key, filled(text, its)]),
          ),
        })),
      },
    ],
  };
}

withPromtool('the alerts, by promtool (skipped without it)', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'hotstandby-alerts-'));
    writeFileSync(join(folder, 'rules.yaml'), stringify(ALERT_RULES));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const promtool = (...args: string[]): string => {
    const { status, stdout, stderr } = spawnSync('promtool', args, { cwd: folder, encoding: 'utf8' });
    return status === 0 ? '' : `${stdout}${stderr}`;
  };

  test('are rules that Prometheus takes', () => {
    expect(promtool('check', 'rules', 'rules.yaml')).toBe('');
  });

  test('have a case each that fires', () => {
    const fired = new Set(Object.values(CASES).flatMap(({ alert, fires }) => (fires.length > 0 ? [alert] : [])));
    expect(ALERTS.map(({ alert }) => alert).filter((alert) => !fired.has(alert))).toEqual([]);
  });

  test.each(Object.entries(CASES))('%s', (name, wanted) => {
    const file = { rule_files: ['rules.yaml'], evaluation_interval: '30s', tests: [testOf(wanted, name)] };
    writeFileSync(join(folder, 'test.yaml'), stringify(file));
    expect(promtool('test', 'rules', 'test.yaml')).toBe('');
  });
});
