/** The command line of each program: what differs from a default installation, and why. */
import { join } from 'node:path';

/** `client` and `peer` are loopback URLs; nobody calls `peer`, but etcd wants one. */
export interface EtcdSettings {
  dataDir: string;
  client: string;
  peer: string;
}

/** One member; without fsync, since nothing survives the cluster anyway. */
export function etcdFlags({ dataDir, client, peer }: EtcdSettings): string[] {
  return [
    `--data-dir=${dataDir}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
    '--unsafe-no-fsync',
    '--log-level=warn',
    // 2 GiB by default, and 100,000 Pods rewritten some times are more.
    '--quota-backend-bytes=8589934592',
  ];
}

export interface ApiServerSettings {
  /** Folder of the certificates and keys `writeCertificates` makes. */
  pki: string;
  etcd: string;
  bindAddress: string;
  port: number;
  advertiseAddress: string;
  serviceCidr: string;
}

export function apiServerFlags(settings: ApiServerSettings): string[] {
  const file = (name: string): string => join(settings.pki, name);
  // The API server refuses its own loopback address as an endpoint, every 10 s, with an error in the log.
  const isLoopback = settings.advertiseAddress.startsWith('127.');
  return [
    `--etcd-servers=${settings.etcd}`,
    `--bind-address=${settings.bindAddress}`,
    `--secure-port=${settings.port}`,
    `--advertise-address=${settings.advertiseAddress}`,
    ...(isLoopback ? ['--endpoint-reconciler-type=none'] : []),
    `--client-ca-file=${file('ca.crt')}`,
    `--tls-cert-file=${file('apiserver.crt')}`,
    `--tls-private-key-file=${file('apiserver.key')}`,
    `--kubelet-client-certificate=${file('kubelet-client.crt')}`,
    `--kubelet-client-key=${file('kubelet-client.key')}`,
    '--kubelet-preferred-address-types=InternalIP',
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${file('sa.pub')}`,
    `--service-account-signing-key-file=${file('sa.key')}`,
    `--service-cluster-ip-range=${settings.serviceCidr}`,
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    '--allow-privileged=true',
    '--profiling=false',
  ];
}

export interface ClientSettings {
  pki: string;
  kubeconfig: string;
  port: number;
}

/** A default installation allows 20 requests/s: 50 s for 1,000 Pods, whatever is measured. */
const UNTHROTTLED = ['--kube-api-qps=2000', '--kube-api-burst=4000'];

export function controllerManagerFlags(settings: ClientSettings): string[] {
  return [
    ...clientFlags(settings),
    `--service-account-private-key-file=${join(settings.pki, 'sa.key')}`,
    `--root-ca-file=${join(settings.pki, 'ca.crt')}`,
    // Each controller under its own ServiceAccount: admission policies and audit tell them apart, as in a real cluster.
    '--use-service-account-credentials',
    ...UNTHROTTLED,
    '--concurrent-deployment-syncs=20',
    '--concurrent-replicaset-syncs=20',
    '--concurrent-gc-syncs=50',
  ];
}

export function schedulerFlags(settings: ClientSettings): string[] {
  return [...clientFlags(settings), ...UNTHROTTLED];
}

/** One of each, so no election; our certificate, because making a self-signed RSA one takes part of a second. */
function clientFlags({ pki, kubeconfig, port }: ClientSettings): string[] {
  return [
    `--kubeconfig=${kubeconfig}`,
    `--authentication-kubeconfig=${kubeconfig}`,
    `--authorization-kubeconfig=${kubeconfig}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${port}`,
    `--tls-cert-file=${join(pki, 'local.crt')}`,
    `--tls-private-key-file=${join(pki, 'local.key')}`,
    '--leader-elect=false',
    '--profiling=false',
  ];
}
