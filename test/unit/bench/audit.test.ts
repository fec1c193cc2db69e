import { countWrites, total } from '../../../tools/bench/audit';

const line = (verb: string, resource: string, code: number, subresource?: string): string =>
  JSON.stringify({ verb, objectRef: { resource, subresource }, responseStatus: { code } });

it('counts the write requests of an audit log by what they wrote, refused ones apart', () => {
  const text = [
    line('patch', 'deployments', 200, 'scale'),
    line('patch', 'pods', 200),
    line('patch', 'deployments', 200, 'scale'),
    line('patch', 'pods', 409),
    '',
  ].join('\n');
  const writes = countWrites(text);
  expect([...writes]).toEqual([
    ['patch deployments/scale', 2],
    ['patch pods', 1],
    ['patch pods 409', 1],
  ]);
  expect(total(writes)).toBe(4);
});

it('leaves out a last line the API server is still writing', () => {
  expect(total(countWrites(`${line('patch', 'pods', 200)}\n{"verb":"pa`))).toBe(1);
});

it('counts nothing in an empty log', () => {
  expect(total(countWrites(''))).toBe(0);
});
