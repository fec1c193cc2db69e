import type * as undici from 'undici';

/**
 * The parts of undici that carry requests. Its index also loads fetch, WebSocket, caches and mocks: 12 MB of memory and
 * a third of the time the operator takes to start. The files below are not undici's public interface: the tests of
 * ApiClient run on them, and the lockfile holds its version.
 */
export const Pool: typeof undici.Pool = require('undici/lib/dispatcher/pool');

/** `dispatcher.request(options)`, which undici's index adds to every dispatcher. */
const requestOf: undici.Dispatcher['request'] = require('undici/lib/api/api-request');

/** Sends one request; the answer's body is still to be read. */
export function dispatch(
  dispatcher: undici.Dispatcher,
  options: undici.Dispatcher.RequestOptions,
): Promise<undici.Dispatcher.ResponseData> {
  return requestOf.call(dispatcher, options) as Promise<undici.Dispatcher.ResponseData>;
}

/** The whole of undici is loaded where a kubeconfig names a proxy, only then. */
export function proxyAgent(options: undici.ProxyAgent.Options): undici.ProxyAgent {
  const { ProxyAgent }: typeof undici = require('undici');
  return new ProxyAgent(options);
}
