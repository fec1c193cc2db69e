import { MAX_CLUSTERS, MAX_NODES, nodeSubnet, overlaps, planSubnets } from '../../../tools/cluster/real/subnets';

describe('subnets', () => {
  test.each([
    ['10.217.0.0/20', '10.217.15.255', true],
    ['10.217.0.0/20', '10.217.16.0', false],
    ['10.217.16.0/20', '10.0.0.0/8', true],
    ['10.217.16.0/20', '192.168.0.0/16', false],
    ['0.0.0.0/0', '10.217.0.0/20', true],
    ['default', '10.217.0.0/20', false],
    ['255.255.255.255', '128.0.0.0/1', true],
  ])('%s and %s share an address: %s', (one, other, want) => {
    expect(overlaps(one, other)).toBe(want);
    expect(overlaps(other, one)).toBe(want);
  });

  test('clusters side by side share no address', () => {
    const plans = [...Array(MAX_CLUSTERS).keys()].map(planSubnets);
    const clashes = plans.flatMap((a) => plans.filter((b) => a.index < b.index && overlaps(a.cidr, b.cidr)));
    expect(clashes).toEqual([]);
  });

  test('link, Pods of every node and Services share no address and are all in the cluster', () => {
    const plan = planSubnets(MAX_CLUSTERS - 1);
    const nodes = [...Array(MAX_NODES).keys()].map((index) => nodeSubnet(plan.index, index + 1).cidr);
    const parts = [`${plan.hostAddress}/30`, ...nodes, plan.serviceCidr];
    const clashes = parts.flatMap((a, i) => parts.filter((b, j) => i < j && overlaps(a, b)));
    expect(clashes).toEqual([]);
    expect(parts.every((part) => overlaps(part, plan.cidr))).toBe(true);
    expect(nodes.every((node) => overlaps(node, plan.podCidr))).toBe(true);
    expect(overlaps(plan.firstServiceAddress, plan.serviceCidr)).toBe(true);
  });
});
