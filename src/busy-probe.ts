import type { Duration } from 'cdk8s';
import { DEFAULT_BUSY_ANNOTATION } from './api/names';
import { DOT_SEGMENT } from './api/schema';
import { checkDuration, checkInteger, isQualifiedName } from './validation';

/**
 * Options for `BusyProbe.annotation`.
 */
export interface BusyProbeAnnotationOptions {
  /**
   * Key of the Pod annotation that says busy: `[prefix/]name` (`spec.busyProbe.annotationKey`).
   *
   * @default 'paia.tech/busy'
   */
  readonly key?: string;
}

/**
 * How an HTTP busy probe is encrypted, in Kubernetes' words.
 */
export enum ProbeScheme {
  /** Not at all. */
  HTTP = 'HTTP',
  /** By TLS. The certificate is not verified, as in the probes of the kubelet. */
  HTTPS = 'HTTPS',
}

/**
 * Which way an HTTP busy probe takes to the Pod.
 */
export enum ProbeVia {
  /** The operator connects to the Pod's IP. */
  POD_IP = 'PodIP',
  /**
   * Through the API server (`pods/proxy`), for an operator that runs outside of the cluster. Its user needs `get` on
   * `pods/proxy`, which no install grants, and every probe is a request to the API server.
   */
  API_SERVER_PROXY = 'APIServerProxy',
}

/**
 * Options for `BusyProbe.http`.
 */
export interface BusyProbeHttpOptions {
  /**
   * Port of the Pod to probe, 1 to 65535 (`spec.busyProbe.http.port`).
   *
   * @default 8080
   */
  readonly port?: number;

  /**
   * Path to probe, with an optional query (`spec.busyProbe.http.path`). Starts with "/"; spaces and control characters must
   * be percent-encoded.
   *
   * @default '/busy'
   */
  readonly path?: string;

  /**
   * What an answer of 200 to 399 means: `true` busy, `false` idle (`spec.busyProbe.http.successIsBusy`). Any other answer
   * means the opposite. A probe without an answer says neither: the Pod keeps its last known state and is not ended.
   *
   * @default true
   */
  readonly successIsBusy?: boolean;

  /**
   * Time from connecting to the end of the answer; later the probe has failed (`spec.busyProbe.http.timeoutSeconds`). Whole
   * seconds, 1 to 3600.
   *
   * @default Duration.seconds(1)
   */
  readonly timeoutSeconds?: Duration;

  /**
   * Time between two probes of one Pod (`spec.busyProbe.http.periodSeconds`). Whole seconds, 1 to 86400.
   *
   * @default Duration.seconds(10)
   */
  readonly periodSeconds?: Duration;

  /**
   * Whether to ask over TLS (`spec.busyProbe.http.scheme`). The certificate is not verified.
   *
   * @default ProbeScheme.HTTP
   */
  readonly scheme?: ProbeScheme;

  /**
   * Failed probes in a row after which the last answer is given up and the Pod is unknown
   * (`spec.busyProbe.http.failureThreshold`), 1 to 100. Until then the last answer stands, so a Pod that fails now and then
   * keeps counting as available; no Pod is ended by it: the question before the end must be answered.
   *
   * @default 1
   */
  readonly failureThreshold?: number;

  /**
   * Which way the probe takes (`spec.busyProbe.http.via`).
   *
   * @default ProbeVia.POD_IP
   */
  readonly via?: ProbeVia;
}

/** `spec.busyProbe.http.port` where nothing is said. */
const DEFAULT_PORT = 8080;

/**
 * How the operator knows that a Pod is busy (`spec.busyProbe`).
 *
 * An annotation reacts at once and needs no network path to the Pod; an HTTP probe asks the Pod every period.
 */
export class BusyProbe {
  /**
   * A Pod is busy while its annotation says "true", in any letter case. The Pod, or whoever hands out its sessions, sets
   * and clears it through the Kubernetes API.
   *
   * Throws when `key` is not an annotation key.
   */
  public static annotation(options: BusyProbeAnnotationOptions = {}): BusyProbe {
    const { key } = options;
    if (key !== undefined && !isQualifiedName(key)) {
      throw new Error(
        `'busyProbe.key' is "${key}": give an annotation key, [prefix/]name, for example ${DEFAULT_BUSY_ANNOTATION}`,
      );
    }
    return new BusyProbe({ mode: 'annotation', annotationKey: key });
  }

  /**
   * A Pod is busy by what it answers to `GET <scheme>://<pod IP>:<port><path>`. Redirects are not followed; only the status
   * code counts.
   *
   * Throws when an option is out of its bounds.
   */
  public static http(options: BusyProbeHttpOptions = {}): BusyProbe {
    checkInteger('busyProbe.port', options.port, { min: 1, max: 65535 });
    checkPath(options.path, options.via);
    checkInteger('busyProbe.failureThreshold', options.failureThreshold, { min: 1, max: 100 });
    return new BusyProbe({
      mode: 'http',
      http: {
        port: options.port,
        path: options.path,
        successIsBusy: options.successIsBusy,
        timeoutSeconds: checkDuration('busyProbe.timeoutSeconds', options.timeoutSeconds, { min: 1, max: 3600 }),
        periodSeconds: checkDuration('busyProbe.periodSeconds', options.periodSeconds, { min: 1, max: 86400 }),
        scheme: options.scheme,
        failureThreshold: options.failureThreshold,
        via: options.via,
      },
    });
  }

  private constructor(private readonly spec: Record<string, unknown>) {}

  /**
   * `spec.busyProbe` of the HotStandbyDeployment. What is undefined is left to the API server's defaults.
   *
   * @internal
   */
  public _toKube(): Record<string, unknown> {
    return this.spec;
  }

  /**
   * Key of the annotation that says busy; undefined where none does.
   *
   * @internal
   */
  public get _annotationKey(): string | undefined {
    return this._usesHttp ? undefined : String(this.spec.annotationKey ?? DEFAULT_BUSY_ANNOTATION);
  }

  /**
   * Whether Pods are asked over HTTP.
   *
   * @internal
   */
  public get _usesHttp(): boolean {
    return this.spec.mode === 'http';
  }

  /**
   * Port the operator itself must be able to connect to; undefined where it connects to no Pod.
   *
   * @internal
   */
  public get _portForOperator(): number | undefined {
    const http = this.spec.http as { port?: number; via?: ProbeVia } | undefined;
    return http === undefined || http.via === ProbeVia.API_SERVER_PROXY ? undefined : (http.port ?? DEFAULT_PORT);
  }
}

function checkPath(path: string | undefined, via: ProbeVia | undefined): void {
  if (path === undefined) {
    return;
  }
  if (!path.startsWith('/')) {
    throw new Error(`'busyProbe.path' is "${path}": start it with "/", as in "/${path}"`);
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be sent in a request line
  if (/[\s\u0000-\u001f\u007f]/.test(path)) {
    throw new Error(
      `'busyProbe.path' is ${JSON.stringify(path)}: percent-encode spaces and control characters, for example %20`,
    );
  }
  if (via === ProbeVia.API_SERVER_PROXY && new RegExp(DOT_SEGMENT).test(path.split('?')[0] ?? '')) {
    throw new Error(
      `'busyProbe.path' is "${path}": the API server's proxy is not sent a segment "." or "..", write the path without it`,
    );
  }
}
