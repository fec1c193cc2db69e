/**
 * Schema of `spec.podTemplate`: a Deployment's spec.template. It type-checks the fields everyone uses, so that the API
 * server refuses a typing mistake when it is made, and preserves what it does not know, so that a field of a newer
 * Kubernetes survives. The whole CRD stays far below 262,144 bytes, the limit of client-side apply.
 */

const stringMap = { type: 'object', additionalProperties: { type: 'string' } } as const;
const strings = { type: 'array', items: { type: 'string' } } as const;
const open = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } as const;
const openList = { type: 'array', items: open } as const;
const quantities = {
  type: 'object',
  additionalProperties: {
    'x-kubernetes-int-or-string': true,
    anyOf: [{ type: 'integer' }, { type: 'string' }],
  },
} as const;

const containerSchema = {
  type: 'object',
  required: ['name'],
  'x-kubernetes-preserve-unknown-fields': true,
  properties: {
    name: { type: 'string', minLength: 1, maxLength: 63, description: 'Name of the container, a DNS label.' },
    image: { type: 'string', description: 'Image to run.' },
    imagePullPolicy: { type: 'string', description: 'Always, IfNotPresent or Never.' },
    command: { ...strings, description: "Replaces the image's entry point." },
    args: { ...strings, description: "Replaces the image's arguments." },
    workingDir: { type: 'string', description: 'Working directory.' },
    env: {
      type: 'array',
      description: 'Environment variables.',
      items: {
        type: 'object',
        required: ['name'],
        'x-kubernetes-preserve-unknown-fields': true,
        properties: {
          name: { type: 'string', description: 'Name of the variable.' },
          value: { type: 'string', description: 'Value; numbers and booleans need quotes.' },
          valueFrom: { ...open, description: 'Where the value comes from.' },
        },
      },
    },
    envFrom: { ...openList, description: 'ConfigMaps and Secrets whose keys become variables.' },
    ports: {
      type: 'array',
      description: 'Ports the container serves.',
      items: {
        type: 'object',
        required: ['containerPort'],
        'x-kubernetes-preserve-unknown-fields': true,
        properties: {
          name: { type: 'string', description: 'Name of the port.' },
          containerPort: {
            type: 'integer',
            format: 'int32',
            minimum: 1,
            maximum: 65535,
            description: 'Port number, 1 to 65535.',
          },
          protocol: { type: 'string', description: 'TCP, UDP or SCTP. Default: TCP.' },
        },
      },
    },
    resources: {
      type: 'object',
      'x-kubernetes-preserve-unknown-fields': true,
      description: 'Compute resources.',
      properties: {
        requests: { ...quantities, description: 'Resources the scheduler reserves.' },
        limits: { ...quantities, description: 'Resources the container may use at most.' },
      },
    },
    volumeMounts: {
      type: 'array',
      description: "Where the Pod's volumes appear in the container.",
      items: {
        type: 'object',
        required: ['name', 'mountPath'],
        'x-kubernetes-preserve-unknown-fields': true,
        properties: {
          name: { type: 'string', description: 'Name of the volume.' },
          mountPath: { type: 'string', description: 'Path in the container.' },
          readOnly: { type: 'boolean', description: 'Whether the mount is read-only.' },
          subPath: { type: 'string', description: 'Path inside the volume.' },
        },
      },
    },
    livenessProbe: {
      ...open,
      description: 'Restarts the container when it fails. A restart ends the session: keep it lenient.',
    },
    readinessProbe: {
      ...open,
      description:
        'Whether the container may get traffic. Leave it on while busy: HotStandby needs no readiness trick.',
    },
    startupProbe: { ...open, description: 'Holds the other probes back until it succeeds.' },
    lifecycle: { ...open, description: 'postStart and preStop hooks.' },
    securityContext: { ...open, description: 'Security settings of the container.' },
  },
} as const;

export const podTemplateSchema = {
  type: 'object',
  required: ['spec'],
  'x-kubernetes-preserve-unknown-fields': true,
  description: 'The Pods to run, like Deployment.spec.template. Unknown fields are passed on as they are.',
  properties: {
    metadata: {
      type: 'object',
      'x-kubernetes-preserve-unknown-fields': true,
      description: 'Labels and annotations of the Pods.',
      properties: {
        labels: { ...stringMap, description: 'Labels of the Pods. selector.matchLabels are merged in and win.' },
        annotations: { ...stringMap, description: 'Annotations of the Pods.' },
      },
    },
    spec: {
      type: 'object',
      required: ['containers'],
      'x-kubernetes-preserve-unknown-fields': true,
      description: "The Pods' specification.",
      properties: {
        containers: {
          type: 'array',
          minItems: 1,
          items: containerSchema,
          description: 'Containers of the Pod, at least one.',
        },
        initContainers: {
          type: 'array',
          items: containerSchema,
          description: 'Containers that run before the others, in this order.',
        },
        volumes: {
          type: 'array',
          description: 'Volumes the containers can mount.',
          items: {
            type: 'object',
            required: ['name'],
            'x-kubernetes-preserve-unknown-fields': true,
            properties: { name: { type: 'string', description: 'Name of the volume.' } },
          },
        },
        serviceAccountName: { type: 'string', description: 'ServiceAccount the Pods run as.' },
        automountServiceAccountToken: { type: 'boolean', description: 'Whether the Pods get an API token.' },
        imagePullSecrets: { ...openList, description: 'Secrets to pull the images with.' },
        nodeSelector: { ...stringMap, description: 'Labels the node must have.' },
        affinity: { ...open, description: 'Scheduling rules.' },
        tolerations: { ...openList, description: 'Taints the Pods tolerate.' },
        topologySpreadConstraints: { ...openList, description: 'How to spread the Pods.' },
        priorityClassName: { type: 'string', description: 'Priority class of the Pods.' },
        runtimeClassName: { type: 'string', description: 'Runtime class of the Pods, for example gvisor.' },
        terminationGracePeriodSeconds: {
          type: 'integer',
          format: 'int64',
          minimum: 0,
          description: 'Seconds a container has after SIGTERM. Default: 30.',
        },
        hostNetwork: {
          type: 'boolean',
          description: "Whether the Pods use the node's network. Not with `busyProbe.mode: http`.",
        },
        securityContext: { ...open, description: 'Security settings of the Pod.' },
      },
    },
  },
} as const;

/** As much of a structural schema as the two functions below read. */
interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
}

/**
 * `schema` in which every optional field may be null, as in a Deployment: the API server drops such a null from what it
 * is sent, but server-side apply refuses it.
 */
export function withNulls<S extends object>(schema: S): S {
  const { properties, items, required = [] } = schema as Schema;
  const fields = Object.entries(properties ?? {}).map(([name, inner]) => {
    const open = withNulls(inner);
    return [name, required.includes(name) ? open : { ...open, nullable: true }];
  });
  return {
    ...schema,
    ...(properties && { properties: Object.fromEntries(fields) }),
    ...(items && { items: withNulls(items) }),
  };
}

/** A Pod template as the API server holds one that was sent without the nulls of fields the schema knows. */
export function withoutKnownNulls(value: unknown, schema: object = podTemplateSchema): unknown {
  const { properties, items } = schema as Schema;
  if (Array.isArray(value)) return items === undefined ? value : value.map((item) => withoutKnownNulls(item, items));
  if (typeof value !== 'object' || value === null || properties === undefined) return value;
  const fields = Object.entries(value).filter(([name, inner]) => inner !== null || properties[name] === undefined);
  return Object.fromEntries(
    fields.map(([name, inner]) => {
      const known = properties[name];
      return [name, known === undefined ? inner : withoutKnownNulls(inner, known)];
    }),
  );
}
