import { ApiError, NetworkError } from '../../../../operator/kube/errors';
import { Auth, type User } from '../../../../operator/serve/claims/auth';
import { FakeClock } from '../../support/fake-clock';

interface Review {
  path: string;
  spec: { token?: string; audiences?: string[]; user?: string; groups?: string[]; resourceAttributes?: object };
}

const LOBBY: User = { username: 'lobby', uid: 'u-1', groups: ['dispatchers'], extra: { scope: ['a'] } };

let clock: FakeClock;
let asked: Review[];
let answer: (review: Review) => object;
beforeEach(() => {
  clock = new FakeClock();
  asked = [];
  answer = ({ spec }) =>
    spec.token === undefined
      ? { status: { allowed: true } }
      : { status: { authenticated: spec.audiences === undefined, user: LOBBY } };
});

function anAuth(namespaced = false): Auth {
  const create = async <T>(path: string, body: unknown): Promise<T> => {
    const review = { path, ...(body as { spec: Review['spec'] }) };
    asked.push(review);
    return answer(review) as T;
  };
  return new Auth({ client: { create }, clock, namespaced });
}

const bearer = (token: string): string => `Bearer ${token}`;

describe('who calls', () => {
  test('is asked by the audience of claims first, then by the API server’s own', async () => {
    await expect(anAuth().authenticate(bearer('t'))).resolves.toEqual(LOBBY);
    expect(asked.map(({ spec }) => spec.audiences)).toEqual([['hotstandby-claims'], undefined]);
  });

  test('is nobody by a token of another audience, though an authenticator calls it good', async () => {
    answer = ({ spec }) => ({ status: { authenticated: spec.audiences !== undefined, user: LOBBY } });
    await expect(anAuth().authenticate(bearer('t'))).rejects.toMatchObject({ code: 401 });
  });

  test.each([
    undefined,
    '',
    'Bearer',
    'Bearer ',
    'Basic dTpw',
    'Bearer a b',
    `Bearer ${'x'.repeat(12_289)}`,
    'Bearer é',
  ])('is nobody without a token (%j), and nobody is asked', async (header) => {
    await expect(anAuth().authenticate(header)).rejects.toMatchObject({ code: 401 });
    expect(asked).toEqual([]);
  });

  test('is remembered for 30 seconds, and asked about once by many at once', async () => {
    const auth = anAuth();
    await Promise.all(Array.from({ length: 50 }, () => auth.authenticate(bearer('t'))));
    clock.advance(29_999);
    await auth.authenticate(bearer('t'));
    expect(asked).toHaveLength(2);
    clock.advance(1);
    await auth.authenticate(bearer('t'));
    expect(asked).toHaveLength(4);
  });

  test('is asked about again soon after a refusal, and at once after a failure', async () => {
    const auth = anAuth();
    answer = () => ({ status: { authenticated: false } });
    await expect(auth.authenticate(bearer('t'))).rejects.toMatchObject({ code: 401 });
    await expect(auth.authenticate(bearer('t'))).rejects.toMatchObject({ code: 401 });
    expect(asked).toHaveLength(2);
    clock.advance(5_000);
    answer = () => {
      throw new NetworkError('Refused', 'gone');
    };
    await expect(auth.authenticate(bearer('t'))).rejects.toMatchObject({ code: 503 });
    await expect(auth.authenticate(bearer('t'))).rejects.toMatchObject({ code: 503 });
    expect(asked).toHaveLength(4);
  });

  test('cannot be known where the operator itself may not ask: 503 says what to grant', async () => {
    answer = () => {
      throw new ApiError(403, { reason: 'Forbidden' });
    };
    await expect(anAuth().authenticate(bearer('t'))).rejects.toMatchObject({
      code: 503,
      message: expect.stringContaining('tokenreviews.authentication.k8s.io'),
    });
  });

  test('no more than 16 reviews are under way, 512 wait, and others are told to come again', async () => {
    const auth = anAuth();
    const held: ((value: object) => void)[] = [];
    let most = 0;
    answer = () =>
      new Promise<object>((resolve) => {
        held.push(resolve);
        most = Math.max(most, held.length);
      });
    const calls = Array.from({ length: 600 }, (_, i) => auth.authenticate(bearer(`t-${i}`)).catch((e: unknown) => e));
    await new Promise((resolve) => setImmediate(resolve));
    expect(held).toHaveLength(16);
    const first = await Promise.race(calls);
    expect(first).toMatchObject({ code: 503 });
    while (held.length > 0) {
      for (const resolve of held.splice(0)) resolve({ status: { authenticated: false } });
      await new Promise((resolve) => setImmediate(resolve));
    }
    const codes = (await Promise.all(calls)).map((error) => (error as { code: number }).code);
    expect(codes.filter((code) => code === 503)).toHaveLength(600 - 16 - 512);
    expect(most).toBe(16);
  });
});

describe('what a caller may do', () => {
  test('is asked with groups, uid and extra, on the claims of this very pool', async () => {
    await anAuth().authorize(LOBBY, 'create', 'games', 'rooms');
    expect(asked).toEqual([
      expect.objectContaining({
        path: '/apis/authorization.k8s.io/v1/subjectaccessreviews',
        spec: {
          user: 'lobby',
          uid: 'u-1',
          groups: ['dispatchers'],
          extra: { scope: ['a'] },
          resourceAttributes: {
            group: 'apps.paia.tech',
            resource: 'hotstandbydeployments',
            subresource: 'claims',
            verb: 'create',
            namespace: 'games',
            name: 'rooms',
          },
        },
      }),
    ]);
  });

  test('is asked in the namespace where the operator has rights in single ones', async () => {
    await anAuth(true).authorize(LOBBY, 'create', 'games', 'rooms');
    expect(asked[0]).toMatchObject({
      path: '/apis/authorization.k8s.io/v1/namespaces/games/localsubjectaccessreviews',
      metadata: { namespace: 'games' },
    });
  });

  test('is known for one user, verb and pool at a time; a permission taken away is noticed after 30 seconds', async () => {
    const auth = anAuth();
    await auth.authorize(LOBBY, 'create', 'games', 'rooms');
    for (const [user, verb, namespace, name] of [
      [{ ...LOBBY, groups: [] }, 'create', 'games', 'rooms'],
      [LOBBY, 'delete', 'games', 'rooms'],
      [LOBBY, 'create', 'other', 'rooms'],
      [LOBBY, 'create', 'games', 'other'],
    ] as const) {
      await auth.authorize(user, verb, namespace, name);
    }
    expect(asked).toHaveLength(5);
    answer = () => ({ status: { allowed: false } });
    clock.advance(29_999);
    await auth.authorize(LOBBY, 'create', 'games', 'rooms');
    clock.advance(1);
    await expect(auth.authorize(LOBBY, 'create', 'games', 'rooms')).rejects.toMatchObject({
      code: 403,
      message: expect.stringContaining('hotstandby-claims'),
    });
  });
});
