import type { ProbeTransport } from '../../../operator/probe/http-probe';
import type { ProbePod, Prober } from '../../../operator/probe/prober';
import { last, NOT_FOUND, OK, pod, pods, SPEC, setup } from './prober-setup';

describe('Prober: whom it believes', () => {
  const changes: [string, (prober: Prober) => void][] = [
    ['the Pod is gone', (prober) => prober.setTargets('ns/a', SPEC, [])],
    ['the hsd is gone', (prober) => prober.removeAll('ns/a')],
    ['the Pod has another address', (prober) => prober.setTargets('ns/a', SPEC, [pod(1, { ip: '10.9.9.9' })])],
    ['the Pod has lost its address', (prober) => prober.setTargets('ns/a', SPEC, [pod(1, { ip: undefined })])],
    ['the port is another', (prober) => prober.setTargets('ns/a', { ...SPEC, port: 9 }, [pod(1)])],
    ['the path is another', (prober) => prober.setTargets('ns/a', { ...SPEC, path: '/x' }, [pod(1)])],
    ['the scheme is another', (prober) => prober.setTargets('ns/a', { ...SPEC, scheme: 'HTTPS' }, [pod(1)])],
    ['the way is another', (prober) => prober.setTargets('ns/a', { ...SPEC, via: 'APIServerProxy' }, [pod(1)])],
    ['success means idle now', (prober) => prober.setTargets('ns/a', { ...SPEC, successIsBusy: false }, [pod(1)])],
    ['the address is the node’s', (prober) => prober.setTargets('ns/a', SPEC, [pod(1, { hostNetwork: true })])],
    ['the Pod belongs to another hsd', (prober) => prober.setTargets('ns/b', SPEC, [pod(1)])],
    ['the prober has stopped', (prober) => void prober.stop()],
  ];

  it.each(changes)('drops an answer that comes when %s', (_name, change) => {
    const { clock, sent, prober } = setup();
    prober.setTargets('ns/a', SPEC, [pod(1)]);
    clock.advance(0);
    const question = last(sent);
    change(prober);
    question.answer(OK);
    expect(question.aborted).toBe(true);
    expect(prober.result('uid-1')?.state).not.toBe('busy');
  });

  it.each(changes)('has the connection closed when %s', (_name, change) => {
    const { clock, sent, forgotten, prober } = setup({ auto: OK });
    prober.setTargets('ns/a', SPEC, [pod(1)]);
    clock.advance(100);
    expect(forgotten).toEqual([]);
    change(prober);
    clock.advance(100);
    expect(forgotten).toEqual([sent[0]?.question]);
    if (sent.length > 1) expect(last(sent).question).not.toBe(sent[0]?.question);
  });

  it.each(changes)('forgets the result when %s', (_name, change) => {
    const { clock, sent, prober } = setup();
    prober.setTargets('ns/a', SPEC, [pod(1)]);
    clock.advance(0);
    last(sent).answer(OK);
    change(prober);
    expect(prober.result('uid-1')?.lastAnswer).toBeUndefined();
  });

  it('keeps an answer that comes after only timeout or period changed', () => {
    const { clock, sent, prober } = setup();
    prober.setTargets('ns/a', SPEC, [pod(1)]);
    clock.advance(0);
    prober.setTargets('ns/a', { ...SPEC, timeoutSeconds: 9, periodSeconds: 5 }, [pod(1)]);
    last(sent).answer(OK);
    expect(prober.result('uid-1')?.state).toBe('busy');
  });

  it('believes nobody while two Pods claim one address, and the right one afterwards', () => {
    const { clock, prober } = setup({ auto: OK });
    prober.setTargets('ns/a', SPEC, [pod(1)]);
    prober.setTargets('ns/b', SPEC, [pod(2, { ip: '10.0.0.1' })]);
    clock.advance(100);
    for (const uid of ['uid-1', 'uid-2']) {
      expect(prober.result(uid)).toMatchObject({ state: 'unknown', reason: 'SharedAddress' });
    }
    prober.removeAll('ns/a');
    clock.advance(15_000);
    expect(prober.result('uid-2')?.state).toBe('busy');
  });

  it.each<[string, Partial<ProbePod>, string]>([
    ['on the node’s network', { hostNetwork: true }, 'HostNetwork'],
    ['on loopback', { ip: '127.0.0.1' }, 'BadAddress'],
    ['on the metadata service', { ip: '169.254.169.254' }, 'BadAddress'],
    ['on IPv4-mapped loopback', { ip: '::ffff:127.0.0.1' }, 'BadAddress'],
    ['with something that is no address', { ip: 'kubernetes.default' }, 'BadAddress'],
  ])('never connects to a Pod %s and says why', async (_name, change, reason) => {
    const { clock, sent, changes, logger, prober } = setup();
    prober.setTargets('ns/a', SPEC, [pod(1, change)]);
    prober.setTargets('ns/a', SPEC, [pod(1, change)]);
    clock.advance(60_000);
    expect(await prober.probeNow('uid-1')).toMatchObject({ state: 'unknown', reason });
    expect(sent).toEqual([]);
    expect(changes).toEqual(['ns/a']);
    expect(logger.lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
  });

  it('leaves a Pod without an address alone until it has one', async () => {
    const { clock, sent, prober } = setup();
    prober.setTargets('ns/a', SPEC, [pod(1, { ip: undefined })]);
    clock.advance(60_000);
    expect(await prober.probeNow('uid-1')).toBeUndefined();
    expect(sent).toEqual([]);
    prober.setTargets('ns/a', SPEC, [pod(1)]);
    clock.advance(0);
    expect(sent).toHaveLength(1);
  });
});

describe('Prober: the way to the Pods', () => {
  it('says which Pod is meant, and how to ask it', () => {
    const { clock, sent, prober } = setup();
    prober.setTargets('games/a', { ...SPEC, scheme: 'HTTPS' }, [pod(1, { name: 'rooms-x7' })]);
    clock.advance(0);
    const { question } = last(sent);
    expect(question).toEqual({
      ...{ scheme: 'HTTPS', ip: '10.0.0.1', port: 8080, path: '/busy' },
      ...{ namespace: 'games', name: 'rooms-x7' },
    });
  });

  it('asks through the API server when told so, and the Pod itself otherwise', () => {
    const asked: string[] = [];
    const way = (name: string): ProbeTransport => ({
      send: ({ ip }) => {
        asked.push(`${name} ${ip}`);
        return { abort() {} };
      },
      forget() {},
      close() {},
    });
    const { clock, prober } = setup({ podIp: way('direct'), apiServerProxy: way('proxy') });
    prober.setTargets('ns/a', { ...SPEC, via: 'APIServerProxy' }, [pod(1)]);
    prober.setTargets('ns/b', SPEC, [pod(2)]);
    prober.setTargets('ns/c', { ...SPEC, via: 'PodIP' }, [pod(3)]);
    clock.advance(10);
    expect(asked.sort()).toEqual(['direct 10.0.0.2', 'direct 10.0.0.3', 'proxy 10.0.0.1']);
  });

  it('knows nothing of a Pod it cannot ask the way it is told', async () => {
    const { prober } = setup();
    prober.setTargets('ns/a', { ...SPEC, via: 'APIServerProxy' }, [pod(1)]);
    expect(await prober.probeNow('uid-1')).toMatchObject({ state: 'unknown', reason: 'LocalError' });
  });
});

describe('Prober: probeNow', () => {
  it('asks at once although an older question is under way, and resolves with the newer answer', async () => {
    const { clock, sent, prober } = setup();
    prober.setTargets('ns/a', SPEC, [pod(1)]);
    clock.advance(100);
    const probed = prober.probeNow('uid-1');
    expect(sent).toHaveLength(2);
    sent[1]?.answer(OK);
    expect(await probed).toMatchObject({ state: 'busy' });
    sent[0]?.answer(NOT_FOUND);
    expect(prober.result('uid-1')?.state).toBe('busy');
  });

  it('does not disturb the schedule', async () => {
    const { clock, sent, prober } = setup();
    prober.setTargets('ns/a', SPEC, [pod(1)]);
    clock.advance(0);
    last(sent).answer(OK);
    const probed = prober.probeNow('uid-1');
    last(sent).answer(OK);
    await probed;
    clock.advance(15_000);
    expect(sent.length).toBe(3);
  });

  it('works while every other place is taken', () => {
    const { clock, sent, prober } = setup({ maxConcurrent: 2 });
    prober.setTargets('ns/a', { ...SPEC, timeoutSeconds: 60 }, pods(5));
    clock.advance(10);
    expect(sent.length).toBe(1);
    void prober.probeNow('uid-4');
    expect(last(sent).ip).toBe('10.0.0.4');
  });

  it('resolves with unknown after the timeout', async () => {
    const { clock, prober } = setup();
    prober.setTargets('ns/a', SPEC, [pod(1)]);
    const probed = prober.probeNow('uid-1');
    clock.advance(1000);
    expect(await probed).toMatchObject({ state: 'unknown', reason: 'Timeout' });
  });

  it('resolves with undefined for a Pod that is no target or goes away meanwhile', async () => {
    const { prober } = setup();
    expect(await prober.probeNow('nobody')).toBeUndefined();
    prober.setTargets('ns/a', SPEC, [pod(1)]);
    const probed = prober.probeNow('uid-1');
    prober.removeAll('ns/a');
    expect(await probed).toBeUndefined();
  });

  it('rejects with the reason of its signal', async () => {
    const { prober } = setup();
    prober.setTargets('ns/a', SPEC, [pod(1)]);
    const abort = new AbortController();
    const probed = prober.probeNow('uid-1', abort.signal);
    abort.abort(new Error('never mind'));
    await expect(probed).rejects.toThrow('never mind');
    await expect(prober.probeNow('uid-1', abort.signal)).rejects.toThrow('never mind');
  });
});
