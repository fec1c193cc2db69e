import { FairGate } from '../../../operator/probe/prober-gate';

function gate(limit: number, share: number) {
  const started: string[] = [];
  return { started, gate: new FairGate<string>(limit, share, (item) => started.push(item)) };
}

describe('FairGate', () => {
  it('runs no more than its limit at once and starts the next when one is over', () => {
    const { gate: g, started } = gate(2, 2);
    for (const item of ['a1', 'a2', 'a3', 'a4']) g.offer('a', item);
    expect(started).toEqual(['a1', 'a2']);
    g.release('a');
    expect(started).toEqual(['a1', 'a2', 'a3']);
    expect(g.running).toBe(2);
  });

  it('keeps room for others when one tenant has used up its share', () => {
    const { gate: g, started } = gate(4, 2);
    for (const item of ['a1', 'a2', 'a3']) g.offer('a', item);
    g.offer('b', 'b1');
    expect(started).toEqual(['a1', 'a2', 'b1']);
    g.release('b');
    expect(started).toEqual(['a1', 'a2', 'b1']);
    g.release('a');
    expect(started).toEqual(['a1', 'a2', 'b1', 'a3']);
  });

  it('lets waiting tenants take turns', () => {
    const { gate: g, started } = gate(1, 1);
    g.offer('x', 'x1');
    for (const item of ['a1', 'a2', 'b1', 'b2', 'c1']) g.offer(item.charAt(0), item);
    for (const tenant of ['x', 'a', 'b', 'c', 'a']) g.release(tenant);
    expect(started).toEqual(['x1', 'a1', 'b1', 'c1', 'a2', 'b2']);
  });

  it('never starts an item that was withdrawn', () => {
    const { gate: g, started } = gate(1, 1);
    for (const item of ['a1', 'a2', 'a3']) g.offer('a', item);
    g.withdraw('a', 'a2');
    g.release('a');
    g.release('a');
    expect(started).toEqual(['a1', 'a3']);
    expect(g.running).toBe(0);
  });
});
