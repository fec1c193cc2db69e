import { CommandExit, type Options, parseOptions } from '../../operator/options';

const DEFAULTS: Options = {
  kubeconfig: undefined,
  context: undefined,
  namespaces: [],
  leaderElect: false,
  leaseNamespace: undefined,
  leaseName: 'hotstandby-operator',
  healthAddress: { host: '127.0.0.1', port: 8080, orAnyPort: true },
  logLevel: 'info',
  allowLoopbackPods: false,
  admissionGuard: false,
};
const IN_POD = { KUBERNETES_SERVICE_HOST: '10.96.0.1' };
const SEE_HELP = '; see npm run operator -- --help';

function exitOf(argv: string[], env: Record<string, string> = {}): CommandExit {
  try {
    parseOptions(argv, env);
  } catch (error) {
    if (error instanceof CommandExit) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

test.each<[string, string[]]>([
  ['without TLS', ['--claims-address', '127.0.0.1:8443']],
  ['in the clear where others can listen', ['--claims-address', ':8443', '--claims-insecure-http']],
  ['in the clear on a name like localhost', ['--claims-address', 'localhost.example:8443', '--claims-insecure-http']],
  ['nowhere', ['--claims-insecure-http']],
  ['to nobody', ['--claims-address', '[::1]:0', '--claims-insecure-http', '--claims-max-waiters', '0']],
])('serves no claims %s, and says what to write', (_how, argv) => {
  const exit = exitOf(argv);
  expect(exit.exitCode).toBe(2);
  expect(exit.message).toContain('--claims-');
});

describe('parseOptions', () => {
  it.each<[string, string[], Record<string, string>, Partial<Options>]>([
    ['has defaults for a shell', [], {}, {}],
    [
      'elects a leader and listens on all addresses in a Pod',
      [],
      IN_POD,
      { leaderElect: true, healthAddress: { host: '', port: 8080 } },
    ],
    ['behaves as in a shell in a Pod with an explicit kubeconfig', ['--kubeconfig', 'k'], IN_POD, { kubeconfig: 'k' }],
    ['behaves as in a shell in a Pod with $KUBECONFIG', [], { ...IN_POD, KUBECONFIG: 'k' }, {}],
    ['can run alone in a Pod', ['--no-leader-elect'], IN_POD, { healthAddress: { host: '', port: 8080 } }],
    [
      'takes several namespaces after one flag, repeated and comma-separated, once each',
      ['-n', 'a', 'b', '--namespace', 'c,a'],
      {},
      { namespaces: ['a', 'b', 'c'] },
    ],
    ['takes all namespaces', ['--all-namespaces'], {}, {}],
    ['takes kubeconfig and context', ['--kubeconfig=f', '--context', 'c'], {}, { kubeconfig: 'f', context: 'c' }],
    [
      'takes the Lease',
      ['--leader-elect', '--lease-namespace', 'ops', '--lease-name', 'games-operator'],
      {},
      { leaderElect: true, leaseNamespace: 'ops', leaseName: 'games-operator' },
    ],
    [
      'takes the usual port and no other where it is asked for',
      [],
      { HOTSTANDBY_HEALTH_ADDRESS: '127.0.0.1:8080' },
      { healthAddress: { host: '127.0.0.1', port: 8080 } },
    ],
    ['takes an IPv6 address', ['--health-address', '[::1]:0'], {}, { healthAddress: { host: '::1', port: 0 } }],
    ['takes a host name', ['--health-address=localhost:9'], {}, { healthAddress: { host: 'localhost', port: 9 } }],
    [
      'serves claims on a loopback address, within limits',
      ['--claims-address', '127.0.0.1:8443', '--claims-insecure-http', '--claims-max-waiters-per-user', '7'],
      { HOTSTANDBY_CLAIMS_MAX_WAITERS: '9' },
      {
        claims: {
          address: { host: '127.0.0.1', port: 8443 },
          limits: { waiters: 9, waitersPerUser: 7, requestsPerUser: 256 },
        },
      },
    ],
    ['takes a log level in any letter case', ['--log-level', 'DEBUG'], {}, { logLevel: 'debug' }],
    [
      'takes the test and guard switches',
      ['--allow-loopback-pods', '--admission-guard'],
      {},
      { allowLoopbackPods: true, admissionGuard: true },
    ],
    [
      'takes everything from the environment',
      [],
      {
        HOTSTANDBY_KUBECONFIG: 'f',
        HOTSTANDBY_CONTEXT: 'c',
        HOTSTANDBY_NAMESPACES: 'a, b',
        HOTSTANDBY_LEADER_ELECT: 'true',
        HOTSTANDBY_LEASE_NAMESPACE: 'ops',
        HOTSTANDBY_HEALTH_ADDRESS: ':0',
        HOTSTANDBY_LOG_LEVEL: 'warn',
        HOTSTANDBY_ALLOW_LOOPBACK_PODS: '1',
        HOTSTANDBY_ADMISSION_GUARD: 'yes',
      },
      {
        kubeconfig: 'f',
        context: 'c',
        namespaces: ['a', 'b'],
        leaderElect: true,
        leaseNamespace: 'ops',
        healthAddress: { host: '', port: 0 },
        logLevel: 'warn',
        allowLoopbackPods: true,
        admissionGuard: true,
      },
    ],
    [
      'lets the command line win over the environment',
      ['-A', '--log-level=error', '--no-leader-elect'],
      { HOTSTANDBY_NAMESPACES: 'a', HOTSTANDBY_LOG_LEVEL: 'warn', HOTSTANDBY_LEADER_ELECT: 'true' },
      { logLevel: 'error' },
    ],
    [
      'ignores empty variables',
      [],
      { HOTSTANDBY_NAMESPACES: '', HOTSTANDBY_LOG_LEVEL: ' ', HOTSTANDBY_LEADER_ELECT: '' },
      {},
    ],
  ])('%s', (_name, argv, env, want) => {
    expect(parseOptions(argv, env)).toEqual({ ...DEFAULTS, ...want });
  });

  it.each<[string[], Record<string, string>, string]>([
    [['--nope'], {}, "unknown option '--nope'"],
    [['--namespac', 'a'], {}, "unknown option '--namespac' (Did you mean --namespace?)"],
    [['games'], {}, 'too many arguments. Expected 0 arguments but got 1: games'],
    [['--namespace'], {}, "option '-n, --namespace <name...>' argument missing"],
    [['-n', 'a', '-A'], {}, '--namespace and --all-namespaces contradict each other: give one of them'],
    [
      [],
      { HOTSTANDBY_NAMESPACES: 'a', HOTSTANDBY_ALL_NAMESPACES: 'true' },
      'HOTSTANDBY_NAMESPACES and HOTSTANDBY_ALL_NAMESPACES contradict each other: set one of them',
    ],
    [
      ['-n', 'Games'],
      {},
      '--namespace "Games" is not a namespace name: lower-case letters, digits and "-", at most 63, for example games',
    ],
    [
      ['--lease-name', 'a/b'],
      {},
      '--lease-name "a/b" is not the name of a Lease: lower-case letters, digits and "-", at most 63',
    ],
    [
      [],
      { HOTSTANDBY_NAMESPACES: 'a b' },
      'HOTSTANDBY_NAMESPACES "a b" is not a namespace name: lower-case letters, digits and "-", at most 63, for example games',
    ],
    [['--log-level', 'loud'], {}, '--log-level "loud" is not a level: write one of debug, info, warn, error, silent'],
    [
      [],
      { HOTSTANDBY_LOG_LEVEL: 'loud' },
      'HOTSTANDBY_LOG_LEVEL "loud" is not a level: write one of debug, info, warn, error, silent',
    ],
    [[], { HOTSTANDBY_LEADER_ELECT: 'maybe' }, 'HOTSTANDBY_LEADER_ELECT="maybe" is not a boolean: write true or false'],
    [['--context', ''], {}, '--context is empty: give a value or leave it out'],
    ...['8080', '::1:8080', 'host:70000', 'host:', '[::1]'].map(
      (address): [string[], Record<string, string>, string] => [
        ['--health-address', address],
        {},
        `--health-address "${address}" is not HOST:PORT: write for example 127.0.0.1:8080, [::1]:8080, or :8080 for all addresses`,
      ],
    ),
  ])('refuses %j with %j in one line and exit code 2', (argv, env, problem) => {
    const exit = exitOf(argv, env);
    expect(exit.message).toBe(`error: ${problem}${SEE_HELP}`);
    expect(exit.exitCode).toBe(2);
  });

  it('prints help with every option, its variable, and examples that it accepts itself', () => {
    const { exitCode, message } = exitOf(['--help']);
    expect(exitCode).toBe(0);
    for (const variable of [
      'KUBECONFIG',
      'CONTEXT',
      'NAMESPACES',
      'ALL_NAMESPACES',
      'LEADER_ELECT',
      'LEASE_NAMESPACE',
      'HEALTH_ADDRESS',
      'LOG_LEVEL',
      'ALLOW_LOOPBACK_PODS',
      'ADMISSION_GUARD',
    ]) {
      expect(message.replace(/\s+/g, ' ')).toContain(`[HOTSTANDBY_${variable}]`);
    }
    const examples = [...message.matchAll(/^ {2}\$ .*npm run operator(?: -- (.*?))?(?: {2,}.*)?$/gm)];
    expect(examples).toHaveLength(5);
    for (const [, argv] of examples) expect(() => parseOptions(argv ? argv.split(' ') : [], {})).not.toThrow();
  });

  it('prints its version', () => {
    expect(exitOf(['--version'])).toMatchObject({ exitCode: 0, message: expect.stringMatching(/^\d+\.\d+\.\d+/) });
  });
});
