import type { Api, DeleteOptions, RequestOptions } from '../../../operator/kube/api';
import { ApiError, NetworkError } from '../../../operator/kube/errors';
import { ServerClock } from '../../../operator/kube/server-clock';
import type { Query } from '../../../operator/kube/transport';
import type { JsonPatchOperation, KubeObject, ListPage, WatchEvent } from '../../../operator/kube/types';
import { FIELD_MANAGER } from '../../../src/api/names';
import { type ApiServer, notFound, type Write } from './api-server';
import { type Deployment, RESOURCES, type Resource } from './objects';
import { type JsonPatchStep, jsonPatch, mergePatch } from './patch';
import type { ProcessClock, VirtualTime } from './time';
import { type Feed, Watches } from './watches';

/** One request on its way to the server. */
export interface Call {
  client: string;
  verb: 'get' | 'list' | 'create' | 'update' | 'patch' | 'apply' | 'delete';
  resource: Resource;
  namespace: string;
  name?: string;
  subresource?: string;
  body?: unknown;
}

/** What becomes of a request. */
export interface Fate {
  /** Instead of doing it. */
  refusal?: Error;
  /** Until it is done. */
  delayMs?: number;
  /** It is done, and the answer never comes. */
  isReplyLost?: boolean;
  /** What is stored instead of what was sent. */
  tamper?: (object: KubeObject) => KubeObject;
}

export interface Wire {
  /** Asked when a request leaves. */
  fate(call: Call): Fate;
  /** It was done, or refused by the server itself. */
  done?(call: Call, outcome: string): void;
  /** It ended something, or lowered a count, and would have done so whatever the object had become meanwhile. */
  unconditional?(call: Call): void;
}

/** From the process to the server, or back. */
const LATENCY_MS = 1;
const READ_TIMEOUT_MS = 30_000;
const WRITE_TIMEOUT_MS = 5_000;

/** What the operator talks to: requests take time, and `wire` says what becomes of each. */
export class FakeClient implements Api {
  /** The process is no more: nothing is sent, nothing arrives. */
  isDead = false;
  /** Its requests about Leases reach nobody. */
  isCutOff = false;
  readonly watches: Watches;
  readonly serverClock: ServerClock;

  constructor(
    private readonly name: string,
    private readonly server: ApiServer,
    private readonly time: VirtualTime,
    private readonly wire: Wire,
    private readonly clock: ProcessClock,
  ) {
    this.watches = new Watches(server, time, clock);
    this.serverClock = new ServerClock(clock);
  }

  get<T>(path: string, _query?: Query, options?: RequestOptions): Promise<T> {
    const call = this.call('get', path);
    return this.send(call, options, READ_TIMEOUT_MS, () => {
      if (call.name === undefined) throw notFound(call.resource, path);
      return this.server.get(call.resource, call.namespace, call.name);
    });
  }

  list<T>(path: string, query: Query = {}, options?: RequestOptions): Promise<ListPage<T>> {
    const call = this.call('list', path);
    return this.send(call, options, READ_TIMEOUT_MS, () => {
      const { labelSelector } = query;
      const selects = selectorOf(typeof labelSelector === 'string' ? labelSelector : '');
      const items = this.server
        .all(call.resource)
        .filter((object) => call.namespace === '' || object.metadata.namespace === call.namespace)
        .filter(selects);
      return { metadata: { resourceVersion: String(this.server.version) }, items };
    });
  }

  watch(path: string, query: Query, signal: AbortSignal, idleTimeoutMs: number): AsyncGenerator<WatchEvent> {
    const { resource, namespace } = this.call('list', path);
    const selector = typeof query.labelSelector === 'string' ? query.labelSelector : '';
    const feed: Feed = { resource, namespace, selects: selectorOf(selector) };
    return this.watches.open(
      feed,
      Number(query.resourceVersion),
      Number(query.timeoutSeconds ?? 600),
      idleTimeoutMs,
      signal,
    );
  }

  create<T>(path: string, body: unknown, options?: RequestOptions): Promise<T> {
    const call = { ...this.call('create', path), body };
    return this.write(call, options, () => {
      if (options?.query?.dryRun) return body as KubeObject;
      return this.server.create(call.resource, call.namespace, body as object, this.by(call));
    });
  }

  update<T>(path: string, body: unknown, options?: RequestOptions): Promise<T> {
    const call = { ...this.call('update', path), body };
    return this.write(call, options, () => this.change(call, () => body, preconditionsOf(body)));
  }

  apply<T>(path: string, body: unknown, options?: RequestOptions & { force?: boolean }): Promise<T> {
    const call = { ...this.call('apply', path), body };
    return this.write(call, options, () => {
      const write = { ...this.by(call), manager: FIELD_MANAGER };
      return this.server.apply(call.resource, call.namespace, call.name ?? '', body as object, write);
    });
  }

  mergePatch<T>(path: string, body: unknown, options?: RequestOptions): Promise<T> {
    const call = { ...this.call('patch', path), body };
    const patch = JSON.parse(JSON.stringify(body)) as unknown;
    return this.write(call, options, () => {
      if (call.subresource === 'scale') {
        return this.scale(call, (scale) => mergePatch(scale, patch) as Scale, preconditionsOf(patch));
      }
      return this.change(call, (live) => mergePatch(live, withoutVersion(patch)), preconditionsOf(patch));
    });
  }

  jsonPatch<T>(path: string, body: JsonPatchOperation[], options?: RequestOptions): Promise<T> {
    const call = { ...this.call('patch', path), body };
    const patched = <O>(live: O): O => {
      try {
        return jsonPatch(live, body as JsonPatchStep[]);
      } catch (error) {
        throw new ApiError(422, { reason: 'Invalid', message: String(error) });
      }
    };
    return this.write(call, options, () =>
      call.subresource === 'scale' ? this.scale(call, patched) : this.change(call, patched),
    );
  }

  delete<T>(
    path: string,
    { uid, resourceVersion, propagationPolicy, dryRun, ...options }: DeleteOptions = {},
  ): Promise<T> {
    const call = { ...this.call('delete', path), body: { metadata: { uid, resourceVersion } } };
    return this.write(call, options, () => {
      const deletion = { ...this.by(call), uid, resourceVersion, propagationPolicy, dryRun };
      const left = this.server.delete(call.resource, call.namespace, call.name ?? '', deletion);
      return left ?? { kind: 'Status', status: 'Success' };
    });
  }

  async close(): Promise<void> {
    this.isDead = true;
  }

  private replicasOf({ resource, namespace, name = '' }: Call): number | undefined {
    return resource === 'deployments' ? this.server.find('deployments', namespace, name)?.spec.replicas : undefined;
  }

  private by({ client, subresource }: Call): Write {
    return { actor: client, ...(subresource !== undefined && { subresource }) };
  }

  private change(call: Call, edit: (live: KubeObject) => unknown, preconditions: Partial<Write> = {}): KubeObject {
    const { resource, namespace, name = '' } = call;
    const write = { ...this.by(call), ...preconditions };
    return this.server.update(resource, namespace, name, (live) => edit(live) as typeof live, write);
  }

  /** The scale subresource of a Deployment takes and answers a Scale. */
  private scale(call: Call, edit: (scale: Scale) => Scale, preconditions: Partial<Write> = {}): Scale {
    const { namespace, name = '' } = call;
    const change = (live: Deployment): Deployment => {
      const { replicas = 0 } = edit(scaleOf(live)).spec;
      return { ...live, spec: { ...live.spec, replicas } };
    };
    const write = { ...this.by(call), ...preconditions };
    return scaleOf(this.server.update('deployments', namespace, name, change, write));
  }

  private call(verb: Call['verb'], path: string): Call {
    const parts = path.split('/').filter((part) => part !== '');
    const rest = parts.slice(parts[0] === 'api' ? 2 : 3);
    const isNamespaced = rest[0] === 'namespaces' && rest.length > 2;
    const [resource = '', name, subresource] = isNamespaced ? rest.slice(2) : rest;
    if (!RESOURCES.includes(resource as Resource)) throw new Error(`the fake API server does not serve ${path}`);
    const namespace = isNamespaced ? (rest[1] ?? '') : '';
    return { client: this.name, verb, resource: resource as Resource, namespace, name, subresource };
  }

  private write<T>(call: Call, options: RequestOptions | undefined, perform: () => unknown): Promise<T> {
    return this.send(call, options, WRITE_TIMEOUT_MS, perform);
  }

  private send<T>(
    call: Call,
    options: RequestOptions | undefined,
    timeoutMs: number,
    perform: () => unknown,
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.isDead) return;
      const fate = this.wire.fate(call);
      if (this.isDead) return;
      const sentMs = this.clock.monotonic();
      let isOver = false;
      const finish = (settle: () => void): void => {
        if (isOver || this.isDead) return;
        isOver = true;
        deadline.cancel();
        settle();
      };
      const deadline = this.time.after(options?.timeoutMs ?? timeoutMs, () =>
        finish(() => reject(new NetworkError('Timeout', `no answer to ${call.verb} ${call.resource}`))),
      );
      options?.signal?.addEventListener('abort', () => finish(() => reject(new NetworkError('Aborted', 'aborted'))));
      if (this.isCutOff && call.resource === 'leases') return;
      this.time.after(LATENCY_MS + (fate.delayMs ?? 0), () => {
        const answer = this.answer(call, fate, perform);
        const date = new Date(this.time.now()).toUTCString();
        if (fate.isReplyLost) finish(() => reject(new NetworkError('Reset', 'the connection broke')));
        else
          this.time.after(LATENCY_MS, () =>
            finish(() => {
              this.serverClock.observe(date, sentMs, this.clock.monotonic());
              answer(resolve as (value: unknown) => void, reject);
            }),
          );
      });
    });
  }

  private answer(call: Call, { refusal, tamper }: Fate, perform: () => unknown) {
    type Answer = (resolve: (value: unknown) => void, reject: (error: unknown) => void) => void;
    let answer: Answer;
    let outcome = 'done';
    try {
      if (refusal) throw refusal;
      this.server.tamper = tamper;
      const before = this.replicasOf(call);
      const value = perform();
      const isLowered = (this.replicasOf(call) ?? before ?? 0) < (before ?? 0);
      const isEnding = call.verb === 'delete' && call.resource === 'pods';
      if ((isLowered || isEnding) && !isConditional(call)) this.wire.unconditional?.(call);
      answer = (resolve) => resolve(value);
    } catch (error) {
      if (!(error instanceof ApiError || error instanceof NetworkError)) throw error;
      outcome = `refused: ${error.code} ${error.message}`;
      answer = (_resolve, reject) => reject(error);
    } finally {
      this.server.tamper = undefined;
    }
    this.wire.done?.(call, outcome);
    return answer;
  }
}

/** Bound to what was read: by a resourceVersion, or by a test of the value itself. */
function isConditional({ body }: Call): boolean {
  if (Array.isArray(body)) return body.some(({ op, path }) => op === 'test' && path !== '/metadata/uid');
  return preconditionsOf(body).resourceVersion !== undefined;
}

/** autoscaling/v1, which leaves out a count of 0. */
interface Scale {
  kind: 'Scale';
  metadata: Record<string, unknown>;
  spec: { replicas?: number };
}

function scaleOf({ metadata: { name, namespace, uid, resourceVersion }, spec: { replicas } }: Deployment): Scale {
  return {
    kind: 'Scale',
    metadata: { name, namespace, uid, resourceVersion },
    spec: replicas === 0 ? {} : { replicas },
  };
}

function preconditionsOf(body: unknown): Partial<Write> {
  const { uid, resourceVersion } = (body as Partial<KubeObject>).metadata ?? {};
  return { ...(uid !== undefined && { uid }), ...(resourceVersion !== undefined && { resourceVersion }) };
}

function withoutVersion(patch: unknown): unknown {
  const { metadata, ...rest } = patch as { metadata?: object };
  if (metadata === undefined) return patch;
  const { uid: _u, resourceVersion: _r, ...kept } = metadata as Record<string, unknown>;
  return { ...rest, metadata: kept };
}

/** `key`, `!key`, `key=value`, joined by commas. */
export function selectorOf(text: string): (object: KubeObject) => boolean {
  const terms = text.split(',').filter((term) => term !== '');
  return ({ metadata: { labels = {} } }) =>
    terms.every((term) => {
      const [key = '', value] = term.split('=');
      if (key.startsWith('!')) return labels[key.slice(1)] === undefined;
      return value === undefined ? labels[key] !== undefined : labels[key] === value;
    });
}
