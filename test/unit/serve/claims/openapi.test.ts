import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../../../operator/kube/clock';
import { Auth } from '../../../../operator/serve/claims/auth';
import type { Claims } from '../../../../operator/serve/claims/claims';
import { Handlers } from '../../../../operator/serve/claims/handlers';
import { OPENAPI } from '../../../../operator/serve/claims/openapi';

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

test('the document has every route of the service, and no other', () => {
  const auth = new Auth({
    client: { create: () => Promise.reject(new Error('not asked')) },
    clock: systemClock,
    namespaced: false,
  });
  const { routes } = new Handlers({ auth, claims: {} as Claims, requestsPerUser: 1, checkLeading: () => {} });
  const served = routes.map(({ method, path }) => `${method} ${path}`).sort();
  const documented = Object.entries(OPENAPI.paths).flatMap(([path, item]) =>
    Object.keys(item)
      .filter((key) => METHODS.includes(key))
      .map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(served).toEqual(documented.sort());
});

test('the committed document is the one that is served', () => {
  const file = join(__dirname, '../../../../docs/claims.openapi.json');
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(OPENAPI);
});

test('every reference leads somewhere', () => {
  const names = [...JSON.stringify(OPENAPI).matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name ?? '');
  expect(Object.keys(OPENAPI.components.schemas)).toEqual(expect.arrayContaining(names));
});
