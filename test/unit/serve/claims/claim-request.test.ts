import fc from 'fast-check';
import { parseClaim, parseRenewal } from '../../../../operator/serve/claims/claim-request';
import { OPENAPI } from '../../../../operator/serve/claims/openapi';
import { Refusal } from '../../../../operator/serve/claims/refusal';

const JSON_TYPE = 'application/json';
const parse = (body: unknown, type: string | undefined = JSON_TYPE): ReturnType<typeof parseClaim> =>
  parseClaim(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)), type);

function refusalOf(run: () => unknown): Refusal {
  try {
    run();
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

test.each<[string, unknown, object]>([
  ['nothing at all', '', { waitSeconds: 0, selector: {} }],
  ['an empty object', {}, { waitSeconds: 0, selector: {} }],
  [
    'every field',
    {
      sessionId: 'a.B_9:-',
      waitSeconds: 300,
      ttlSeconds: 604_800,
      selector: { 'topology.kubernetes.io/zone': 'a', x: '' },
    },
    {
      sessionId: 'a.B_9:-',
      waitSeconds: 300,
      ttlSeconds: 604_800,
      selector: { 'topology.kubernetes.io/zone': 'a', x: '' },
    },
  ],
])('takes %s', (_what, body, want) => {
  expect(parse(body)).toEqual(want);
});

test.each<[field: string, body: unknown]>([
  ['sessionId', { sessionId: '' }],
  ['sessionId', { sessionId: 'a/b' }],
  ['sessionId', { sessionId: 'é' }],
  ['sessionId', { sessionId: 'x'.repeat(129) }],
  ['sessionId', { sessionId: null }],
  ['waitSeconds', { waitSeconds: -1 }],
  ['waitSeconds', { waitSeconds: 301 }],
  ['waitSeconds', { waitSeconds: 1.5 }],
  ['waitSeconds', { waitSeconds: '5' }],
  ['ttlSeconds', { ttlSeconds: 0 }],
  ['ttlSeconds', { ttlSeconds: 604_801 }],
  ['ttlSeconds', '{"ttlSeconds": 1e999}'],
  ['selector', { selector: [] }],
  ['selector', { selector: { 'a b': 'c' } }],
  ['selector', { selector: { 'a/b/c': 'c' } }],
  ['selector', { selector: { zone: 1 } }],
  ['selector', { selector: { zone: 'x'.repeat(64) } }],
  ['selector', { selector: { 'hsd.paia.tech/state': 'idle' } }],
  ['selector', { selector: Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`l${i}`, ''])) }],
  ['ttl', { ttl: 5 }],
  ['__proto__', '{"__proto__": {}}'],
  ['body', '{'],
  ['body', '[]'],
  ['body', 'null'],
  ['body', '"text"'],
])('names %s in %j', (field, body) => {
  const refusal = refusalOf(() => parse(body));
  expect(refusal.code).toBe(400);
  expect(refusal.details.causes).toMatchObject([{ field }]);
});

test.each(['text/plain', 'application/jsonp', 'application/merge-patch+json', ''])('takes no %j', (type) => {
  expect(refusalOf(() => parse('{}', type)).code).toBe(415);
});

test('takes JSON with parameters, in any letter case', () => {
  expect(parse('{}', 'Application/JSON; charset=utf-8')).toEqual({ waitSeconds: 0, selector: {} });
});

test('a renewal needs its seconds', () => {
  expect(parseRenewal(Buffer.from('{"ttlSeconds":5}'), JSON_TYPE)).toEqual({ ttlSeconds: 5 });
  expect(refusalOf(() => parseRenewal(Buffer.from(''), JSON_TYPE)).details.causes).toMatchObject([
    { field: 'ttlSeconds' },
  ]);
});

test('whatever is sent is taken, or refused in one short line', () => {
  fc.assert(
    fc.property(fc.oneof(fc.json(), fc.string(), fc.string({ unit: 'binary' })), (body) => {
      try {
        parse(body);
      } catch (error) {
        expect(error).toBeInstanceOf(Refusal);
        expect((error as Refusal).message.length).toBeLessThan(400);
      }
    }),
  );
});

test('the fields are those of the OpenAPI document', () => {
  const { ClaimRequest, RenewRequest } = OPENAPI.components.schemas;
  for (const [schema, of] of [
    [ClaimRequest, parseClaim],
    [RenewRequest, parseRenewal],
  ] as const) {
    const refusal = refusalOf(() => of(Buffer.from('{"nobody":1}'), JSON_TYPE));
    expect(refusal.message).toBe(`nobody: unknown field; there are ${Object.keys(schema.properties).join(', ')}`);
  }
  const { waitSeconds, ttlSeconds } = ClaimRequest.properties;
  for (const [field, { minimum, maximum }] of Object.entries({ waitSeconds, ttlSeconds })) {
    expect(parse({ [field]: minimum })).toMatchObject({ [field]: minimum });
    expect(parse({ [field]: maximum })).toMatchObject({ [field]: maximum });
    for (const beyond of [minimum - 1, maximum + 1]) expect(refusalOf(() => parse({ [field]: beyond })).code).toBe(400);
  }
});
