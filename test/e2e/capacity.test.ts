import { eventually } from '../../tools/base/eventually';
import { OperatorProcess } from './support/operator';
import { BusyWatch, Scene } from './support/scene';

jest.setTimeout(120_000);

/** Always open: it starts every minute and ends on a day that has just been. */
const ALWAYS = { start: '* * * * *', end: `0 0 1 ${((new Date().getUTCMonth() + 10) % 12) + 1} *` };

describe('capacity that follows demand, on a real control plane', () => {
  let scene: Scene;
  let operator: OperatorProcess;
  beforeAll(async () => {
    scene = await Scene.open('capacity');
    operator = await OperatorProcess.start({ namespace: scene.namespace });
  });
  afterAll(async () => {
    await operator?.stop();
    await scene?.close();
  });

  const capacityOf = async (name: string): Promise<Record<string, unknown>> =>
    (await scene.hsd(name)).status?.capacity ?? {};

  it('keeps a share of the busy Pods idle, and says what decides', async () => {
    const sessions = new BusyWatch(scene);
    await scene.createHsd('share', { idleTarget: 1, idlePercent: 100, selector: { matchLabels: { app: 'share' } } });
    await scene.childAt('share', 1);
    await eventually(async () =>
      expect(await capacityOf('share')).toEqual({ source: 'IdleTarget', idleTarget: 1, message: '1: idleTarget' }),
    );
    const [first] = await scene.settledAt(1, 'app=share');
    if (first) await sessions.start(first);
    await scene.childAt('share', 2);
    const [second] = (await scene.settledAt(2, 'app=share')).filter((pod) => pod.metadata.uid !== first?.metadata.uid);
    if (second) await sessions.start(second);
    await scene.childAt('share', 4);
    await eventually(async () =>
      expect(await capacityOf('share')).toEqual({
        source: 'IdlePercent',
        idleTarget: 2,
        message: '2: idlePercent, 100 % of the busy Pods',
      }),
    );
    await eventually(async () =>
      expect(await scene.events('share')).toContainEqual(
        expect.objectContaining({
          reason: 'IdleTargetSource',
          note: '2 idle Pods are wanted: idlePercent, 100 % of the busy Pods (before: 1: idleTarget)',
        }),
      ),
    );
    expect(await sessions.lost()).toEqual([]);
  });

  it('opens and shuts a window of schedules', async () => {
    const schedules = [{ name: 'always', ...ALWAYS, idleTarget: 4 }];
    await scene.createHsd('window', { idleTarget: 1, schedules, selector: { matchLabels: { app: 'window' } } });
    await scene.childAt('window', 4);
    await eventually(async () =>
      expect(await capacityOf('window')).toMatchObject({
        source: 'Schedule',
        idleTarget: 4,
        message: '4: schedule always',
      }),
    );
    await scene.patchHsd('window', { schedules: [{ ...schedules[0], start: ALWAYS.end, end: ALWAYS.start }] });
    await scene.childAt('window', 1);
    await eventually(async () =>
      expect(await capacityOf('window')).toMatchObject({ source: 'IdleTarget', idleTarget: 1 }),
    );
  });

  it('tells a schedule that cannot work, and keeps the rest', async () => {
    const schedules = [{ name: 'wrong', start: '0 8 * * *', end: 'at six', idleTarget: 9 }];
    await scene.createHsd('wrong', { idleTarget: 2, schedules, selector: { matchLabels: { app: 'wrong' } } });
    await scene.childAt('wrong', 2);
    const stalled = await scene.condition('wrong', 'Stalled', 'True');
    expect(stalled.reason).toBe('InvalidSchedule');
    expect(stalled.message).toContain('schedule wrong: end "at six" is no cron expression');
  });

  it('learns from sessions what it would keep, keeps it when told, and still knows it after a failover', async () => {
    const sessions = new BusyWatch(scene);
    const autoIdle = { mode: 'Recommend' as const, max: 5 };
    await scene.createHsd('auto', { idleTarget: 2, autoIdle, selector: { matchLabels: { app: 'auto' } } });
    await scene.childAt('auto', 2);
    for (const pod of await scene.settledAt(2, 'app=auto')) await sessions.start(pod);
    await scene.childAt('auto', 4);
    // Pods are Ready within a second here: a step takes 2.5 s.
    await eventually(
      async () =>
        expect(await capacityOf('auto')).toMatchObject({ source: 'IdleTarget', recommendedIdle: expect.any(Number) }),
      60_000,
    );
    await scene.patchHsd('auto', { autoIdle: { mode: 'Apply', min: 4, max: 5 } });
    await eventually(async () => expect(await capacityOf('auto')).toMatchObject({ source: 'AutoIdle' }));
    const before = await capacityOf('auto');
    expect(before.message).toMatch(
      /^\d: auto, [\d.]+ sessions a minute x [\d.]+ s to warm up, 99 % of them shall find one$/,
    );
    expect(before.learned).toMatchObject({ warmUpSeconds: expect.any(Number) });
    await operator.stop();
    operator = await OperatorProcess.start({ namespace: scene.namespace });
    for (const pod of (await scene.pods('app=auto'))
      .filter(({ metadata }) => sessions.holds(metadata.uid))
      .slice(0, 1)) {
      await sessions.end(pod);
    }
    await eventually(async () => expect(await capacityOf('auto')).toMatchObject({ source: 'AutoIdle' }));
    expect(await sessions.lost()).toEqual([]);
  });

  it('refuses autoIdle without an upper bound', async () => {
    const hsd = scene.createHsd('boundless', { idleTarget: 1, autoIdle: {}, selector: { matchLabels: { app: 'x' } } });
    await expect(hsd).rejects.toThrow(
      'autoIdle needs an upper bound: set autoIdle.max, the most idle Pods it may ask for, or maxReplicas',
    );
  });
});
