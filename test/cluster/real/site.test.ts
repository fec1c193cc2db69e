import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../../../tools/base/eventually';
import { run } from '../../../tools/base/run';
import { linkName } from '../../../tools/cluster/real/network';
import { realNodesPreflightNow } from '../../../tools/cluster/real/preflight';
import { ended, isAlive } from '../../../tools/cluster/real/processes';
import { openRealSite } from '../../../tools/cluster/real/site';
import { cleanLeftovers } from '../../../tools/cluster/real/teardown';
import { remainsOf } from './traces';

interface Site {
  dir: string;
  cgroup: string;
  hubPid: number;
  index: number;
}

jest.setTimeout(30_000);

const preflight = realNodesPreflightNow();
const suite = preflight.ok ? describe : describe.skip;

suite(preflight.ok ? 'the site of real nodes' : `the site of real nodes (skipped: ${preflight.reason})`, () => {
  test('goes with an owner killed by SIGKILL, cgroups and files included', async () => {
    const { owner, site } = await startOwner();
    expect(await remainsOf(site)).not.toEqual([]);
    owner.kill('SIGKILL');
    await until('nothing left', async () => ((await remainsOf(site)).length === 0 ? true : undefined));
    expect(isAlive(site.hubPid)).toBe(false);
    expect(await linkExists(site)).toBe(false);
  });

  test('is cleaned by the next start when its guard was killed as well', async () => {
    const { owner, site } = await startOwner();
    process.kill(parent(parent(site.hubPid)), 'SIGKILL');
    owner.kill('SIGKILL');
    await until('the end of the hub', () => (isAlive(site.hubPid) ? undefined : true));
    expect(await remainsOf(site)).not.toEqual([]);
    await cleanLeftovers();
    await cleanLeftovers();
    expect(await remainsOf(site)).toEqual([]);
    expect(await linkExists(site)).toBe(false);
  });

  test('stays when another site beside it comes, cleans and goes', async () => {
    const { owner, site } = await startOwner();
    try {
      const other = await openRealSite();
      expect(other.subnets.index).not.toBe(site.index);
      await other.close();
      await other.close();
      expect(await remainsOf(other)).toEqual([]);
      expect(isAlive(site.hubPid)).toBe(true);
      expect(await linkExists(site)).toBe(true);
    } finally {
      owner.kill('SIGKILL');
      await ended(owner);
    }
  });
});

async function startOwner(): Promise<{ owner: ChildProcess; site: Site }> {
  const owner = spawn(process.execPath, ['--import', 'tsx', join(__dirname, 'owner.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const line = await new Promise<string>((resolve, reject) => {
    owner.stdout?.setEncoding('utf8').once('data', resolve);
    owner.once('exit', (code) => reject(new Error(`the owner ended with code ${code}`)));
  });
  return { owner, site: JSON.parse(line) as Site };
}

async function linkExists({ index, hubPid }: Site): Promise<boolean> {
  // Another cluster may have taken the index meanwhile: ours led to the namespace of our hub.
  const links = JSON.parse(await run('ip', ['-j', 'link'])) as { ifname: string }[];
  return links.some((link) => link.ifname === linkName(index)) && isAlive(hubPid);
}

function parent(pid: number): number {
  const match = /^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  if (!match) throw new Error(`process ${pid} has no parent`);
  return Number(match[1]);
}
