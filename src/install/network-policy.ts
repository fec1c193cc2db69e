import type { OperatorNetworkPolicy } from '../hot-standby-operator-props';
import { HTTP_PORT, type OperatorInput } from './operator-input';

const DNS_PORT = 53;
/** Of the Service and of the process behind it: which of the two a policy sees depends on the network plugin. */
const API_SERVER_PORTS = [443, 6443];

/** What the operator's Pods may send and receive. */
export function networkPolicyManifest(input: OperatorInput, policy: OperatorNetworkPolicy) {
  const { name, namespace, labels, selectorLabels } = input;
  const { apiServerPorts = API_SERVER_PORTS, apiServerCidrs, probePorts, metricsNamespaces } = policy;
  const apiServer = {
    ports: tcp(apiServerPorts),
    to: apiServerCidrs?.map((cidr) => ({ ipBlock: { cidr } })),
  };
  const pods = { to: [{ namespaceSelector: {} }], ports: probePorts && tcp(probePorts) };
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name, namespace, labels },
    spec: {
      podSelector: { matchLabels: selectorLabels },
      policyTypes: ['Ingress', 'Egress'],
      ingress: [
        {
          ports: tcp([HTTP_PORT]),
          from: metricsNamespaces && [{ namespaceSelector: { matchLabels: metricsNamespaces } }],
        },
      ],
      egress: [
        // Some managed clusters give the API server's name, not its address.
        { ports: [{ port: DNS_PORT, protocol: 'UDP' }, ...tcp([DNS_PORT])] },
        apiServer,
        // A rule without ports would allow every one of them.
        ...(probePorts?.length === 0 ? [] : [pods]),
      ],
    },
  };
}

function tcp(ports: readonly number[]) {
  return ports.map((port) => ({ port, protocol: 'TCP' }));
}
