import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cachedFolder, cachePath, fingerprint, withLock } from '../../../tools/base/cache';
import { isAlive, processIdentity } from '../../../tools/base/process-identity';

const DAY_MS = 86_400_000;
const silence = (): void => undefined;
const home = process.env.XDG_CACHE_HOME;
let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'hotstandby-unit-'));
  process.env.XDG_CACHE_HOME = dir;
});
afterEach(() => {
  if (home === undefined) delete process.env.XDG_CACHE_HOME;
  else process.env.XDG_CACHE_HOME = home;
  rmSync(dir, { recursive: true });
});

describe('a folder of the cache', () => {
  const write = async (partial: string): Promise<void> => writeFileSync(join(partial, 'program'), 'x');
  const make = (name: string, most?: number): Promise<string> => cachedFolder('binaries', name, silence, write, most);
  const kept = (): string[] => readdirSync(join(dir, 'hotstandby', 'binaries')).sort();
  const usedDaysAgo = (name: string, days: number): void => {
    mkdirSync(cachePath('binaries', name), { recursive: true });
    const at = new Date(Date.now() - days * DAY_MS);
    utimesSync(cachePath('binaries', name), at, at);
  };

  test('is made once, however many ask at a time', async () => {
    let times = 0;
    const count = async (): Promise<void> => {
      times += 1;
    };
    const all = await Promise.all([1, 2, 3].map(() => cachedFolder('binaries', 'a', silence, count)));
    expect({ times, all }).toEqual({ times: 1, all: Array(3).fill(cachePath('binaries', 'a')) });
  });

  test('is not there when its making fails, and is made by the next who asks', async () => {
    const fail = (): Promise<void> => Promise.reject(new Error('no disk'));
    await expect(cachedFolder('binaries', 'a', silence, fail)).rejects.toThrow('no disk');
    expect(existsSync(cachePath('binaries', 'a'))).toBe(false);
    expect(readdirSync(await make('a'))).toEqual(['program']);
  });

  test('makes room: what nobody has asked for in 30 days goes, what somebody asked for stays', async () => {
    for (const name of ['forgotten', 'asked-for']) usedDaysAgo(name, 31);
    usedDaysAgo('recent', 29);
    await make('asked-for');
    await make('new');
    expect(kept()).toEqual(['asked-for', 'new', 'recent']);
  });

  test('may be one of a few: the ones used last stay', async () => {
    for (const [days, name] of ['b', 'c', 'd'].entries()) usedDaysAgo(name, days + 1);
    await make('a', 3);
    expect(kept()).toEqual(['a', 'b', 'c']);
  });
});

test('a fingerprint is that of the files and of how they are used', () => {
  const of = (how: string, text: string): string => {
    writeFileSync(join(dir, 'source'), text);
    return fingerprint(how, dir, ['source']);
  };
  const all = [of('a', 'x'), of('b', 'x'), of('a', 'y'), of('a', 'x')];
  expect(new Set(all).size).toBe(3);
  expect(all[3]).toBe(all[0]);
});

describe('a process identity', () => {
  test('is alive for this process', () => expect(isAlive(processIdentity(process.pid))).toBe(true));

  test('is dead for a process that ended', () => {
    const { pid } = spawnSync('true');
    expect(isAlive(processIdentity(pid))).toBe(false);
  });

  test('is dead when another process has its id now', () => {
    expect(isAlive({ pid: process.pid, started: 'long ago' })).toBe(false);
  });
});

describe('a lock in the cache', () => {
  test('lets one after the other work, and is gone afterwards', async () => {
    const path = join(dir, 'thing');
    const steps: string[] = [];
    const work = (name: string) => async (): Promise<void> => {
      steps.push(`${name} in`);
      await new Promise((resolve) => setImmediate(resolve));
      steps.push(`${name} out`);
    };
    await Promise.all([withLock(path, 'thing', silence, work('a')), withLock(path, 'thing', silence, work('b'))]);
    expect(steps).toEqual(['a in', 'a out', 'b in', 'b out']);
    expect(existsSync(`${path}.lock`)).toBe(false);
  });

  test('is given back when the work fails', async () => {
    const failing = withLock(join(dir, 'thing'), 'thing', silence, () => Promise.reject(new Error('no disk')));
    await expect(failing).rejects.toThrow('no disk');
    expect(existsSync(join(dir, 'thing.lock'))).toBe(false);
  });

  test.each([
    { of: 'a dead process', content: JSON.stringify({ pid: process.pid, started: 'long ago' }) },
    { of: 'nobody who can be read', content: '' },
  ])('of $of is taken over', async ({ content }) => {
    writeFileSync(join(dir, 'thing.lock'), content);
    await expect(withLock(join(dir, 'thing'), 'thing', silence, async () => 'done')).resolves.toBe('done');
  });
});
