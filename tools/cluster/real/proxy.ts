import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { stringify } from 'yaml';
import type { Log } from '../../base/cache';
import type { NodeTools } from '../../build/image/packages';
import type { ControlPlane } from '../control-plane';
import { writeKubeconfig } from '../kubeconfig';
import { Daemon } from './namespaces';

/** What kube-proxy needs. */
export interface ProxyOptions {
  readonly controlPlane: ControlPlane;
  /** Process that holds the cluster's network: the nftables rules live and die with it. */
  readonly hubPid: number;
  /** Folder with the multi-call `node`. */
  readonly binaries: string;
  readonly tools: NodeTools;
  readonly podCidr: string;
  /** A node of this cluster. */
  readonly nodeName: string;
  /** Folder for its configuration. */
  readonly dir: string;
  readonly logs: string;
  readonly log: Log;
}

/**
 * Starts kube-proxy, one for all nodes: they share the cluster's network namespace, as the machines of one rack share
 * a router. It makes Service addresses answer, from Pods and from this machine.
 */
export async function startProxy(options: ProxyOptions): Promise<Daemon> {
  const { controlPlane, hubPid, binaries, tools, podCidr, nodeName, dir, logs, log } = options;
  const { authority, connection } = controlPlane;
  const tls = { ca: authority.cert, ...authority.issue({ commonName: 'system:kube-proxy' }) };
  const kubeconfig = writeKubeconfig(join(dir, 'kube-proxy.kubeconfig'), 'kube-proxy', { ...connection, tls });
  const config = join(dir, 'kube-proxy.yaml');
  await writeFile(
    config,
    stringify({
      apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
      kind: 'KubeProxyConfiguration',
      mode: 'nftables',
      // It waits 30 s for a node of its own name, here that of the machine.
      hostnameOverride: nodeName,
      nodePortAddresses: ['primary'],
      // For Pods of its own node alone it arranges that a Pod reaches itself through a Service; hidden source
      // addresses make that work on all nodes. `internalTrafficPolicy: Local` stays the first node's.
      nftables: { masqueradeAll: true, minSyncPeriod: '100ms' },
      clusterCIDR: podCidr,
      bindAddress: '127.0.0.1',
      healthzBindAddress: '127.0.0.1:10256',
      metricsBindAddress: '127.0.0.1:10249',
      clientConnection: { kubeconfig },
      // These sysctls belong to the machine's first network namespace: not ours to set, and not settable from another.
      conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
    }),
  );
  const env = {
    PATH: `${dirname(tools.nft)}:/usr/sbin:/usr/bin:/sbin:/bin`,
    ...(tools.libraries ? { LD_LIBRARY_PATH: tools.libraries } : {}),
  };
  const command = [join(binaries, 'node'), 'kube-proxy', `--config=${config}`];
  return Daemon.start('kube-proxy', hubPid, command, { env, logFile: join(logs, 'kube-proxy.log') }, log);
}
