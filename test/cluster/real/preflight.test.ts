import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from '../../../root';
import { type Preflight, realNodesPreflightNow } from '../../../tools/cluster/real/preflight';

jest.setTimeout(30_000);

const here = realNodesPreflightNow();
// Only root can give up the rights these cases are about.
const suite = here.ok ? describe : describe.skip;

suite(here.ok ? 'the preflight' : `the preflight (skipped: ${here.reason})`, () => {
  const asMounted = (mount: string): string[] => ['unshare', '--mount', 'sh', '-c', `${mount}; exec "$@"`, 'sh'];

  test.each([
    [
      'an ordinary user',
      ['setpriv', '--reuid', '65534', '--clear-groups'],
      'needs root: run as root or use kwok nodes',
    ],
    [
      'root without CAP_SYS_ADMIN, as in most containers',
      ['setpriv', '--bounding-set', '-sys_admin', '--inh-caps', '-sys_admin'],
      'the kernel or the container refuses new namespaces',
    ],
    [
      'root without CAP_NET_ADMIN',
      ['setpriv', '--bounding-set', '-net_admin', '--inh-caps', '-net_admin'],
      'the kernel or the container refuses bridge',
    ],
    [
      'a machine without cgroups',
      asMounted('mount -t tmpfs none /sys/fs/cgroup'),
      'needs cgroups with the memory controller at /sys/fs/cgroup',
    ],
  ])('tells %s in one line why real nodes cannot run', (_, become, wanted) => {
    const result = preflightAs(become);
    if (result.ok) throw new Error('the preflight found nothing wrong');
    expect(result.reason).toContain(wanted);
    expect(result.reason).toContain('kwok nodes');
    expect(result.reason).not.toContain('\n');
  });
});

/** The preflight of a process that `become` starts with other rights or another view of the machine. */
function preflightAs([program = '', ...args]: string[]): Preflight {
  const question = `process.stdout.write(JSON.stringify(require(${JSON.stringify(join(ROOT, 'tools/cluster/real/preflight.ts'))}).realNodesPreflightNow()))`;
  const node = [process.execPath, '--import', 'tsx', '-e', question];
  return JSON.parse(execFileSync(program, [...args, ...node], { encoding: 'utf8' })) as Preflight;
}
