import { GROUP, PLURAL } from '../../../src/api/names';
import { CLAIMS_AUDIENCE, CLAIMS_SUBRESOURCE } from '../../../src/api/sessions';
import type { ApiWriter } from '../../kube/api';
import type { Clock } from '../../kube/clock';
import { ApiError, isForbidden } from '../../kube/errors';
import { paths } from '../../kube/paths';
import { forbidden, unauthorized, unavailable } from './refusal';
import { ReviewCache } from './review-cache';

/** Who calls, as the API server knows it. */
export interface User {
  username: string;
  uid?: string;
  groups?: readonly string[];
  extra?: Readonly<Record<string, readonly string[]>>;
}

export type Verb = 'create' | 'get' | 'list' | 'update' | 'delete';

export interface AuthOptions {
  client: Pick<ApiWriter, 'create'>;
  clock: Clock;
  /** The operator looks after single namespaces: it may ask about these alone. */
  namespaced: boolean;
}

/** The two together are how long a token or a permission that was taken away may go on working: a minute. */
const TOKEN_MS = 30_000;
const PERMISSION_MS = 30_000;
/** A token just refused is asked about again soon: its ServiceAccount may be a moment old. */
const REFUSED_MS = 5_000;
const MAX_ENTRIES = 10_000;
/** Reviews under way at once; whoever knocks with ever new tokens waits for these, not the claims of others. */
const REVIEWS_AT_ONCE = 16;
/** Further ones wait; beyond that the caller is told to come again. */
const REVIEWS_WAITING = 512;
/** No token of Kubernetes is near this (a header is 16 KiB at most). */
const TOKEN = /^[\x21-\x7e]{1,12288}$/;

interface TokenReview {
  status?: { authenticated?: boolean; user?: User; audiences?: string[] };
}

/** Who may claim: TokenReview and SubjectAccessReview, each answer kept for half a minute. */
export class Auth {
  private readonly users: ReviewCache<User | undefined>;
  private readonly permissions: ReviewCache<boolean>;
  private underWay = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly options: AuthOptions) {
    const { clock } = options;
    this.users = new ReviewCache(clock, MAX_ENTRIES, (user) => (user === undefined ? REFUSED_MS : TOKEN_MS));
    this.permissions = new ReviewCache(clock, MAX_ENTRIES, (allowed) => (allowed ? PERMISSION_MS : REFUSED_MS));
  }

  /** @param authorization the header @throws Refusal 401, 503 */
  async authenticate(authorization: string | undefined): Promise<User> {
    const token = /^bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
    if (token === undefined) throw unauthorized('send a token: Authorization: Bearer <token of a ServiceAccount>');
    if (!TOKEN.test(token)) throw unauthorized('the token is none of Kubernetes');
    const user = await this.users.get([token], () => this.review(token));
    if (user === undefined) throw unauthorized('the API server does not accept the token');
    return user;
  }

  /**
   * @param namespace @param name must be valid names: an empty one would ask about all
   * @throws Refusal 403, 503
   */
  async authorize(user: User, verb: Verb, namespace: string, name: string): Promise<void> {
    if (await this.isAllowed(user, verb, namespace, name)) return;
    const what = `${verb} ${PLURAL}.${GROUP}/${CLAIMS_SUBRESOURCE}`;
    throw forbidden(
      `user ${JSON.stringify(user.username)} may not ${what} of ${name} in namespace ${namespace}: bind the ClusterRole hotstandby-claims`,
    );
  }

  /** @throws Refusal 503 */
  isAllowed(user: User, verb: Verb, namespace: string, name: string): Promise<boolean> {
    const { username, uid = '', groups = [], extra = {} } = user;
    const who = JSON.stringify([username, uid, groups, Object.entries(extra).sort()]);
    return this.permissions.get([who, verb, namespace, name], () => this.ask(user, verb, namespace, name));
  }

  private async review(token: string): Promise<User | undefined> {
    const bound = await this.reviewFor(token, [CLAIMS_AUDIENCE]);
    return bound ?? this.reviewFor(token, undefined);
  }

  private async reviewFor(token: string, audiences: string[] | undefined): Promise<User | undefined> {
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token, audiences } };
    const { status } = await this.send<TokenReview>(paths.tokenReviews, body, 'tokenreviews.authentication.k8s.io');
    if (status?.authenticated !== true || !status.user?.username) return undefined;
    // An authenticator that knows no audiences answers without them: then the token is good for the API server alone.
    if (audiences !== undefined && !status.audiences?.includes(CLAIMS_AUDIENCE)) return undefined;
    return status.user;
  }

  private async ask(user: User, verb: Verb, namespace: string, name: string): Promise<boolean> {
    const { username, uid, groups, extra } = user;
    const attributes = { group: GROUP, resource: PLURAL, subresource: CLAIMS_SUBRESOURCE, verb, namespace, name };
    const { namespaced } = this.options;
    const kind = namespaced ? 'LocalSubjectAccessReview' : 'SubjectAccessReview';
    const body = {
      apiVersion: 'authorization.k8s.io/v1',
      kind,
      ...(namespaced && { metadata: { namespace } }),
      spec: { user: username, uid, groups, extra, resourceAttributes: attributes },
    };
    const path = namespaced ? paths.localSubjectAccessReviews(namespace) : paths.subjectAccessReviews;
    const reply = await this.send<{ status?: { allowed?: boolean } }>(path, body, `${kind.toLowerCase()}s`);
    return reply.status?.allowed === true;
  }

  private async send<T>(path: string, body: object, what: string): Promise<T> {
    await this.turn();
    try {
      return await this.options.client.create<T>(path, body);
    } catch (error) {
      if (isForbidden(error)) {
        throw unavailable(`the operator itself may not create ${what}: grant it (docs/claims.md, Permissions)`, 30);
      }
      const why = error instanceof ApiError ? `HTTP ${error.code}` : 'no answer';
      throw unavailable(`the API server cannot say who you are right now (${why})`);
    } finally {
      this.underWay -= 1;
      this.waiting.shift()?.();
    }
  }

  private async turn(): Promise<void> {
    if (this.underWay >= REVIEWS_AT_ONCE) {
      if (this.waiting.length >= REVIEWS_WAITING) throw unavailable('too many callers are being checked');
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    }
    this.underWay += 1;
  }
}
