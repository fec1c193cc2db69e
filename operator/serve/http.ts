import type { IncomingHttpHeaders } from 'node:http';

/** A request as a route's handler sees it. */
export interface HttpRequest<Parameters = Readonly<Record<string, string>>> {
  readonly method: string;
  /** What stands in the path for the `{names}` of the route, decoded; never empty, `.`, `..` or with a `/` inside. */
  readonly parameters: Parameters;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** The other end's address; undefined when it has hung up. */
  readonly remoteAddress: string | undefined;
  /** Aborted when the caller hangs up before the reply is written out, and when the server cuts it off. */
  readonly signal: AbortSignal;
  /**
   * The whole body, asked for when it is needed: whoever has no right is refused before anything is read.
   * @throws HttpError 413 when it is larger than the server takes
   */
  body(): Promise<Buffer>;
}

export interface HttpReply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** Called once: true when the whole reply was handed to the network, false when the caller was gone before. */
  readonly settled?: (delivered: boolean) => void;
}

/** A request that is answered with an error. Thrown by the router, the server and handlers alike. */
export class HttpError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly headers: Readonly<Record<string, string>> = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'HttpError';
  }
}

/** A reply of plain text. */
export function textReply(status: number, body: string, contentType = 'text/plain; charset=utf-8'): HttpReply {
  return { status, headers: { 'content-type': contentType }, body };
}

/** A reply of JSON. */
export function jsonReply(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): HttpReply {
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(value) };
}
