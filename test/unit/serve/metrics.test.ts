import { Metrics } from '../../../operator/serve/metrics';
import { FakeClock } from '../support/fake-clock';

function setup(maxHsds?: number) {
  const clock = new FakeClock();
  const metrics = new Metrics({ clock, maxHsds });
  const lines = async (start: string): Promise<string[]> =>
    (await metrics.text()).split('\n').filter((line) => line.startsWith(start));
  return { clock, metrics, lines };
}

const STATUS = {
  availableCount: 3,
  busyCount: 2,
  startingCount: 1,
  drainingCount: 4,
  detachedCount: 5,
  unknownCount: 6,
  desiredReplicas: 7,
};

describe('Metrics', () => {
  it('shows every count of an hsd by namespace and name', async () => {
    const { metrics, lines } = setup();
    metrics.setCounts('games', 'rooms', 8, STATUS);
    const labels = '{namespace="games",name="rooms"}';
    expect((await lines('hotstandby_')).filter((line) => line.includes('_pods{'))).toEqual([
      `hotstandby_available_pods${labels} 3`,
      `hotstandby_busy_pods${labels} 2`,
      `hotstandby_starting_pods${labels} 1`,
      `hotstandby_draining_pods${labels} 4`,
      `hotstandby_detached_pods${labels} 5`,
      `hotstandby_unknown_pods${labels} 6`,
      `hotstandby_desired_pods${labels} 7`,
      `hotstandby_target_pods${labels} 8`,
    ]);
  });

  it('shows the newest counts, and 0 for absent ones', async () => {
    const { metrics, lines } = setup();
    metrics.setCounts('games', 'rooms', 8, STATUS);
    await metrics.text();
    metrics.setCounts('games', 'rooms', 8, { busyCount: 9 });
    expect(await lines('hotstandby_busy_pods{')).toEqual(['hotstandby_busy_pods{namespace="games",name="rooms"} 9']);
    expect(await lines('hotstandby_starting_pods{')).toEqual([
      'hotstandby_starting_pods{namespace="games",name="rooms"} 0',
    ]);
  });

  it('escapes label values', async () => {
    const { metrics, lines } = setup();
    metrics.setCounts('a"b', 'c\\d\ne', 1, STATUS);
    expect(await lines('hotstandby_busy_pods{')).toEqual([
      'hotstandby_busy_pods{namespace="a\\"b",name="c\\\\d\\ne"} 2',
    ]);
  });

  it('removes every series of an hsd that is gone', async () => {
    const { metrics } = setup();
    metrics.setCounts('games', 'rooms', 8, STATUS);
    await metrics.text();
    metrics.removeHsd('games', 'rooms');
    expect(await metrics.text()).not.toContain('rooms');
  });

  it('gives series to no more than its cap, says how many have none, and lets the next in when one goes', async () => {
    const { metrics, lines } = setup(2);
    for (const name of ['a', 'b', 'c', 'd']) metrics.setCounts('ns', name, 1, STATUS);
    expect(await lines('hotstandby_busy_pods{')).toHaveLength(2);
    expect(await lines('hotstandby_hsds{')).toEqual([
      'hotstandby_hsds{series="yes"} 2',
      'hotstandby_hsds{series="no"} 2',
    ]);
    metrics.removeHsd('ns', 'a');
    metrics.setCounts('ns', 'd', 1, STATUS);
    expect(await lines('hotstandby_busy_pods{')).toEqual([
      'hotstandby_busy_pods{namespace="ns",name="b"} 2',
      'hotstandby_busy_pods{namespace="ns",name="d"} 2',
    ]);
    expect(await lines('hotstandby_hsds{')).toEqual([
      'hotstandby_hsds{series="yes"} 2',
      'hotstandby_hsds{series="no"} 1',
    ]);
  });

  it('counts the seconds below target, also while nothing is reported', async () => {
    const { clock, metrics, lines } = setup();
    const below = async () => Number((await lines('hotstandby_below_target_seconds_total{'))[0]?.split(' ')[1]);
    const report = (availableCount: number) => metrics.setCounts('ns', 'a', 3, { availableCount });
    report(2);
    clock.advance(5_000);
    expect(await below()).toBe(5);
    clock.advance(1_500);
    report(3);
    clock.advance(60_000);
    expect(await below()).toBe(6.5);
    report(0);
    clock.advance(500);
    report(0);
    clock.advance(500);
    expect(await below()).toBe(7.5);
  });

  it('counts API requests by verb and code and lets nothing else become a label', async () => {
    const { metrics, lines } = setup();
    metrics.observeApiRequest({ verb: 'patch', code: 200, seconds: 0.01 });
    metrics.observeApiRequest({ verb: 'patch', code: 409, seconds: 0.01 });
    metrics.observeApiRequest({ verb: 'patch', code: 'Timeout', seconds: 30 });
    metrics.observeApiRequest({ verb: 'MKCOL', code: 7, seconds: 1 });
    expect(await lines('hotstandby_api_requests_total{')).toEqual([
      'hotstandby_api_requests_total{verb="patch",code="200"} 1',
      'hotstandby_api_requests_total{verb="patch",code="409"} 1',
      'hotstandby_api_requests_total{verb="patch",code="none"} 1',
      'hotstandby_api_requests_total{verb="other",code="other"} 1',
    ]);
  });

  it('puts reactions, probes and lost Pods where they belong', async () => {
    const { metrics, lines } = setup();
    metrics.observeReaction(0.007);
    metrics.observeProbe({ state: 'unknown', reason: 'Timeout', latenessSeconds: 0.002 });
    metrics.observeProbe({ state: 'busy', latenessSeconds: 0.2 });
    metrics.addBusyPodsLost(2);
    metrics.setLeader(true);
    expect(await lines('hotstandby_reaction_seconds_bucket{le="0.005"}')).toEqual([
      'hotstandby_reaction_seconds_bucket{le="0.005"} 0',
    ]);
    expect(await lines('hotstandby_reaction_seconds_bucket{le="0.01"}')).toEqual([
      'hotstandby_reaction_seconds_bucket{le="0.01"} 1',
    ]);
    expect(await lines('hotstandby_probes_total{')).toEqual([
      'hotstandby_probes_total{state="unknown",reason="Timeout"} 1',
      'hotstandby_probes_total{state="busy",reason=""} 1',
    ]);
    expect(await lines('hotstandby_probe_lateness_seconds_bucket{le="0.1"}')).toEqual([
      'hotstandby_probe_lateness_seconds_bucket{le="0.1"} 1',
    ]);
    expect(await lines('hotstandby_busy_pods_lost_total ')).toEqual(['hotstandby_busy_pods_lost_total 2']);
    expect(await lines('hotstandby_leader ')).toEqual(['hotstandby_leader 1']);
  });

  it('says 0 lost busy Pods before any was lost', async () => {
    const { lines } = setup();
    expect(await lines('hotstandby_busy_pods_lost_total')).toEqual(['hotstandby_busy_pods_lost_total 0']);
  });

  it('asks queue and watches when scraped', async () => {
    const { metrics, lines } = setup();
    let depth = 1;
    metrics.watchQueue(() => ({ depth, oldestSeconds: 0.5 }));
    metrics.watchAge('pods', () => 12);
    depth = 4;
    expect(await lines('hotstandby_queue_depth ')).toEqual(['hotstandby_queue_depth 4']);
    expect(await lines('hotstandby_queue_oldest_seconds ')).toEqual(['hotstandby_queue_oldest_seconds 0.5']);
    expect(await lines('hotstandby_watch_age_seconds{')).toEqual(['hotstandby_watch_age_seconds{resource="pods"} 12']);
  });

  it('keeps nothing global: two instances do not see each other', async () => {
    const [a, b] = [setup(), setup()];
    a.metrics.setLeader(true);
    expect(await b.lines('hotstandby_leader ')).toEqual(['hotstandby_leader 0']);
  });

  it('documents every metric with a help text and the prefix', async () => {
    const { lines } = setup();
    const types = await lines('# TYPE');
    const helps = await lines('# HELP');
    expect(types.every((line) => line.startsWith('# TYPE hotstandby_'))).toBe(true);
    expect(helps).toHaveLength(types.length);
    expect(helps.filter((line) => !/^# HELP \w+ .{10,}\.$/.test(line))).toEqual([]);
  });
});
