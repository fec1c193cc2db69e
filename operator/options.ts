import { Command, CommanderError, Option } from 'commander';
import { PACKAGE_VERSION } from '../src/version';

const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What the operator is told on its command line and by its environment. */
export interface Options {
  /** File to read; undefined: $KUBECONFIG, the Pod's ServiceAccount, ~/.kube/config, in this order. */
  kubeconfig?: string;
  /** Context of the kubeconfig; undefined: its current one. */
  context?: string;
  /** Namespaces to look after; empty: all. */
  namespaces: readonly string[];
  /** Elect one writing replica through a Lease. Default: true in a Pod, false elsewhere. */
  leaderElect: boolean;
  /** Namespace of that Lease; undefined: the Pod's or the context's. */
  leaseNamespace?: string;
  /** Name of that Lease: operators that share it are replicas of each other. */
  leaseName: string;
  /** Where /healthz, /readyz and /metrics are served. Host "": all addresses. Port 0: any free one. */
  healthAddress: HealthAddress;
  /** Serve claims here; undefined: nowhere. */
  claims?: ClaimsOptions;
  logLevel: LogLevel;
  /** The admission policy that keeps ReplicaSets from ending busy Pods is installed: scale-downs need no spare Pod then. */
  admissionGuard: boolean;
  /** Probe Pods on loopback addresses too. For test clusters only. */
  allowLoopbackPods: boolean;
}

export interface HealthAddress {
  readonly host: string;
  readonly port: number;
  /** Nobody asked for this port: any free one will do when it is in use. Never in a cluster, where probes ask this one. */
  readonly orAnyPort?: boolean;
}

/** The claims service. */
export interface ClaimsOptions {
  readonly address: { readonly host: string; readonly port: number };
  readonly limits: {
    /** Callers that may wait for a Pod at once. */
    readonly waiters: number;
    /** Of these, of one user. */
    readonly waitersPerUser: number;
    /** Requests of one user under way at once. */
    readonly requestsPerUser: number;
  };
}

/**
 * The program ends without running: `message` goes to stdout when `exitCode` is 0 (--help, --version), else to stderr
 * (2: the command line or the environment is wrong).
 */
export class CommandExit extends Error {
  constructor(
    readonly exitCode: 0 | 2,
    message: string,
  ) {
    super(message);
    this.name = 'CommandExit';
  }
}

type Environment = Readonly<Record<string, string | undefined>>;

const EXAMPLES = `
Every option can also be set by the environment variable beside it; the command line wins. Lists are separated by commas.

Examples:
  $ npm run operator                                   your current kubeconfig context, all namespaces
  $ npm run operator -- --context staging --namespace games lobby
  $ npm run operator -- --kubeconfig .cluster/default/kubeconfig --log-level debug
  $ npm run operator -- --leader-elect --lease-namespace hotstandby-system
  $ HOTSTANDBY_NAMESPACES=games,lobby npm run operator
`;

const DEFAULT_LEASE_NAME = 'hotstandby-operator';
const PROGRAM = 'npm run operator --';
const SEE_HELP = `see ${PROGRAM} --help`;
const LOOPBACK = /^(127(\.\d{1,3}){3}|::1|localhost)$/;
/** RFC 1123 label: what a namespace may be called. */
const LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

function usage(problem: string): CommandExit {
  return new CommandExit(2, `error: ${problem}; ${SEE_HELP}`);
}

function envName(flag: string): string {
  return flag === 'namespace' ? 'HOTSTANDBY_NAMESPACES' : `HOTSTANDBY_${flag.replaceAll('-', '_').toUpperCase()}`;
}

function command(inCluster: boolean): Command {
  const option = (flags: string, description: string): Option => {
    const parsed = new Option(flags);
    const env = envName(parsed.name());
    return new Option(flags, parsed.negate ? description : `${description} [${env}]`);
  };
  return new Command('operator')
    .usage('[options]')
    .description('Keeps a constant number of idle Pods beside the busy ones, for every HotStandbyDeployment.')
    .addOption(option('--kubeconfig <file>', 'default: $KUBECONFIG, in a Pod its ServiceAccount, ~/.kube/config'))
    .addOption(option('--context <name>', 'context of the kubeconfig; default: its current one'))
    .addOption(option('-n, --namespace <name...>', 'look after these namespaces only'))
    .addOption(option('-A, --all-namespaces', 'look after all namespaces (the default)'))
    .addOption(option('--leader-elect', 'elect one writing replica through a Lease; default: in a Pod yes, else no'))
    .addOption(option('--no-leader-elect', 'run alone'))
    .addOption(option('--lease-namespace <name>', "namespace of that Lease; default: the Pod's or the context's"))
    .addOption(option('--lease-name <name>', `name of that Lease; default: ${DEFAULT_LEASE_NAME}`))
    .addOption(
      option(
        '--health-address <host:port>',
        `serve /healthz, /readyz and /metrics here; default: ${defaultHealthAddress(inCluster)}${inCluster ? '' : ', or a free port'}`,
      ),
    )
    .addOption(option('--claims-address <host:port>', 'serve claims here; default: not at all'))
    .addOption(option('--claims-insecure-http', 'serve claims without TLS, on a loopback address alone'))
    .addOption(option('--claims-max-waiters <count>', 'callers that may wait for a Pod at once; default: 1000'))
    .addOption(option('--claims-max-waiters-per-user <count>', 'of these, of one user; default: 500'))
    .addOption(option('--claims-max-requests-per-user <count>', 'requests of one user under way at once; default: 256'))
    .addOption(option('--log-level <level>', `${LOG_LEVELS.join(', ')}; default: info`))
    .addOption(
      option('--admission-guard', 'the policy that protects busy Pods is installed (the shipped manifests set this)'),
    )
    .addOption(
      option(
        '--allow-loopback-pods',
        'probe Pods on 127.0.0.0/8 and ::1 over HTTP; for test clusters with fake Pods only',
      ),
    )
    .version(PACKAGE_VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this')
    .addHelpText('after', EXAMPLES)
    .allowExcessArguments(false)
    .exitOverride();
}

/** The flags as given; undefined where they were not. */
interface Flags {
  kubeconfig?: string;
  context?: string;
  namespace?: string[];
  allNamespaces?: boolean;
  leaderElect?: boolean;
  leaseNamespace?: string;
  leaseName?: string;
  healthAddress?: string;
  logLevel?: string;
  claimsAddress?: string;
  claimsInsecureHttp?: boolean;
  claimsMaxWaiters?: string;
  claimsMaxWaitersPerUser?: string;
  claimsMaxRequestsPerUser?: string;
  allowLoopbackPods?: boolean;
  admissionGuard?: boolean;
}

function readFlags(argv: readonly string[], inCluster: boolean): Flags {
  let printed = '';
  const program = command(inCluster).configureOutput({
    writeOut: (text) => {
      printed += text;
    },
    writeErr: () => {},
    getOutHelpWidth: () => 120,
    getOutHasColors: () => false,
  });
  try {
    program.parse([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) throw new CommandExit(0, printed.trimEnd());
    throw usage(
      error.message
        .replace(/^error: /, '')
        .replace(/\.?\s*\n\s*/g, ' ')
        .replace(/\.$/, ''),
    );
  }
  const flags = program.opts<Flags>();
  // Declaring --no-leader-elect makes commander default leaderElect to true.
  if (program.getOptionValueSource('leaderElect') !== 'cli') flags.leaderElect = undefined;
  return flags;
}

function envText(env: Environment, flag: string): string | undefined {
  const value = env[envName(flag)]?.trim();
  return value === '' ? undefined : value;
}

function envBoolean(env: Environment, flag: string): boolean | undefined {
  const value = envText(env, flag);
  if (value === undefined) return undefined;
  if (/^(true|1|yes)$/i.test(value)) return true;
  if (/^(false|0|no)$/i.test(value)) return false;
  throw usage(`${envName(flag)}="${value}" is not a boolean: write true or false`);
}

function namespacesOf(flags: Flags, env: Environment): string[] {
  if (flags.allNamespaces && flags.namespace) {
    throw usage('--namespace and --all-namespaces contradict each other: give one of them');
  }
  if (flags.allNamespaces) return [];
  const listed = flags.namespace ?? envText(env, 'namespace')?.split(',');
  const all = envBoolean(env, 'all-namespaces');
  if (!flags.namespace && listed && all) {
    throw usage('HOTSTANDBY_NAMESPACES and HOTSTANDBY_ALL_NAMESPACES contradict each other: set one of them');
  }
  const names = (listed ?? []).flatMap((name) => name.split(',')).map((name) => name.trim());
  return [...new Set(names.map((name) => namespaceName(name, flags.namespace ? '--namespace' : envName('namespace'))))];
}

function namespaceName(name: string, source: string): string {
  if (LABEL.test(name)) return name;
  throw usage(
    `${source} "${name}" is not a namespace name: lower-case letters, digits and "-", at most 63, for example games`,
  );
}

function checkedLeaseName({ value, source }: Given): string {
  if (LABEL.test(value)) return value;
  throw usage(`${source} "${value}" is not the name of a Lease: lower-case letters, digits and "-", at most 63`);
}

function defaultHealthAddress(inCluster: boolean): string {
  return inCluster ? ':8080' : '127.0.0.1:8080';
}

/** What was asked for; else in a cluster the port that the manifests probe, and elsewhere that or any free one. */
function healthAddressOf(asked: Given | undefined, inCluster: boolean): HealthAddress {
  const address = parseAddress(asked ?? { value: defaultHealthAddress(inCluster), source: 'default' });
  return asked === undefined && !inCluster ? { ...address, orAnyPort: true } : address;
}

function parseAddress({ value, source }: Given): HealthAddress {
  // host:port, [v6]:port, :port. A bare IPv6 address is ambiguous and refused.
  const match = /^(?:\[([^\]]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(value);
  const port = Number(match?.[3]);
  if (match && port <= 65535) return { host: match[1] ?? match[2] ?? '', port };
  throw usage(
    `${source} "${value}" is not HOST:PORT: write for example 127.0.0.1:8080, [::1]:8080, or :8080 for all addresses`,
  );
}

/** A token that travels in the clear is anybody's: plain HTTP stays on this machine. */
function claimsOf(flags: Flags, env: Environment): ClaimsOptions | undefined {
  const place = given('claims-address', flags.claimsAddress, env);
  const isInsecure = flags.claimsInsecureHttp ?? envBoolean(env, 'claims-insecure-http') ?? false;
  if (place === undefined) {
    if (isInsecure) throw usage('--claims-insecure-http says how, not where: give --claims-address 127.0.0.1:PORT');
    return undefined;
  }
  const address = parseAddress(place);
  if (!isInsecure) throw usage('--claims-address needs --claims-insecure-http: this version serves no TLS yet');
  if (!LOOPBACK.test(address.host)) {
    throw usage(
      `--claims-insecure-http with "${place.value}": tokens in the clear stay on 127.0.0.1, [::1] or localhost`,
    );
  }
  const count = (flag: string, value: string | undefined, preset: number): number =>
    positiveNumber(given(flag, value, env), preset);
  return {
    address,
    limits: {
      waiters: count('claims-max-waiters', flags.claimsMaxWaiters, 1_000),
      waitersPerUser: count('claims-max-waiters-per-user', flags.claimsMaxWaitersPerUser, 500),
      requestsPerUser: count('claims-max-requests-per-user', flags.claimsMaxRequestsPerUser, 256),
    },
  };
}

function positiveNumber(value: Given | undefined, preset: number): number {
  if (value === undefined) return preset;
  if (/^[1-9]\d{0,5}$/.test(value.value)) return Number(value.value);
  throw usage(`${value.source} "${value.value}" is not a number from 1 to 999999`);
}

function parseLogLevel({ value, source }: Given): LogLevel {
  const known = LOG_LEVELS.find((name) => name === value.toLowerCase());
  if (known) return known;
  throw usage(`${source} "${value}" is not a level: write one of ${LOG_LEVELS.join(', ')}`);
}

/** A value with the name of the flag or variable it came from, for messages. */
interface Given {
  readonly value: string;
  readonly source: string;
}

function given(flag: string, value: string | undefined, env: Environment): Given | undefined {
  if (value?.trim() === '') throw usage(`--${flag} is empty: give a value or leave it out`);
  if (value !== undefined) return { value, source: `--${flag}` };
  const fromEnv = envText(env, flag);
  return fromEnv === undefined ? undefined : { value: fromEnv, source: envName(flag) };
}

/**
 * Reads the command line (without node and script) and HOTSTANDBY_* variables; the command line wins.
 *
 * Throws CommandExit: code 0 for --help and --version, code 2 with one line for anything wrong.
 */
export function parseOptions(argv: readonly string[], env: Environment): Options {
  const inPod = Boolean(env.KUBERNETES_SERVICE_HOST);
  const flags = readFlags(argv, inPod);
  const kubeconfig = given('kubeconfig', flags.kubeconfig, env)?.value;
  const inCluster = inPod && kubeconfig === undefined && !env.KUBECONFIG;
  const lease = given('lease-namespace', flags.leaseNamespace, env);
  const leaseName = given('lease-name', flags.leaseName, env);
  const health = given('health-address', flags.healthAddress, env);
  const logLevel = given('log-level', flags.logLevel, env);
  return {
    kubeconfig,
    context: given('context', flags.context, env)?.value,
    namespaces: namespacesOf(flags, env),
    leaderElect: flags.leaderElect ?? envBoolean(env, 'leader-elect') ?? inCluster,
    leaseNamespace: lease && namespaceName(lease.value, lease.source),
    leaseName: leaseName ? checkedLeaseName(leaseName) : DEFAULT_LEASE_NAME,
    healthAddress: healthAddressOf(health, inCluster),
    claims: claimsOf(flags, env),
    logLevel: logLevel ? parseLogLevel(logLevel) : 'info',
    admissionGuard: flags.admissionGuard ?? envBoolean(env, 'admission-guard') ?? false,
    allowLoopbackPods: flags.allowLoopbackPods ?? envBoolean(env, 'allow-loopback-pods') ?? false,
  };
}
