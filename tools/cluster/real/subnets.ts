/** Addresses of one real cluster: a /20 of 10.217.0.0/16 each, so that up to 16 clusters run side by side. */
export interface SubnetPlan {
  /** 0..15. */
  readonly index: number;
  /** The whole /20, routed from the machine into the cluster. */
  readonly cidr: string;
  /** The machine's address on the link to the cluster; the API server listens there. */
  readonly hostAddress: string;
  /** The cluster's address on that link. */
  readonly hubAddress: string;
  /** Everything Pods get addresses from: the lower half of the /20. */
  readonly podCidr: string;
  /** ClusterIPs of Services: the upper half of the /20, 2,046 of them. */
  readonly serviceCidr: string;
  /** The API server's ClusterIP. */
  readonly firstServiceAddress: string;
  /** The ClusterIP that a DNS Service would have. */
  readonly dnsAddress: string;
}

/** Where one node's Pods live. */
export interface NodeSubnet {
  readonly cidr: string;
  /** The bridge's address: the Pods' gateway and the node's InternalIP. */
  readonly gateway: string;
}

/** Clusters that can run side by side. */
export const MAX_CLUSTERS = 16;
/** Nodes of one cluster: the lower half of its /20 without the /24 of the link. */
export const MAX_NODES = 7;
/** Prefix length of the link between machine and cluster. */
export const LINK_PREFIX = 30;

/** The addresses of cluster `index` (0..15). */
export function planSubnets(index: number): SubnetPlan {
  const base = index * 16;
  return {
    index,
    cidr: `10.217.${base}.0/20`,
    hostAddress: `10.217.${base}.1`,
    hubAddress: `10.217.${base}.2`,
    podCidr: `10.217.${base}.0/21`,
    serviceCidr: `10.217.${base + 8}.0/21`,
    firstServiceAddress: `10.217.${base + 8}.1`,
    dnsAddress: `10.217.${base + 8}.10`,
  };
}

/** The Pod subnet of node `number` (1..7) of cluster `index`. */
export function nodeSubnet(index: number, number: number): NodeSubnet {
  const prefix = `10.217.${index * 16 + number}`;
  return { cidr: `${prefix}.0/24`, gateway: `${prefix}.1` };
}

/** Whether two IPv4 prefixes share an address. A bare address is a /32; "default" overlaps nothing. */
export function overlaps(one: string, other: string): boolean {
  const a = parse(one);
  const b = parse(other);
  if (!a || !b) return false;
  const bits = Math.min(a.bits, b.bits);
  const size = 2 ** (32 - bits);
  return Math.floor(a.address / size) === Math.floor(b.address / size);
}

function parse(prefix: string): { address: number; bits: number } | undefined {
  const [address = '', bits = '32'] = prefix.split('/');
  const bytes = address.split('.').map(Number);
  if (bytes.length !== 4 || bytes.some((byte) => !Number.isInteger(byte))) return undefined;
  return { address: bytes.reduce((sum, byte) => sum * 256 + byte, 0), bits: Number(bits) };
}
