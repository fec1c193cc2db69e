import { DEFAULT_BUSY_ANNOTATION } from './names';

/**
 * What an absent field of the spec means. The API server fills in those of `busyProbe` and `minReplicas`, but an hsd made
 * before a default existed lacks it. The child's settings are those of a Deployment (apps/v1).
 */
export const DEFAULTS = {
  minReplicas: 0,
  minReadySeconds: 0,
  revisionHistoryLimit: 10,
  progressDeadlineSeconds: 600,
  stabilizationWindowSeconds: 0,
  autoIdle: { hitTarget: 99, min: 0, windowSeconds: 3600 },
  schedules: { timeZone: 'UTC' },
  busyProbe: {
    mode: 'annotation',
    annotationKey: DEFAULT_BUSY_ANNOTATION,
    http: {
      port: 8080,
      path: '/busy',
      successIsBusy: true,
      timeoutSeconds: 1,
      periodSeconds: 10,
      scheme: 'HTTP',
      failureThreshold: 1,
      via: 'PodIP',
    },
  },
} as const;
