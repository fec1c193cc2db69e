import { CRD_NAME, GROUP, KIND, LIST_KIND, MAX_NAME_LENGTH, PLURAL, SHORT_NAME, SINGULAR, VERSION } from './names';
import { podTemplateSchema, withNulls } from './pod-template-schema';
import { specSchema, statusSchema } from './schema';

/** Columns of `kubectl get hsd`. Those of priority 1 appear with `-o wide`. */
const printerColumns = [
  { name: 'Target', type: 'integer', jsonPath: '.spec.idleTarget', description: 'Idle Pods to keep.' },
  {
    name: 'Available',
    type: 'integer',
    jsonPath: '.status.availableCount',
    description: 'Pods that could take a session now.',
  },
  { name: 'Busy', type: 'integer', jsonPath: '.status.busyCount', description: 'Pods holding a session.' },
  {
    name: 'Desired',
    type: 'integer',
    jsonPath: '.status.desiredReplicas',
    description: 'Pods there should be, busy ones included.',
  },
  {
    name: 'Ready',
    type: 'string',
    jsonPath: '.status.conditions[?(@.type=="Ready")].status',
    description: 'Whether the operator has what it needs to keep the target.',
  },
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Time since creation.' },
  {
    name: 'Starting',
    type: 'integer',
    priority: 1,
    jsonPath: '.status.startingCount',
    description: 'Pods not Ready yet.',
  },
  {
    name: 'Draining',
    type: 'integer',
    priority: 1,
    jsonPath: '.status.drainingCount',
    description: 'Idle Pods chosen to go.',
  },
  {
    name: 'Detached',
    type: 'integer',
    priority: 1,
    jsonPath: '.status.detachedCount',
    description: 'Pods outside the child Deployment, living until their session ends.',
  },
  {
    name: 'Mode',
    type: 'string',
    priority: 1,
    jsonPath: '.spec.busyProbe.mode',
    description: 'How the operator knows that a Pod is busy.',
  },
] as const;

const openApiSchema = {
  type: 'object',
  required: ['spec'],
  description:
    'Keeps a constant number of idle Pods ready beside the busy ones: whenever a Pod becomes busy, a fresh one starts; a busy Pod is never ended.',
  properties: {
    apiVersion: { type: 'string', description: `Always ${GROUP}/${VERSION}.` },
    kind: { type: 'string', description: `Always ${KIND}.` },
    metadata: { type: 'object' },
    spec: { ...specSchema, properties: { ...specSchema.properties, podTemplate: withNulls(podTemplateSchema) } },
    status: statusSchema,
  },
  // The name becomes a label value (63 characters at most), which object names (253) outgrow.
  'x-kubernetes-validations': [
    {
      rule: `self.metadata.name.size() <= ${MAX_NAME_LENGTH}`,
      messageExpression: `"name \\"%s\\" has %d characters, at most ${MAX_NAME_LENGTH} are allowed (it becomes a label value): choose a shorter name".format([self.metadata.name, self.metadata.name.size()])`,
      message: `name must have at most ${MAX_NAME_LENGTH} characters`,
    },
  ],
} as const;

const crd = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: CRD_NAME },
  spec: {
    group: GROUP,
    scope: 'Namespaced',
    names: {
      kind: KIND,
      listKind: LIST_KIND,
      plural: PLURAL,
      singular: SINGULAR,
      shortNames: [SHORT_NAME],
      categories: ['all'],
    },
    versions: [
      {
        name: VERSION,
        served: true,
        storage: true,
        subresources: {
          status: {},
          scale: {
            specReplicasPath: '.spec.idleTarget',
            statusReplicasPath: '.status.replicas',
            labelSelectorPath: '.status.selector',
          },
        },
        additionalPrinterColumns: printerColumns,
        schema: { openAPIV3Schema: openApiSchema },
      },
    ],
  },
} as const;

/**
 * The CustomResourceDefinition of HotStandbyDeployment, as a plain object.
 *
 * Every call returns a fresh deep copy, so that a caller (an escape hatch, a YAML writer that marks shared values with
 * anchors) cannot change or observe the constants behind it.
 */
export function crdManifest(): typeof crd {
  return JSON.parse(JSON.stringify(crd));
}
