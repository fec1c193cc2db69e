import type { ClaimsView, PodView } from '../../decide/model';
import type { Api } from '../../kube/api';
import { Fence } from '../../kube/fence';
import { Router } from '../router';
import { HttpServer } from '../server';
import { Auth } from './auth';
import { Claims, type ClaimsOptions, type WaitLimits } from './claims';
import { failureReply, Handlers } from './handlers';
import { MAX_BODY_BYTES } from './openapi';
import { unavailable } from './refusal';

export interface ClaimsServiceOptions extends Omit<ClaimsOptions, 'client' | 'limits'> {
  client: Api;
  /** This process leads, and its caches hold what the API server had when it began to. */
  isLeading: () => boolean;
  /** Namespaces the operator looks after; undefined: all. */
  namespaces?: readonly string[];
  settings: ClaimsSettings;
}

/** What the command line says. */
export interface ClaimsSettings {
  /** Where to listen. Port 0: any free one. */
  readonly address: { readonly host: string; readonly port: number };
  readonly limits: WaitLimits & {
    /** Requests of one user under way at once, each on a connection of its own. */
    readonly requestsPerUser: number;
  };
}

/** Open connections, all callers together: those that wait, and as many again that do not. */
const MAX_CONNECTIONS = 4_096;
/** Requests under way at a stop: waiting callers are answered at once, the others take milliseconds. */
const STOP_GRACE_MS = 2_000;

/** The claims service: an HTTP server over `Claims`, at work while this process leads. */
export class ClaimsService {
  private readonly claims: Claims;
  private readonly router: Router;
  private server: HttpServer | undefined;

  constructor(private readonly options: ClaimsServiceOptions) {
    const { client, clock, namespaces, isLeading, settings } = options;
    const { limits } = settings;
    this.claims = new Claims({ ...options, client: new Fence(client, isLeading), limits });
    const auth = new Auth({ client, clock, namespaced: namespaces !== undefined });
    const { requestsPerUser } = limits;
    const handlers = new Handlers({
      auth,
      claims: this.claims,
      requestsPerUser,
      checkLeading: () => this.checkLeading(),
    });
    this.router = new Router(handlers.routes, ': see /openapi.json');
  }

  get waiting(): number {
    return this.claims.waiting;
  }

  /** Listens. @throws AddressError */
  async start(): Promise<{ host: string; port: number }> {
    const { settings, logger } = this.options;
    this.server = await HttpServer.start({
      ...settings.address,
      what: 'claims',
      flag: '--claims-address',
      router: this.router,
      fail: (error) => failureReply(error, logger),
      limits: { bodyBytes: MAX_BODY_BYTES, connections: MAX_CONNECTIONS },
    });
    return this.server;
  }

  stopLeading(): void {
    this.claims.dismissAll('another replica leads now: ask again, with the same session id');
  }

  /** Waiting callers are told to come again; no new ones are taken. */
  async stop(): Promise<void> {
    this.claims.stop();
    await this.server?.close(STOP_GRACE_MS);
  }

  view(key: string): ClaimsView {
    return this.claims.view(key);
  }

  podChanged(change: { previous?: PodView; current?: PodView }): void {
    this.claims.podChanged(change);
  }

  changed(key: string): void {
    this.claims.changed(key);
  }

  private checkLeading(): void {
    if (!this.options.isLeading()) throw unavailable('this replica does not lead, or has just begun to: ask again');
  }
}
