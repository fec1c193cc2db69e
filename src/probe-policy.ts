import { ApiObject, Lazy } from 'cdk8s';
import type { Construct } from 'constructs';

/** Labels of the operator's Pods, in whatever namespace it runs. */
const OPERATOR = { 'app.kubernetes.io/name': 'hotstandby', 'app.kubernetes.io/component': 'operator' };

/** A NetworkPolicy that lets the operator ask the Pods of an isolated HotStandby whether they are busy. */
export function letProbesIn(scope: Construct, port: number, matchLabels: () => Record<string, string>): void {
  new ApiObject(scope, 'BusyProbePolicy', {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    spec: {
      podSelector: { matchLabels: Lazy.any({ produce: matchLabels }) },
      policyTypes: ['Ingress'],
      ingress: [
        {
          from: [{ namespaceSelector: {}, podSelector: { matchLabels: OPERATOR } }],
          ports: [{ port, protocol: 'TCP' }],
        },
      ],
    },
  });
}
