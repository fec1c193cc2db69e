import { randomUUID } from 'node:crypto';
import { MAX_USER_NAME } from '../../../src/api/sessions';
import type { ClaimsView, HsdView, PodView, ProbeAnswer, SessionView } from '../../decide/model';
import { hasLabels } from '../../decide/sessions';
import type { Api } from '../../kube/api';
import type { Clock } from '../../kube/clock';
import { ApiError } from '../../kube/errors';
import { NotLeading } from '../../kube/fence';
import type { Logger } from '../../kube/logger';
import type { ServerClock } from '../../kube/server-clock';
import type { World } from '../../observe/world';
import type { User } from './auth';
import type { Claimed, ClaimInput } from './claimed';
import { Handouts } from './handouts';
import { KeyedLock } from './keyed-lock';
import { closedPool, Pool, type Recalled } from './pool';
import type { Caller, Place, Served } from './queue-of-callers';
import { RecordWriter } from './record-writer';
import { conflict, noPod, notFound, Refusal, unavailable, unknownOutcome } from './refusal';
import { SessionIndex } from './session-index';

export interface ClaimsOptions {
  /** Refuses writes while this process does not lead (Fence). */
  client: Api;
  world: World;
  clock: Clock;
  serverClock: Pick<ServerClock, 'earliest' | 'latest'>;
  logger: Logger;
  /** Last answer of a Pod's HTTP probe. */
  answerOf: (uid: string) => ProbeAnswer | undefined;
  /** What passes over the hsd with this key have seen of its Pods. */
  recall: (key: string) => Recalled;
  /** How many wait for Pods of the hsd with this key has changed. */
  onDemand: (key: string) => void;
  limits: WaitLimits;
}

export interface WaitLimits {
  /** Callers that wait at the same time, over all pools. */
  waiters: number;
  /** Of these, of one user. */
  waitersPerUser: number;
}

/** How many Pods may refuse one caller's claim for other reasons than having changed. */
const MAX_REFUSED = 3;
const NO_CLAIMS: ClaimsView = { reserved: new Set(), waiting: 0 };

/**
 * Hands out Pods: chooses, writes the record, and lets callers wait in order of arrival. Everything but who waits is on
 * the Pods themselves; what is here can be lost at any moment.
 */
export class Claims {
  private readonly pools = new Map<string, Pool>();
  private readonly sessions = new SessionIndex();
  private readonly lock = new KeyedLock();
  private readonly writer: RecordWriter;
  private readonly handouts: Handouts;
  private isStopping = false;

  constructor(private readonly options: ClaimsOptions) {
    this.writer = new RecordWriter(options);
    this.handouts = new Handouts((id, uid) => this.takeBack(id, uid));
  }

  /** What `decide` must know of the hsd with this key. */
  view(key: string): ClaimsView {
    return this.pools.get(key)?.view ?? NO_CLAIMS;
  }

  /** Callers that wait now, over all pools. */
  get waiting(): number {
    return [...this.pools.values()].reduce((sum, pool) => sum + pool.queue.waiting, 0);
  }

  podChanged(change: { previous?: PodView; current?: PodView }): void {
    this.sessions.podChanged(change);
    const { namespace, hsd } = change.current ?? change.previous ?? {};
    const key = `${namespace}/${hsd}`;
    this.pools.get(key)?.podChanged(change);
    this.wake(key);
  }

  /** The hsd, or something else that decides about its Pods, has changed. */
  changed(key: string): void {
    this.pools.get(key)?.stale();
    this.wake(key);
  }

  /** Everybody who waits is told to come again: this process leads no more, or ends. */
  dismissAll(message: string): void {
    for (const pool of this.pools.values()) this.refuseAll(pool, () => unavailable(message));
  }

  stop(): void {
    this.isStopping = true;
    this.dismissAll('this replica is stopping: ask again, with the same session id for the same place');
  }

  /** @throws Refusal */
  async claim(input: ClaimInput): Promise<Claimed> {
    const { key, request } = input;
    const since = this.options.clock.monotonic();
    const sessionId = request.sessionId ?? randomUUID();
    const id = `${key}/${sessionId}`;
    // From here on, a claim of this session that nobody has heard of yet is this request's to deliver.
    const settled = this.handouts.open(id);
    try {
      const found = await this.lock.run(id, () => this.lookUp(input, sessionId));
      if (!('callers' in found)) return { pod: found, isNew: false, waitedMs: this.since(since), settled };
      const { pod, isFirst } = await this.wait(input, found, since);
      return { pod, isNew: isFirst, waitedMs: this.since(since), settled };
    } catch (error) {
      settled(false);
      throw error;
    }
  }

  /** @throws Refusal 404, 410 */
  get(key: string, sessionId: string): PodView {
    const pod = this.sessions.find(key, sessionId, this.hsdOf(key));
    if (pod === undefined) throw this.missing(key, sessionId);
    // Who asks for it by its name knows of it.
    this.handouts.forget(`${key}/${sessionId}`);
    return pod;
  }

  list(key: string): PodView[] {
    return this.sessions.list(key, this.hsdOf(key));
  }

  /**
   * Another end for the session: so many seconds from now. Written only when less than half of that is left, so that who
   * renews often costs few writes; the answer says which end holds.
   *
   * @throws Refusal 404, 410
   */
  async renew(key: string, sessionId: string, ttlSeconds: number): Promise<PodView> {
    return this.lock.run(`${key}/${sessionId}`, () => this.renewed(key, sessionId, ttlSeconds));
  }

  /** Ends the session, or its wait. One that is not there is released. */
  async release(key: string, sessionId: string): Promise<void> {
    const id = `${key}/${sessionId}`;
    await this.lock.run(id, async () => {
      const hsd = this.hsdOf(key);
      const pool = this.pools.get(key);
      const place = pool?.queue.get(sessionId);
      if (pool && place) this.refuse(pool, place, conflict(sessionId, 'the session was released while it waited'));
      const pod = this.sessions.find(key, sessionId, hsd);
      if (pod !== undefined) await this.writer.end(hsd, pod);
      this.handouts.forget(id);
      this.sessions.forgetLost(key, sessionId);
    });
  }

  private async lookUp({ key, user, request, mayGet }: ClaimInput, sessionId: string): Promise<PodView | Place> {
    const hsd = this.hsdOf(key);
    const held = this.sessions.find(key, sessionId, hsd);
    if (held !== undefined) {
      const isOwn = held.session?.claimedBy === user.username.slice(0, MAX_USER_NAME);
      if (!isOwn && !(await mayGet())) throw conflict(sessionId, 'the session is another user’s');
      if (!hasLabels(held, request.selector)) {
        throw conflict(sessionId, `the session holds Pod ${held.name}, which does not have the labels of selector`);
      }
      return request.ttlSeconds === undefined ? held : this.renewed(key, sessionId, request.ttlSeconds);
    }
    const closed = this.closedFor(hsd, key);
    if (closed !== undefined) throw closed;
    this.sessions.forgetLost(key, sessionId);
    const { queue } = this.poolOf(key);
    const place = queue.get(sessionId);
    if (place === undefined) {
      if (request.waitSeconds > 0) this.checkLimits(user);
      return queue.add(sessionId, user.username, request);
    }
    if (place.username !== user.username) throw conflict(sessionId, 'another user waits under this session id');
    if (JSON.stringify(place.request.selector) !== JSON.stringify(request.selector)) {
      throw conflict(sessionId, 'the same session id waits for a Pod with other labels');
    }
    return place;
  }

  /** Resolves with the place's Pod when it has one. */
  private wait({ key, request, signal }: ClaimInput, place: Place, since: number): Promise<Served> {
    const pool = this.poolOf(key);
    const { clock } = this.options;
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        timer.cancel();
        signal.removeEventListener('abort', hungUp);
        pool.queue.leave(place, caller);
      };
      const caller: Caller = {
        since,
        isPatient: request.waitSeconds > 0,
        served: (served) => {
          leave();
          resolve(served);
        },
        refused: (error) => {
          leave();
          reject(error);
        },
      };
      const hungUp = (): void => caller.refused(unavailable('the caller has hung up'));
      const timer = clock.setTimeout(() => {
        caller.isPatient = false;
        this.dismissImpatient(key, pool);
      }, request.waitSeconds * 1000);
      pool.queue.join(place, caller);
      signal.addEventListener('abort', hungUp);
      if (signal.aborted) return hungUp();
      this.serve(key);
      if (!place.writing && pool.queue.get(place.sessionId) === place) this.options.onDemand(key);
    });
  }

  private wake(key: string): void {
    const pool = this.pools.get(key);
    if (pool === undefined) return;
    if (pool.queue.size > 0) this.serve(key);
    if (pool.isIdle && this.options.world.hsd(key) === undefined) this.pools.delete(key);
  }

  /** Gives every Pod there is to who has waited longest for one like it. */
  private serve(key: string): void {
    const pool = this.poolOf(key);
    const hsd = this.options.world.hsd(key);
    const closed = this.closedFor(hsd, key);
    if (hsd === undefined || closed !== undefined) {
      this.refuseAll(pool, () => closed ?? unavailable('the pool is not known yet'));
      return;
    }
    for (const place of [...pool.queue.ready()]) {
      const pod = pool.reserve(hsd, place.request.selector);
      if (pod !== undefined) {
        place.writing = true;
        void this.write(pool, place, hsd, pod);
      } else if (Object.keys(place.request.selector).length === 0) break;
    }
    this.dismissImpatient(key, pool);
  }

  private async write(pool: Pool, place: Place, hsd: HsdView, pod: PodView): Promise<void> {
    const key = `${hsd.namespace}/${hsd.name}`;
    const id = `${key}/${place.sessionId}`;
    await this.lock
      .run(id, async () => {
        const session = this.sessionFor(place);
        const onUnknown = (error: unknown): void => this.refuseCallers(place, unknownOutcome(error));
        const claimed = await this.writer.claim(hsd, pod, session, onUnknown);
        // It was being ended already: its session would be over before it began.
        const isGood = claimed !== undefined && !claimed.deleting;
        pool.settle(pod, isGood ? undefined : pod.resourceVersion);
        place.writing = false;
        if (!isGood) return;
        const close = this.handouts.open(id);
        this.handouts.made(id, pod.uid);
        pool.queue.remove(place);
        for (const [index, caller] of [...place.callers].entries())
          caller.served({ pod: claimed, isFirst: index === 0 });
        // With nobody left to tell, it is taken back.
        close(false);
      })
      .catch((error: unknown) => this.claimRefused(pool, place, pod, error));
    this.serve(key);
  }

  private claimRefused(pool: Pool, place: Place, pod: PodView, error: unknown): void {
    pool.settle(pod, pod.resourceVersion);
    place.writing = false;
    if (error instanceof NotLeading) {
      this.refuse(pool, place, unavailable('this replica leads no more'));
      return;
    }
    this.options.logger.warn({ err: error, namespace: pod.namespace, pod: pod.name }, 'a claim was refused');
    place.refusals += 1;
    if (place.refusals < MAX_REFUSED) return;
    const why = error instanceof ApiError ? error.message : 'no answer';
    this.refuse(pool, place, unavailable(`the API server refuses the claim: ${why}`, 5));
  }

  private sessionFor({ sessionId, username, request }: Place): SessionView {
    const { serverClock } = this.options;
    const expiresAt = request.ttlSeconds && serverClock.latest() + request.ttlSeconds * 1000;
    return { id: sessionId, claimedBy: username, claimedAt: serverClock.earliest(), ...(expiresAt && { expiresAt }) };
  }

  /** Nobody has heard of this claim. A request of the same session that has come meanwhile keeps it. */
  private takeBack(id: string, uid: string): void {
    const task = this.lock.run(id, async () => {
      if (!this.handouts.isAbandoned(id, uid)) return;
      this.handouts.forget(id);
      const [namespace, name, sessionId] = id.split('/', 3) as [string, string, string];
      const key = `${namespace}/${name}`;
      const hsd = this.options.world.hsd(key);
      const pod = this.sessions.find(key, sessionId, hsd);
      if (hsd !== undefined && pod?.uid === uid) await this.writer.end(hsd, pod);
    });
    task.catch((error: unknown) => this.options.logger.warn({ err: error }, 'a claim nobody heard of stays'));
  }

  private async renewed(key: string, sessionId: string, ttlSeconds: number): Promise<PodView> {
    const { serverClock } = this.options;
    const pod = this.get(key, sessionId);
    const left = (pod.session?.expiresAt ?? 0) - serverClock.earliest();
    if (pod.deleting || left > ttlSeconds * 500) return pod;
    const written = await this.writer.renew(pod, serverClock.latest() + ttlSeconds * 1000);
    if (written === undefined) throw this.missing(key, sessionId);
    return written;
  }

  private missing(key: string, sessionId: string): Refusal {
    const lost = this.sessions.lostOf(key, sessionId);
    if (lost === undefined) return notFound('claims', sessionId, `session ${sessionId} holds no Pod of ${key}`);
    const message = `Pod ${lost.pod.name} of session ${sessionId} is gone; the session can be claimed anew`;
    return new Refusal(410, 'PodLost', message, { name: sessionId, kind: 'claims' });
  }

  private hsdOf(key: string): HsdView {
    const hsd = this.options.world.hsd(key);
    if (hsd !== undefined) return hsd;
    const [namespace, name = ''] = key.split('/');
    throw notFound('hotstandbydeployments', name, `there is no HotStandbyDeployment ${name} in namespace ${namespace}`);
  }

  private closedFor(hsd: HsdView | undefined, key: string): Refusal | undefined {
    return this.isStopping ? unavailable('this replica is stopping') : closedPool(hsd, key);
  }

  private checkLimits({ username }: User): void {
    const { waiters, waitersPerUser } = this.options.limits;
    const queues = [...this.pools.values()].map(({ queue }) => queue);
    const all = queues.reduce((sum, queue) => sum + queue.size, 0);
    const own = queues.reduce((sum, queue) => sum + queue.waitingOf(username), 0);
    if (all < waiters && own < waitersPerUser) return;
    const message = all >= waiters ? `${all} callers wait already` : `${own} callers of user ${username} wait already`;
    throw noPod('TooManyWaiting', message, { retryAfterSeconds: 5 });
  }

  /** Those whose time is over, or who did not ask to wait, hear why there is no Pod. */
  private dismissImpatient(key: string, pool: Pool): void {
    const hsd = this.options.world.hsd(key);
    for (const place of pool.queue.all()) {
      if (place.writing) continue;
      const leaving = [...place.callers].filter((caller) => !caller.isPatient);
      if (leaving.length === 0) continue;
      const refusal = hsd === undefined ? unavailable('the pool is gone') : pool.refusalFor(hsd, place);
      for (const caller of leaving) caller.refused(refusal);
      if (place.callers.size === 0 && place.request.waitSeconds === 0) pool.queue.remove(place);
    }
  }

  private refuseAll(pool: Pool, refusal: () => Refusal): void {
    for (const place of pool.queue.all()) if (!place.writing) this.refuse(pool, place, refusal());
  }

  private refuse(pool: Pool, place: Place, refusal: Refusal): void {
    this.refuseCallers(place, refusal);
    if (!place.writing) pool.queue.remove(place);
  }

  private refuseCallers(place: Place, refusal: Refusal): void {
    for (const caller of [...place.callers]) caller.refused(refusal);
  }

  private since(monotonic: number): number {
    return this.options.clock.monotonic() - monotonic;
  }

  private poolOf(key: string): Pool {
    const existing = this.pools.get(key);
    if (existing !== undefined) return existing;
    const { world, clock, serverClock, answerOf, recall, onDemand } = this.options;
    const onLeft = (): void => onDemand(key);
    const pool = new Pool({ key, world, clock, answerOf, recall, onLeft, serverNow: () => serverClock.earliest() });
    this.pools.set(key, pool);
    return pool;
  }
}
