import fc from 'fast-check';
import { HttpError, textReply } from '../../../operator/serve/http';
import { Router, route } from '../../../operator/serve/router';

const CLAIM = '/v1/namespaces/{namespace}/pools/{pool}/claims/{session}';
const router = new Router([
  route('GET', '/healthz', () => textReply(200, 'health')),
  route('GET', CLAIM, ({ parameters }) => textReply(200, `get ${parameters.session}`)),
  route('PUT', CLAIM, () => textReply(200, 'put')),
]);

function errorOf(method: string, target: string): HttpError {
  try {
    router.find(method, target);
  } catch (error) {
    if (error instanceof HttpError) return error;
    throw error;
  }
  throw new Error(`${method} ${target} was found`);
}

describe('router', () => {
  it('gives the parameters of the path, decoded, and the query', () => {
    const { parameters, query } = router.find('PUT', '/v1/namespaces/a/pools/b%2Db/claims/%C3%A9:1?dryRun=All');
    expect(parameters).toEqual({ namespace: 'a', pool: 'b-b', session: 'é:1' });
    expect(query.get('dryRun')).toBe('All');
  });

  it.each(['http://operator:8443/healthz', 'HTTPS://[::1]/healthz', '/healthz?', '/%68ealthz'])(
    'finds the route of %s',
    (target) => {
      expect(router.find('GET', target).parameters).toEqual({});
    },
  );

  it('answers HEAD by the route of GET', () => {
    expect(router.find('HEAD', '/healthz').handle).toBe(router.find('GET', '/healthz').handle);
  });

  it.each([
    ['POST', '/v1/namespaces/a/pools/b/claims/c', 'GET, HEAD, PUT'],
    ['DELETE', '/healthz', 'GET, HEAD'],
    ['OPTIONS', '/healthz', 'GET, HEAD'],
  ])('refuses %s %s and says which methods there are', (method, target, allow) => {
    expect(errorOf(method, target)).toMatchObject({ status: 405, headers: { allow } });
  });

  it.each([
    '/',
    '//healthz',
    '/healthz/',
    '/Healthz',
    'healthz',
    '*',
    '/v1/namespaces//pools/b/claims/c',
    '/v1/namespaces/a/pools/b/claims/',
    '/v1/namespaces/a/pools/b/claims/c/d',
    '/%7Bnamespace%7D',
  ])('knows no %s', (target) => {
    expect(errorOf('GET', target).status).toBe(404);
  });

  it.each([
    '..',
    '.',
    '%2e%2e',
    '%2E',
    'a%2fb',
    'a%2Fb',
    'a%5Cb',
    'a\\b',
    '%00',
    'a%0d%0ab',
    '%7f',
    '%',
    '%4',
    '%zz',
    '%ff',
    '%c0%af',
    '%ed%a0%80',
    'a b',
    'a#b',
    'é',
    '"',
  ])('takes no path with %j in it', (segment) => {
    expect(errorOf('GET', `/v1/namespaces/a/pools/b/claims/${segment}`).status).toBe(400);
    expect(errorOf('GET', `/${segment}`).status).toBe(400);
  });

  it('gives back every name that was encoded as clients do', () => {
    const name = fc.string({ minLength: 1, unit: 'grapheme' }).filter((text) => !/^\.\.?$|[/\\\p{Cc}]/u.test(text));
    fc.assert(
      fc.property(name, (session) => {
        const target = `/v1/namespaces/a/pools/b/claims/${encodeURIComponent(session)}`;
        expect(router.find('GET', target).parameters).toMatchObject({ session });
      }),
    );
  });

  it('never throws anything but an HttpError, whatever the target', () => {
    const characters = fc.constantFrom(...'/%.2eEfFcC5?{}a \\é\0');
    fc.assert(
      fc.property(fc.string({ unit: characters }), (text) => {
        expect([400, 404]).toContain(errorOf('GET', `/${text}?`).status);
      }),
    );
  });
});
