import { MAX_NAME_LENGTH } from '../../../src/api/names';
import { ApiError, NetworkError } from '../../kube/errors';
import { NotLeading } from '../../kube/fence';
import type { Logger } from '../../kube/logger';
import { HttpError, type HttpReply, type HttpRequest, jsonReply } from '../http';
import { type Route, route } from '../router';
import { claimAnswer } from './answer';
import type { Auth, User, Verb } from './auth';
import { checkSessionId, parseClaim, parseRenewal } from './claim-request';
import type { Claims } from './claims';
import { OPENAPI } from './openapi';
import { badRequest, Refusal, unavailable } from './refusal';

/** The collection of an hsd's claims, and one of them. */
export const CLAIMS_PATH = '/v1/namespaces/{namespace}/pools/{pool}/claims';
export const CLAIM_PATH = '/v1/namespaces/{namespace}/pools/{pool}/claims/{sessionId}';

/** Whoever wants a Pod of which pool, known to the API server and allowed to ask. */
interface Caller {
  key: string;
  user: User;
}

type InPool = HttpRequest<{ readonly namespace: string; readonly pool: string }>;
type InClaim = HttpRequest<{ readonly namespace: string; readonly pool: string; readonly sessionId: string }>;

const NAMESPACE = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const HSD_NAME = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;

export interface HandlersOptions {
  auth: Auth;
  claims: Claims;
  /** Requests of one user under way at once. */
  requestsPerUser: number;
  /** This process knows the sessions there are and may write. @throws Refusal 503 */
  checkLeading: () => void;
}

/** Every path of the claims service. Order of checks: who, whether allowed, then what is asked for. */
export class Handlers {
  private readonly underWay = new Map<string, number>();

  constructor(private readonly options: HandlersOptions) {}

  get routes(): Route[] {
    return [
      route('POST', CLAIMS_PATH, (request) => this.as('create', request, (caller) => this.claim(caller, request))),
      route('GET', CLAIMS_PATH, (request) => this.as('list', request, (caller) => this.list(caller))),
      route('GET', CLAIM_PATH, (request) => this.as('get', request, (caller) => this.get(caller, request))),
      route('PUT', CLAIM_PATH, (request) => this.as('update', request, (caller) => this.renew(caller, request))),
      route('DELETE', CLAIM_PATH, (request) => this.as('delete', request, (caller) => this.release(caller, request))),
      route('GET', '/openapi.json', () => jsonReply(200, OPENAPI)),
    ];
  }

  private async as(verb: Verb, request: InPool, handle: (caller: Caller) => Promise<HttpReply>): Promise<HttpReply> {
    const { auth, checkLeading } = this.options;
    const user = await auth.authenticate(request.headers.authorization);
    const done = this.enter(user);
    try {
      const { namespace, pool } = request.parameters;
      checkNames(namespace, pool);
      await auth.authorize(user, verb, namespace, pool);
      checkLeading();
      return await handle({ user, key: `${namespace}/${pool}` });
    } finally {
      done();
    }
  }

  private async claim({ key, user }: Caller, request: InPool): Promise<HttpReply> {
    const { auth, claims } = this.options;
    const { namespace, pool } = request.parameters;
    const wanted = parseClaim(await request.body(), request.headers['content-type']);
    const mayGet = (): Promise<boolean> => auth.isAllowed(user, 'get', namespace, pool);
    const claimed = await claims.claim({ key, user, request: wanted, signal: request.signal, mayGet });
    const { pod, isNew, waitedMs, settled } = claimed;
    return { ...jsonReply(isNew ? 201 : 200, claimAnswer(pod, waitedMs)), settled };
  }

  private async list({ key }: Caller): Promise<HttpReply> {
    return jsonReply(200, { items: this.options.claims.list(key).map((pod) => claimAnswer(pod)) });
  }

  private async get({ key }: Caller, { parameters }: InClaim): Promise<HttpReply> {
    checkSessionId(parameters.sessionId);
    return jsonReply(200, claimAnswer(this.options.claims.get(key, parameters.sessionId)));
  }

  private async renew({ key }: Caller, { parameters, body, headers }: InClaim): Promise<HttpReply> {
    checkSessionId(parameters.sessionId);
    const { ttlSeconds } = parseRenewal(await body(), headers['content-type']);
    return jsonReply(200, claimAnswer(await this.options.claims.renew(key, parameters.sessionId, ttlSeconds)));
  }

  private async release({ key }: Caller, { parameters }: InClaim): Promise<HttpReply> {
    checkSessionId(parameters.sessionId);
    await this.options.claims.release(key, parameters.sessionId);
    return { status: 204 };
  }

  /** One user's requests do not take the place of everybody else's. */
  private enter({ username }: User): () => void {
    const count = this.underWay.get(username) ?? 0;
    if (count >= this.options.requestsPerUser) {
      const message = `${count} requests of user ${username} are under way`;
      throw new Refusal(429, 'TooManyWaiting', message, { retryAfterSeconds: 1 });
    }
    this.underWay.set(username, count + 1);
    return () => {
      const left = (this.underWay.get(username) ?? 1) - 1;
      if (left > 0) this.underWay.set(username, left);
      else this.underWay.delete(username);
    };
  }
}

/** An empty or odd name would ask for permission on something else. */
function checkNames(namespace: string, pool: string): void {
  if (!NAMESPACE.test(namespace)) throw badRequest('namespace', 'is no name of a namespace');
  if (pool.length > MAX_NAME_LENGTH || !HSD_NAME.test(pool))
    throw badRequest('pool', 'is no name of a HotStandbyDeployment');
}

const REASONS: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  408: 'Timeout',
  413: 'RequestEntityTooLarge',
};

/** Whatever was thrown, as a Status. */
export function failureReply(error: unknown, logger: Logger): HttpReply {
  const refusal = refusalOf(error, logger);
  return jsonReply(refusal.code, refusal.status, refusal.replyHeaders);
}

function refusalOf(error: unknown, logger: Logger): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof HttpError) {
    const { status, message, headers } = error;
    return new Refusal(status, REASONS[status] ?? 'BadRequest', message, {}, headers);
  }
  if (error instanceof NotLeading) return unavailable('this replica leads no more');
  if (error instanceof ApiError) return unavailable(`the API server refuses: ${error.message}`);
  if (error instanceof NetworkError) return unavailable('the API server does not answer');
  logger.error({ err: error }, 'a claim request failed');
  return new Refusal(500, 'InternalError', 'internal error');
}
