import type { OperatorInput } from './operator-input';
import { podSpec } from './pod';

/** Where released images are; the tag is the version with a "v". */
export const IMAGE_REPOSITORY = 'ghcr.io/paia-tech/hotstandby';

/** One writes, the other is ready to take over. */
export const DEFAULT_REPLICAS = 2;

/** The Deployment that runs the operator, fit for the `restricted` Pod Security Standard. */
export function deploymentManifest(input: OperatorInput) {
  const { name, namespace, labels, selectorLabels } = input;
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace, labels },
    spec: {
      replicas: input.replicas,
      selector: { matchLabels: selectorLabels },
      // The new replica is warm before the old one goes, so a leader is always at hand.
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: {
        metadata: { labels: { ...input.podLabels, ...labels }, annotations: input.podAnnotations },
        spec: podSpec(input),
      },
    },
  };
}

/** Lets a node drain take one operator replica at a time, and a broken one whenever it likes. */
export function disruptionBudgetManifest(input: OperatorInput) {
  const { name, namespace, labels, selectorLabels } = input;
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name, namespace, labels },
    spec: {
      maxUnavailable: 1,
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
      selector: { matchLabels: selectorLabels },
    },
  };
}
