import { HttpError, type HttpReply, type HttpRequest } from './http';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** The `{names}` of a path pattern. */
type ParametersOf<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? { readonly [Key in Name]: string } & ParametersOf<Rest>
  : unknown;

type Handler<Parameters> = (request: HttpRequest<Parameters>) => HttpReply | Promise<HttpReply>;

export interface Route {
  readonly method: Method;
  /** As written: `/v1/namespaces/{namespace}/pools`. */
  readonly path: string;
  readonly handle: Handler<Readonly<Record<string, string>>>;
}

/** A route whose handler knows the parameters of its path. GET answers HEAD, too. */
export function route<Path extends string>(method: Method, path: Path, handle: Handler<ParametersOf<Path>>): Route {
  return { method, path, handle: handle as Handler<unknown> };
}

export interface Match {
  readonly handle: Route['handle'];
  readonly parameters: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
}

const PARAMETER = /^\{(\w+)\}$/;
/** What RFC 3986 allows in a segment of a path. */
const SEGMENT = /^(?:[\w\-.~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})*$/;
/** No name of anything has these, and what stands behind would read them as two segments or cut them. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const FORBIDDEN = /[/\\\u0000-\u001f\u007f]/;

interface Pattern extends Route {
  readonly segments: readonly string[];
}

/** Finds the route of a request. Paths are matched segment by segment as they came: nothing is collapsed or resolved. */
export class Router {
  private readonly patterns: readonly Pattern[];

  constructor(
    routes: readonly Route[],
    /** Second half of the 404's message: what there is. */
    private readonly hint = '',
  ) {
    this.patterns = routes.map((one) => ({ ...one, segments: one.path.split('/').slice(1) }));
  }

  /**
   * `target` is the request line's: path and query, or a whole URL as proxies send it.
   * @throws HttpError 400 for a path that is not well-formed, 404, 405 with Allow
   */
  find(method: string, target: string): Match {
    const [path = '', query = ''] = split(target.replace(/^https?:\/\/[^/?]*/i, ''));
    const segments = path.split('/').slice(1).map(decode);
    const matching = this.patterns.filter((pattern) => fits(pattern.segments, segments));
    if (matching.length === 0 || !path.startsWith('/')) throw new HttpError(404, `not found${this.hint}`);
    const wanted = method === 'HEAD' ? 'GET' : method;
    const found = matching.find((pattern) => pattern.method === wanted);
    if (found === undefined) throw notAllowed(method, matching);
    return {
      handle: found.handle,
      parameters: parametersOf(found.segments, segments),
      query: new URLSearchParams(query),
    };
  }
}

function split(target: string): [path: string, query: string] {
  const at = target.indexOf('?');
  return at < 0 ? [target, ''] : [target.slice(0, at), target.slice(at + 1)];
}

function decode(segment: string): string {
  const decoded = SEGMENT.test(segment) ? decodeUtf8(segment) : undefined;
  if (decoded === undefined || decoded === '.' || decoded === '..' || FORBIDDEN.test(decoded)) {
    const shown = JSON.stringify(segment.slice(0, 100));
    throw new HttpError(400, `${shown} cannot stand in a path: write names as they are, percent-encoded UTF-8 at most`);
  }
  return decoded;
}

/** undefined when the escapes are not UTF-8. */
function decodeUtf8(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

function fits(pattern: readonly string[], segments: readonly string[]): boolean {
  return (
    pattern.length === segments.length &&
    pattern.every((part, i) => (PARAMETER.test(part) ? segments[i] !== '' : part === segments[i]))
  );
}

function parametersOf(pattern: readonly string[], segments: readonly string[]): Record<string, string> {
  const named = pattern.map((part, i) => [PARAMETER.exec(part)?.[1], segments[i]] as const);
  return Object.fromEntries(named.filter(([name]) => name !== undefined));
}

function notAllowed(method: string, matching: readonly Pattern[]): HttpError {
  const methods = matching.flatMap((pattern) => (pattern.method === 'GET' ? ['GET', 'HEAD'] : [pattern.method]));
  const allow = methods.join(', ');
  return new HttpError(405, `method ${method} is not allowed here: use ${allow}`, { allow });
}
