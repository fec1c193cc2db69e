/** The certificates and keys of one control plane, as files its programs read. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { type CertificateAuthority, type KeyPair, serviceAccountKeys } from '../../operator/serve/pki';

export interface CertificateFiles {
  /** Folder for them; made if missing, for its owner only. */
  pki: string;
  authority: CertificateAuthority;
  /** Host names and IP addresses clients call the API server by, besides the usual ones. */
  hosts: string[];
  serviceCidr: string;
}

/**
 * Writes `ca.crt`, `apiserver`, `kubelet-client` and `local` (each .crt and .key) and `sa.key`, `sa.pub`.
 * `local` serves on 127.0.0.1 for whoever needs a certificate there.
 */
export function writeCertificates({ pki, authority, hosts, serviceCidr }: CertificateFiles): void {
  mkdirSync(pki, { recursive: true, mode: 0o700 });
  const write = (name: string, text: string): void => writeFileSync(join(pki, name), text, { mode: 0o600 });
  const writePair = (name: string, pair: KeyPair): void => {
    write(`${name}.crt`, pair.cert);
    write(`${name}.key`, pair.key);
  };
  const inCluster = [
    'kubernetes',
    'kubernetes.default',
    'kubernetes.default.svc',
    'kubernetes.default.svc.cluster.local',
  ];
  const dnsNames = ['localhost', ...inCluster, ...hosts.filter((host) => isIP(host) === 0)];
  const addresses = ['127.0.0.1', firstAddress(serviceCidr), ...hosts.filter((host) => isIP(host) !== 0)];
  const ips = [...new Set(addresses)];
  const local = { commonName: 'localhost', dnsNames: ['localhost'], ips: ['127.0.0.1'] };
  const kubelet = { commonName: 'kube-apiserver-kubelet-client', organizations: ['system:masters'] };
  const tokens = serviceAccountKeys();
  write('ca.crt', authority.cert);
  writePair('apiserver', authority.issue({ commonName: 'kube-apiserver', dnsNames, ips, usages: ['server'] }));
  writePair('kubelet-client', authority.issue(kubelet));
  writePair('local', authority.issue({ ...local, usages: ['server'] }));
  write('sa.key', tokens.privateKey);
  write('sa.pub', tokens.publicKey);
}

/** The first usable address of an IPv4 range: Kubernetes gives it to the `kubernetes` Service. */
function firstAddress(cidr: string): string {
  const bytes = (cidr.split('/')[0] ?? '').split('.').map(Number);
  return [...bytes.slice(0, 3), (bytes[3] ?? 0) + 1].join('.');
}
