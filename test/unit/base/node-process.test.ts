import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from '../../../root';
import { until } from '../../../tools/base/eventually';
import { NodeProcess } from '../../../tools/base/node-process';
import { isAlive, processIdentity } from '../../../tools/base/process-identity';

const node = (script: string): NodeProcess => new NodeProcess({ name: 'the program', args: ['-e', script] });

describe('a Node program as a child', () => {
  test('is heard on both outputs, and its results are read', async () => {
    const child = node(`console.error('warming up'); console.log('listed {"pods":3}')`);
    const warm = child.line('warming');
    expect(await child.result('listed')).toEqual({ pods: 3 });
    expect(await warm).toBe('warming up');
    expect(await child.ended()).toBe('exit code 0');
    expect(child.lines.sort()).toEqual(['listed {"pods":3}', 'warming up']);
  });

  test.each([
    { how: 'exit code 3', script: `console.error('no disk'); process.exit(3)` },
    { how: 'ended by SIGKILL', script: `console.error('no disk'); process.kill(process.pid, 'SIGKILL')` },
  ])('that ends before the line awaited is told with its last words: $how', async ({ how, script }) => {
    const child = node(script);
    await expect(child.line('ready')).rejects.toThrow(`the program: ${how} before ready:\n  no disk`);
  });

  test('that says nothing is given up', async () => {
    const child = node('setInterval(() => undefined, 60_000)');
    await expect(child.line('ready', 50)).rejects.toThrow('the program: 0.05 s before ready');
    expect(await child.stop()).toBeNull();
  });

  test('does not outlive its owner', async () => {
    const owner = `
      const { NodeProcess } = require(${JSON.stringify(join(ROOT, 'tools/base/node-process.ts'))});
      const child = new NodeProcess({ name: 'x', args: ['-e', 'console.log(process.pid); setInterval(() => undefined, 60000)'] });
      child.line('').then((pid) => { console.log(pid); process.exit(0); });`;
    const { stdout } = spawnSync(process.execPath, ['--import', 'tsx', '-e', owner], { encoding: 'utf8', cwd: ROOT });
    const child = processIdentity(Number(stdout));
    await until('the end of the child', () => (isAlive(child) ? undefined : true));
  });
});
