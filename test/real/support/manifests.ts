import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { type ExampleName, examplePath } from '../../../examples/images';
import { toManifest } from '../../../tools/cluster/install';
import { kubectl } from '../../e2e/support/kubectl';
import type { Scene } from '../../e2e/support/scene';
import { FRAGILE_NODE, FRAGILE_TAINT } from './run';

/** Labels of a namespace that only takes Pods fit for the strictest Pod Security Standard. */
export const RESTRICTED = { 'pod-security.kubernetes.io/enforce': 'restricted' };

/** Applies files of an example, exactly as they are. */
export async function applyExample(scene: Scene, example: ExampleName, files: readonly string[]): Promise<void> {
  const named = files.flatMap((file) => ['-f', examplePath(example, `${file}.yaml`)]);
  await kubectl(['apply', '-n', scene.namespace, ...named]);
}

interface Hsd {
  metadata: { name: string };
  spec: {
    idleTarget: number;
    podTemplate: { spec: { containers: { image: string }[] } & Record<string, unknown> };
  };
}

/** How the annotation example's hsd differs in a test. */
export interface Changes {
  idleTarget: number;
  image?: string;
  /** Spread evenly over the fragile node and one other. */
  onFragileNode?: boolean;
}

/** Applies the annotation example with changes. */
export async function applyRooms(scene: Scene, { idleTarget, image, onFragileNode }: Changes): Promise<void> {
  await applyExample(scene, 'annotation', ['rbac']);
  const hsd = parse(readFileSync(examplePath('annotation', 'hsd.yaml'), 'utf8')) as Hsd;
  hsd.spec.idleTarget = idleTarget;
  const { podTemplate } = hsd.spec;
  if (onFragileNode) Object.assign(podTemplate.spec, FRAGILE_PLACEMENT);
  for (const container of podTemplate.spec.containers) container.image = image ?? container.image;
  await kubectl(['apply', '-n', scene.namespace, '-f', '-'], { input: toManifest([hsd]) });
}

const FRAGILE_PLACEMENT = {
  tolerations: [{ key: FRAGILE_TAINT, operator: 'Exists' }],
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [
          { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['real-2', FRAGILE_NODE] }] },
        ],
      },
    },
  },
  topologySpreadConstraints: [
    {
      maxSkew: 1,
      topologyKey: 'kubernetes.io/hostname',
      whenUnsatisfiable: 'DoNotSchedule',
      // A cordoned node does not count: its Pods' successors go to the other one.
      nodeTaintsPolicy: 'Honor',
      labelSelector: { matchLabels: { app: 'rooms' } },
    },
  ],
};
