import { count } from './count-schema';

/** The part of the API that says how many idle Pods there should be, beside idleTarget. */

export const idlePercentSchema = {
  ...count,
  maximum: 1000,
  description:
    'Idle Pods to keep as a percentage of the busy ones, rounded up, if that is more than idleTarget. Default: none.',
} as const;

const scheduleSchema = {
  type: 'object',
  required: ['name', 'start', 'end', 'idleTarget'],
  description: 'A window in which more idle Pods are wanted.',
  properties: {
    name: { type: 'string', minLength: 1, maxLength: 63, description: 'Name of the window, for status and Events.' },
    timeZone: {
      type: 'string',
      minLength: 1,
      maxLength: 64,
      description: 'IANA time zone of start and end, for example Europe/Berlin. Default: UTC.',
    },
    start: {
      type: 'string',
      minLength: 1,
      maxLength: 256,
      description:
        'When the window opens, as a cron expression: minute, hour, day of month, month, day of week. For example "0 8 * * MON-FRI".',
    },
    end: {
      type: 'string',
      minLength: 1,
      maxLength: 256,
      description:
        'When it closes: the next time after the start that this cron expression names. It may lie after midnight.',
    },
    idleTarget: { ...count, description: 'Idle Pods to keep while the window is open, if no other source wants more.' },
    minReplicas: {
      ...count,
      description: 'Fewest Pods to hold while the window is open, if minReplicas or another open window is not higher.',
    },
  },
} as const;

export const autoIdleSchema = {
  type: 'object',
  description:
    'Works out how many idle Pods are needed so that a given share of sessions finds one, from the sessions and the warm-up times it sees.',
  properties: {
    mode: {
      type: 'string',
      enum: ['Recommend', 'Apply'],
      description:
        '`Recommend`: status.capacity.recommendedIdle says the number and nothing else happens. `Apply`: it is kept, if no other source wants more. Default: Recommend.',
    },
    hitTarget: {
      ...count,
      minimum: 50,
      maximum: 99,
      description: 'Percentage of sessions that shall find an idle Pod at once. Default: 99.',
    },
    min: { ...count, description: 'Fewest idle Pods it asks for. Default: 0.' },
    max: { ...count, minimum: 1, description: 'Most idle Pods it asks for. Required unless maxReplicas is set.' },
    windowSeconds: {
      ...count,
      minimum: 60,
      maximum: 86_400,
      description: 'Seconds over which arrivals are averaged. Default: 3600.',
    },
  },
  'x-kubernetes-validations': [
    {
      rule: '!has(self.min) || !has(self.max) || self.max >= self.min',
      messageExpression:
        '"autoIdle.max (%d) must not be less than autoIdle.min (%d): raise max or lower min".format([self.max, self.min])',
      message: 'autoIdle.max must not be less than autoIdle.min',
      fieldPath: '.max',
    },
  ],
} as const;

export const schedulesSchema = {
  type: 'array',
  maxItems: 32,
  items: scheduleSchema,
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': ['name'],
  description:
    'Windows in which more idle Pods are wanted. They may overlap: the highest number counts, and never less than idleTarget.',
} as const;

export const capacityStatusSchema = {
  type: 'object',
  description: 'How many idle Pods are wanted now, and why.',
  properties: {
    source: {
      type: 'string',
      enum: ['IdleTarget', 'Schedule', 'AutoIdle', 'IdlePercent'],
      description: 'What asks for the most: idleTarget, an open window of schedules, autoIdle or idlePercent.',
    },
    idleTarget: { ...count, description: 'Idle Pods wanted, before minReplicas and maxReplicas.' },
    message: { type: 'string', maxLength: 1024, description: 'The same in words.' },
    nextChange: {
      type: 'string',
      format: 'date-time',
      description: 'When a window of schedules opens or closes next.',
    },
    recommendedIdle: { ...count, description: 'What autoIdle would keep, or keeps.' },
    learned: {
      type: 'object',
      'x-kubernetes-preserve-unknown-fields': true,
      description: 'What autoIdle has learned, for the next operator: not for people, and it may change its form.',
    },
  },
} as const;
