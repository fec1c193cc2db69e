import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from '../../root';
import { HotStandbyOperator, type HotStandbyOperatorProps, LogLevel } from '../../src';
import { at, only, synth } from './support';

describe('the command line the Deployment gives the operator', () => {
  /** What the operator makes of the arguments of each install. */
  function optionsOf(installs: HotStandbyOperatorProps[]): unknown[] {
    const cases = installs.map((props) => {
      const args = at(
        only(
          synth((chart) => void new HotStandbyOperator(chart, 'operator', props)),
          'Deployment',
        ),
        'spec',
        'template',
        'spec',
        'containers',
        0,
        'args',
      );
      // Kubernetes replaces $(POD_NAMESPACE) before the program starts.
      return Object.values(Object(args)).map((arg) => String(arg).replace('$(POD_NAMESPACE)', 'here'));
    });
    const input = JSON.stringify(cases);
    const tsx = join(ROOT, 'node_modules/.bin/tsx');
    return JSON.parse(execFileSync(tsx, [join(__dirname, 'parse-options.ts')], { input, encoding: 'utf8' }));
  }

  test('is understood by the operator', () => {
    const levels = Object.values(LogLevel);
    const [all, list, own, unguarded, ...leveled] = optionsOf([
      {},
      { namespaces: ['a', 'b'] },
      { ownNamespaceOnly: true },
      { guardedUsers: ['somebody'] },
      ...levels.map((logLevel) => ({ logLevel })),
    ]);
    const common = {
      leaderElect: true,
      leaseNamespace: 'here',
      leaseName: 'hotstandby-operator',
      healthAddress: { host: '', port: 8080 },
      logLevel: 'info',
      allowLoopbackPods: false,
    };
    expect(all).toMatchObject({ ...common, namespaces: [], admissionGuard: true });
    expect(list).toMatchObject({ ...common, namespaces: ['a', 'b'], admissionGuard: true });
    expect(own).toMatchObject({ ...common, namespaces: ['here'], admissionGuard: false });
    expect(unguarded).toMatchObject({ admissionGuard: false });
    expect(leveled.map((options) => at(options, 'logLevel'))).toEqual(levels);
  });
});
