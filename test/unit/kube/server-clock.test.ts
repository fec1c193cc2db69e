import { ServerClock } from '../../../operator/kube/server-clock';
import { FakeClock } from '../support/fake-clock';

const SERVER = Date.parse('2026-06-01T12:00:00.700Z');
/** As HTTP writes it: whole seconds, cut off. */
const dateOf = (ms: number): string => new Date(ms).toUTCString();

let clock: FakeClock;
let server: ServerClock;
/** The server's wall clock at this machine's monotonic zero. */
let origin: number;
beforeEach(() => {
  clock = new FakeClock();
  server = new ServerClock(clock);
  origin = SERVER - clock.monotonic();
});

/** An answer that took `tookMs`, made half-way, by a clock that is `wrongMs` ahead. */
function answer(tookMs = 10, wrongMs = 0): void {
  const sent = clock.monotonic();
  clock.advance(tookMs / 2);
  const date = dateOf(origin + clock.monotonic() + wrongMs);
  clock.advance(tookMs / 2);
  server.observe(date, sent, clock.monotonic());
}

const truth = (): number => origin + clock.monotonic();

function expectAround(): void {
  expect(server.earliest()).toBeLessThanOrEqual(truth());
  expect(server.latest()).toBeGreaterThanOrEqual(truth());
}

test('before any answer it is the clock of this machine', () => {
  expect([server.earliest(), server.latest()]).toEqual([clock.now(), clock.now()]);
});

test('the truth lies between its ends, and these are seconds apart', () => {
  for (let i = 0; i < 50; i += 1) {
    answer(10 + 37 * i);
    expectAround();
  }
  expect(server.latest() - server.earliest()).toBeLessThan(6_000);
});

test('whatever the wall clock of this machine does makes no difference', () => {
  answer();
  const before = server.earliest();
  clock.jumpWallClock(-86_400_000);
  expect(server.earliest()).toBe(before);
  expectAround();
});

test('one API server whose clock is an hour ahead ends nothing early', () => {
  answer();
  answer(10, 3_600_000);
  expect(server.earliest()).toBeLessThanOrEqual(truth());
  expect(server.latest()).toBeGreaterThanOrEqual(truth() + 3_600_000 - 2_000);
});

test('a clock that was put right is believed after ten minutes of answers', () => {
  answer(10, -3_600_000);
  expect(server.earliest()).toBeLessThan(truth() - 3_590_000);
  for (let minute = 0; minute < 11; minute += 1) {
    clock.advance(60_000);
    answer();
  }
  expect(server.earliest()).toBeGreaterThan(truth() - 3_000);
});

test.each([
  ['none', undefined],
  ['no date', 'yesterday'],
])('a header that is %s changes nothing', (_what, date) => {
  answer();
  const before = server.earliest();
  server.observe(date, clock.monotonic(), clock.monotonic());
  expect(server.earliest()).toBe(before);
});

test('an answer that took long says nothing', () => {
  answer(30_000);
  expect(server.earliest()).toBe(clock.now());
});
