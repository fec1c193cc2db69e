import { BlockList, isIP } from 'node:net';

/**
 * `status.podIP` can be written by anyone who may patch pods/status in a namespace, and the operator's network position
 * is better than theirs. These are addresses no Pod network hands out, but that reach the operator's own host, the node
 * or a cloud's metadata service (KEP-4940 forbids `.host` in probes for the same reason).
 */
const REFUSED_CIDRS = [
  '0.0.0.0/8', // "this host": Linux connects to itself
  '127.0.0.0/8',
  '169.254.0.0/16', // link-local, and 169.254.169.254, the metadata service of every large cloud
  '192.0.0.0/24', // protocol assignments; 192.0.0.192 is Oracle's metadata service
  '100.100.100.200/32', // Alibaba's metadata service
  '168.63.129.16/32', // Azure's wire server
  '224.0.0.0/4', // multicast
  '240.0.0.0/4', // reserved, and 255.255.255.255
  '::/96', // unspecified, ::1, and the deprecated IPv4-compatible form of any address above
  '64:ff9b::/96', // NAT64: another spelling of any IPv4 address
  '2002::/16', // 6to4: the same
  'fe80::/10', // link-local
  'ff00::/8', // multicast
  'fd00:ec2::254/128', // AWS's metadata service
  'fd20:ce::254/128', // Google's metadata service
];

/** Exceptions for test clusters whose fake Pods live on the loopback interface. Never for a real cluster. */
export const LOOPBACK_CIDRS: readonly string[] = ['127.0.0.0/8', '::1/128'];

function family(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4';
}

function blockList(cidrs: readonly string[]): BlockList {
  const list = new BlockList();
  for (const cidr of cidrs) {
    const [address = '', prefix = ''] = cidr.split('/');
    const longest = isIP(address) === 6 ? 128 : 32;
    if (isIP(address) === 0 || !/^\d{1,3}$/.test(prefix) || Number(prefix) > longest) {
      throw new RangeError(`"${cidr}" is not a CIDR: write address/prefix, for example 127.0.0.0/8`);
    }
    list.addSubnet(address, Number(prefix), family(address));
  }
  return list;
}

/** Tells the addresses that may be probed from those that must not. IPv4-mapped IPv6 forms are judged as their IPv4 address. */
export class AddressPolicy {
  private readonly refused = blockList(REFUSED_CIDRS);
  private readonly allowed: BlockList;

  /** @param allowedCidrs - exceptions, default none. Throws RangeError naming an entry that is not a CIDR. */
  constructor(allowedCidrs: readonly string[] = []) {
    this.allowed = blockList(allowedCidrs);
  }

  /** Whether `address` is a literal IP address (no zone, no name) that a Pod can have. */
  permits(address: string): boolean {
    if (isIP(address) === 0 || address.includes('%')) return false;
    return this.allowed.check(address, family(address)) || !this.refused.check(address, family(address));
  }
}
