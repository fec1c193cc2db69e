import { autoIdleSchema, capacityStatusSchema, idlePercentSchema, schedulesSchema } from './capacity-schema';
import { count } from './count-schema';
import { DEFAULTS } from './defaults';
import { NAME_LABEL, RESERVED_PREFIX } from './names';
import { podTemplateSchema } from './pod-template-schema';

/**
 * The one source of the HotStandbyDeployment API: the CRD, the TypeScript types of the operator, the generated L1
 * construct and docs/reference.md all derive from the two schemas below.
 */

/** A segment `.` or `..` of a path without its query, plain or percent-encoded (RE2 and JavaScript). */
export const DOT_SEGMENT = '(^|[/\\\\]|%2[fF]|%5[cC])([.]|%2[eE]){1,2}($|[/\\\\#]|%2[fF]|%5[cC])';

const { http: HTTP } = DEFAULTS.busyProbe;

const httpProbeSchema = {
  type: 'object',
  description:
    'HTTP probe of `mode: http`. The operator sends GET <scheme>://<pod IP>:<port><path>; redirects are not followed, the answer decides by its status code alone. A probe that fails leaves the Pod in its last known state, and counts as busy for everything that could end it.',
  properties: {
    port: {
      ...count,
      minimum: 1,
      maximum: 65535,
      default: HTTP.port,
      description: 'Port to probe, 1 to 65535.',
    },
    path: {
      type: 'string',
      minLength: 1,
      maxLength: 2048,
      default: HTTP.path,
      description: 'Path to probe, with an optional query. Starts with "/".',
    },
    successIsBusy: {
      type: 'boolean',
      default: HTTP.successIsBusy,
      description: 'true: an answer 200 to 399 means busy, any other answer idle. false: the other way round.',
    },
    timeoutSeconds: {
      ...count,
      minimum: 1,
      maximum: 3600,
      default: HTTP.timeoutSeconds,
      description: 'Seconds from connecting to the end of the answer; later the probe has failed.',
    },
    periodSeconds: {
      ...count,
      minimum: 1,
      maximum: 86400,
      default: HTTP.periodSeconds,
      description: 'Seconds between two probes of one Pod.',
    },
    scheme: {
      type: 'string',
      enum: ['HTTP', 'HTTPS'],
      description: `\`HTTPS\` asks over TLS and does not verify the certificate, as the probes of the kubelet do. Default: ${HTTP.scheme}.`,
    },
    failureThreshold: {
      ...count,
      minimum: 1,
      maximum: 100,
      description: `Failed probes in a row after which the last answer is given up and the Pod is unknown. Until then it stands, but no Pod is ended by it: the question before the end must be answered. Default: ${HTTP.failureThreshold}.`,
    },
    via: {
      type: 'string',
      enum: ['PodIP', 'APIServerProxy'],
      description: `\`PodIP\`: the operator connects to the Pod. \`APIServerProxy\`: it asks through the API server (\`pods/proxy\`), for an operator outside of the cluster; its user needs \`get\` on \`pods/proxy\`, and every probe is a request to the API server. Default: ${HTTP.via}.`,
    },
  },
  'x-kubernetes-validations': [
    {
      rule: "!has(self.path) || self.path.startsWith('/')",
      messageExpression: '"path must start with \\"/\\": got \\"" + self.path + "\\", write \\"/" + self.path + "\\""',
      message: 'path must start with "/"',
      fieldPath: '.path',
    },
    {
      rule: "!has(self.path) || !self.path.matches('[[:space:][:cntrl:]]')",
      message: 'path must not contain spaces or control characters: percent-encode them, for example %20',
      fieldPath: '.path',
    },
    {
      // Whatever stands before the API server may resolve them, and the rest would be a path of the API itself.
      rule: `!has(self.via) || self.via != 'APIServerProxy' || !has(self.path) || !self.path.split('?')[0].matches(r'${DOT_SEGMENT}')`,
      messageExpression:
        '"path \\"" + self.path + "\\" has a segment \\".\\" or \\"..\\", which via: APIServerProxy does not send: write the path without it"',
      message: 'path must not have a segment "." or ".." with via: APIServerProxy',
      fieldPath: '.path',
    },
  ],
} as const;

const busyProbeSchema = {
  type: 'object',
  // An absent busyProbe reads as its defaults, so that column Mode always says something.
  default: {},
  description: 'How the operator knows that a Pod is busy. Default: by the annotation `paia.tech/busy: "true"`.',
  properties: {
    mode: {
      type: 'string',
      enum: ['annotation', 'http'],
      default: DEFAULTS.busyProbe.mode,
      description:
        '`annotation`: the Pod is busy while its annotation says "true". `http`: the Pod is busy by what an HTTP probe answers.',
    },
    annotationKey: {
      type: 'string',
      minLength: 1,
      maxLength: 317,
      default: DEFAULTS.busyProbe.annotationKey,
      description:
        'Annotation that says busy when its value is "true", in any letter case. Used by `mode: annotation`.',
      'x-kubernetes-validations': [
        {
          rule: '!format.qualifiedName().validate(self).hasValue()',
          messageExpression:
            '"annotationKey \\"" + self + "\\" is not an annotation key: write [prefix/]name, for example paia.tech/busy"',
          message: 'annotationKey must be an annotation key: [prefix/]name, for example paia.tech/busy',
        },
      ],
    },
    http: httpProbeSchema,
  },
} as const;

const behaviorSchema = {
  type: 'object',
  description:
    "How fast the child Deployment follows, in the HorizontalPodAutoscaler's words. Scaling up is always immediate.",
  properties: {
    scaleDown: {
      type: 'object',
      description: 'Scaling down.',
      properties: {
        stabilizationWindowSeconds: {
          ...count,
          maximum: 3600,
          description: `Seconds to look back: the child is not scaled below the highest number of Pods wanted within them. Default: ${DEFAULTS.stabilizationWindowSeconds}, scale down at once.`,
        },
      },
    },
  },
} as const;

const sessionsSchema = {
  type: 'object',
  description: 'What becomes of sessions.',
  properties: {
    onDelete: {
      type: 'string',
      enum: ['Delete', 'Drain'],
      description:
        'What deleting the HotStandbyDeployment does to busy Pods. `Delete`: they go with it. `Drain`: idle Pods go at once, busy ones when their session ends, and only then the object; set it to `Delete` to release an object that waits. Default: Delete.',
    },
  },
} as const;

/** The Deployment controller and HotStandby write these themselves, again and again if somebody else did. */
const OWN_PREFIXES = [RESERVED_PREFIX, 'deployment.kubernetes.io/'];
const isOwn = OWN_PREFIXES.map((prefix) => `key.startsWith('${prefix}')`).join(' || ');

const deploymentMetadataSchema = {
  type: 'object',
  description:
    'Labels and annotations of the child Deployment itself, for what looks at Deployments: policies, cost reports, reloaders. Its Pods have those of podTemplate. They are written when this field changes.',
  properties: Object.fromEntries(
    (['labels', 'annotations'] as const).map((field) => [field, ownMetadata(field)]),
  ) as Record<'labels' | 'annotations', ReturnType<typeof ownMetadata>>,
} as const;

function ownMetadata(field: 'labels' | 'annotations') {
  return {
    type: 'object',
    additionalProperties: field === 'labels' ? { type: 'string', maxLength: 63 } : { type: 'string' },
    maxProperties: 64,
    description: field === 'labels' ? 'Its labels.' : 'Its annotations.',
    'x-kubernetes-validations': [
      {
        rule: `self.all(key, !(${isOwn}))`,
        messageExpression: `"deploymentMetadata.${field} has keys that are not yours to set: %s; leave them out".format([self.filter(key, ${isOwn})])`,
        message: `no key of deploymentMetadata.${field} may begin with ${OWN_PREFIXES.join(' or ')}`,
      },
    ],
  } as const;
}

export const specSchema = {
  type: 'object',
  required: ['idleTarget', 'selector', 'podTemplate'],
  description: 'What should run: a constant number of idle Pods beside the busy ones.',
  properties: {
    idleTarget: {
      ...count,
      description:
        'Idle Pods to keep beside the busy ones. The child Deployment holds busy + idleTarget Pods, within minReplicas and maxReplicas.',
    },
    minReplicas: {
      ...count,
      default: DEFAULTS.minReplicas,
      description: 'Fewest Pods to hold, whatever the number of busy ones.',
    },
    maxReplicas: {
      ...count,
      minimum: 1,
      description: 'Most Pods to hold. No limit when absent. Busy Pods are never ended to get below it.',
    },
    selector: {
      type: 'object',
      required: ['matchLabels'],
      description: 'Labels of the Pods, as in Deployment.spec.selector. Cannot change after creation.',
      properties: {
        matchLabels: {
          type: 'object',
          additionalProperties: { type: 'string', maxLength: 63 },
          maxProperties: 32,
          description:
            'Labels every Pod carries. They are merged into podTemplate.metadata.labels; the value given here wins.',
        },
      },
      'x-kubernetes-validations': [
        {
          rule: 'self.matchLabels.size() > 0',
          message:
            'selector.matchLabels is empty, so it would select nothing: name at least one label, for example app: rooms',
          fieldPath: '.matchLabels',
        },
        {
          rule: 'self.matchLabels.all(key, !format.qualifiedName().validate(key).hasValue())',
          messageExpression:
            '"selector.matchLabels has keys that are not label keys: %s; write [prefix/]name".format([self.matchLabels.filter(key, format.qualifiedName().validate(key).hasValue())])',
          message: 'every key of selector.matchLabels must be a label key: [prefix/]name',
          fieldPath: '.matchLabels',
        },
        {
          // Its value changes with the Pod's state: a ReplicaSet would let go of each of its Pods and make another.
          rule: `self.matchLabels.all(key, !key.startsWith('${RESERVED_PREFIX}') || key == '${NAME_LABEL}')`,
          messageExpression: `"selector.matchLabels has labels that HotStandby itself writes: %s; select by labels of your own, for example app: rooms".format([self.matchLabels.filter(key, key.startsWith("${RESERVED_PREFIX}"))])`,
          message: `no key of selector.matchLabels may begin with ${RESERVED_PREFIX}`,
          fieldPath: '.matchLabels',
        },
        {
          rule: 'self.matchLabels.all(key, !format.labelValue().validate(self.matchLabels[key]).hasValue())',
          messageExpression:
            "\"selector.matchLabels has values that are not label values, under: %s; use letters, digits, '-', '_' and '.', with a letter or digit at both ends\".format([self.matchLabels.filter(key, format.labelValue().validate(self.matchLabels[key]).hasValue())])",
          message: 'every value of selector.matchLabels must be a label value',
          fieldPath: '.matchLabels',
        },
        {
          rule: 'self.matchLabels == oldSelf.matchLabels',
          message:
            'selector.matchLabels cannot change after creation (the selector of a Deployment is immutable): create a HotStandbyDeployment with another name instead',
        },
      ],
    },
    podTemplate: podTemplateSchema,
    deploymentMetadata: deploymentMetadataSchema,
    idlePercent: idlePercentSchema,
    schedules: schedulesSchema,
    autoIdle: autoIdleSchema,
    busyProbe: busyProbeSchema,
    paused: {
      type: 'boolean',
      description:
        'true: the operator keeps watching and reporting, and writes nothing but the status. Default: false.',
    },
    behavior: behaviorSchema,
    sessions: sessionsSchema,
    minReadySeconds: {
      ...count,
      description: `Seconds a Pod must have been Ready before it counts as available. Passed to the child Deployment. Default: ${DEFAULTS.minReadySeconds}.`,
    },
    revisionHistoryLimit: {
      ...count,
      description: `Old ReplicaSets without Pods the child Deployment keeps. Passed on. Default: ${DEFAULTS.revisionHistoryLimit}.`,
    },
    progressDeadlineSeconds: {
      ...count,
      minimum: 1,
      description: `Seconds a rollout may go without progress before it is reported as stalled. Passed to the child Deployment. Default: ${DEFAULTS.progressDeadlineSeconds}.`,
    },
  },
  'x-kubernetes-validations': [
    {
      rule: '!has(self.progressDeadlineSeconds) || !has(self.minReadySeconds) || self.progressDeadlineSeconds > self.minReadySeconds',
      messageExpression:
        '"progressDeadlineSeconds (%d) must be greater than minReadySeconds (%d): a Pod needs that long to become available".format([self.progressDeadlineSeconds, self.minReadySeconds])',
      message: 'progressDeadlineSeconds must be greater than minReadySeconds',
      fieldPath: '.progressDeadlineSeconds',
    },
    {
      rule: '!has(self.maxReplicas) || !has(self.minReplicas) || self.maxReplicas >= self.minReplicas',
      messageExpression:
        '"maxReplicas (%d) must not be less than minReplicas (%d): raise maxReplicas or lower minReplicas".format([self.maxReplicas, self.minReplicas])',
      message: 'maxReplicas must not be less than minReplicas',
      fieldPath: '.maxReplicas',
    },
    {
      rule: '!has(self.autoIdle) || has(self.autoIdle.max) || has(self.maxReplicas)',
      message: 'autoIdle needs an upper bound: set autoIdle.max, the most idle Pods it may ask for, or maxReplicas',
      fieldPath: '.autoIdle',
    },
  ],
} as const;

const conditionSchema = {
  type: 'object',
  required: ['type', 'status', 'lastTransitionTime', 'reason', 'message'],
  properties: {
    type: {
      type: 'string',
      maxLength: 316,
      description: 'Ready, Reconciling, Stalled, IdleTargetMet, ScalingLimited or BusyProbeHealthy.',
    },
    status: { type: 'string', enum: ['True', 'False', 'Unknown'], description: 'Whether the condition holds.' },
    observedGeneration: {
      type: 'integer',
      format: 'int64',
      minimum: 0,
      description: 'Generation of the spec the condition speaks of.',
    },
    lastTransitionTime: { type: 'string', format: 'date-time', description: 'When status last changed.' },
    reason: { type: 'string', minLength: 1, maxLength: 1024, description: 'One CamelCase word saying why.' },
    message: { type: 'string', maxLength: 32768, description: 'The same for people.' },
  },
} as const;

export const statusSchema = {
  type: 'object',
  description: 'What the operator last saw. Written only when something in it changed.',
  // Flux's own trick against a false green: before the first status a reader sees observedGeneration != generation.
  default: { observedGeneration: -1 },
  properties: {
    observedGeneration: {
      type: 'integer',
      format: 'int64',
      description: 'Generation of the spec this status speaks of.',
    },
    desiredReplicas: {
      ...count,
      description: 'clamp(busyCount + waitingCount + idleTarget, minReplicas, maxReplicas), never below busyCount.',
    },
    busyCount: { ...count, description: 'Pods holding a session.' },
    idleCount: { ...count, description: 'Every live Pod that is not busy, started or not.' },
    availableCount: { ...count, description: 'Pods that could take a session now: Ready, not busy, not draining.' },
    startingCount: { ...count, description: 'Pods that are not busy and not Ready yet.' },
    drainingCount: { ...count, description: 'Idle Pods chosen to go in a scale-down or a rollout.' },
    detachedCount: {
      ...count,
      description: 'Pods outside the child Deployment that live on until their session ends.',
    },
    unknownCount: {
      ...count,
      description: 'Pods whose last probe failed. They keep their last state and are never ended.',
    },
    waitingCount: {
      ...count,
      description: 'Callers of the claims service that wait for a Pod. Each counts like a busy Pod in desiredReplicas.',
    },
    sessionCount: { ...count, description: 'Busy Pods that were claimed; the others mark themselves.' },
    oldestSessionTime: {
      type: 'string',
      format: 'date-time',
      description: 'When the oldest session that was claimed began. Absent while there is none.',
    },
    capacity: capacityStatusSchema,
    replicas: { ...count, description: 'Live Pods, attached and detached.' },
    readyReplicas: { ...count, description: 'Live Pods that are Ready.' },
    selector: { type: 'string', description: 'Label selector of the Pods, for the scale subresource.' },
    availableTemplate: {
      type: 'string',
      maxLength: 64,
      description:
        'Fingerprint of the last Pod template of which a Pod has been available. Until the current one is it, growth is bounded.',
    },
    lastScaleTime: { type: 'string', format: 'date-time', description: 'When the child Deployment was last scaled.' },
    conditions: {
      type: 'array',
      items: conditionSchema,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['type'],
      description:
        'Ready, Reconciling and Stalled follow kstatus; IdleTargetMet, ScalingLimited and BusyProbeHealthy say more.',
    },
  },
} as const;
