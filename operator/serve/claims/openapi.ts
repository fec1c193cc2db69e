import { MAX_SESSION_ID, MAX_TTL_SECONDS, MAX_WAIT_SECONDS } from '../../../src/api/sessions';

/** Bytes of a body. */
export const MAX_BODY_BYTES = 16_384;

const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });
const json = (schema: object) => ({ 'application/json': { schema } });
const answer = (description: string, name = 'Claim') => ({ description, content: json(ref(name)) });
const path = (name: string, description: string, schema: object = { type: 'string' }) => ({
  name,
  in: 'path',
  required: true,
  description,
  schema,
});

const POOL = [
  path('namespace', 'Namespace of the pool.'),
  path('pool', 'Name of the HotStandbyDeployment.', { type: 'string', maxLength: 63 }),
];
const SESSION_ID = { type: 'string', minLength: 1, maxLength: MAX_SESSION_ID, pattern: '^[A-Za-z0-9._:-]+$' };
const ONE = [...POOL, path('sessionId', 'The session.', SESSION_ID)];
const TTL = { type: 'integer', minimum: 1, maximum: MAX_TTL_SECONDS };

const failure = (description: string) => answer(description, 'Status');
const retryAfter = (description: string) => ({
  ...failure(description),
  headers: { 'Retry-After': { description: 'Seconds.', schema: { type: 'integer' } } },
});
const COMMON = {
  '400': failure('A name or a field is wrong; `details.causes[].field` says which.'),
  '401': failure('No token, or one the API server does not accept.'),
  '403': failure('No permission on `hotstandbydeployments/claims` of this pool.'),
  '404': failure('No such pool in a namespace the operator looks after, or no such session.'),
  '405': failure('The path has other methods; `Allow` names them.'),
  '429': retryAfter('Too many requests of this user are under way: `TooManyWaiting`.'),
  '503': retryAfter('No replica can answer now. Ask again; with the same session id nothing happens twice.'),
};
const WITH_BODY = {
  '413': failure(`The body is larger than ${MAX_BODY_BYTES} bytes.`),
  '415': failure('The body is not application/json.'),
};
const LOST = { '410': failure('`PodLost`: the Pod is gone. The session can be claimed anew.') };

/** The OpenAPI document, served at /openapi.json and committed as docs/claims.openapi.json. */
export const OPENAPI = {
  openapi: '3.1.0',
  info: {
    title: 'HotStandby claims',
    version: 'v1',
    description:
      'Hands out idle Pods of a HotStandbyDeployment, one for each session. Send the token of a ServiceAccount, for the audience hotstandby-claims or for the API server. Errors are Kubernetes Status objects.',
    license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
  },
  security: [{ token: [] }],
  paths: {
    '/v1/namespaces/{namespace}/pools/{pool}/claims': {
      parameters: POOL,
      post: {
        operationId: 'claim',
        summary: 'Claim a Pod for a session',
        description:
          'Repeated with the same session id it answers the same Pod, from any replica, as long as it lives.',
        requestBody: { required: false, content: json(ref('ClaimRequest')) },
        responses: {
          '200': answer('The session holds this Pod already. With ttlSeconds it was renewed.'),
          '201': answer('The Pod is the session’s from now on.'),
          ...COMMON,
          ...WITH_BODY,
          '409': failure('`SessionConflict`: the session’s Pod lacks the labels asked for, or is another user’s.'),
          '429': retryAfter('No Pod: `PoolEmpty`, `MaxReplicasReached`, `Paused`, `Deleting` or `TooManyWaiting`.'),
        },
      },
      get: {
        operationId: 'listClaims',
        summary: 'List the sessions of a pool, the oldest first',
        responses: { '200': answer('All of them.', 'ClaimList'), ...COMMON },
      },
    },
    '/v1/namespaces/{namespace}/pools/{pool}/claims/{sessionId}': {
      parameters: ONE,
      get: {
        operationId: 'getClaim',
        summary: 'Read a session',
        responses: { '200': answer('Its Pod.'), ...COMMON, ...LOST },
      },
      put: {
        operationId: 'renewClaim',
        summary: 'Renew a session',
        description:
          'Its end becomes ttlSeconds from now. While more than half of that is left nothing is written: the answer says which end holds.',
        requestBody: { required: true, content: json(ref('RenewRequest')) },
        responses: { '200': answer('Renewed.'), ...COMMON, ...WITH_BODY, ...LOST },
      },
      delete: {
        operationId: 'releaseClaim',
        summary: 'Release a session, or its wait',
        responses: { '204': { description: 'It is over, however often you ask.' }, ...COMMON },
      },
    },
    '/openapi.json': {
      get: {
        operationId: 'openapi',
        summary: 'This document',
        security: [],
        responses: { '200': { description: 'OpenAPI 3.1.', content: json({ type: 'object' }) } },
      },
    },
  },
  components: {
    securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
    schemas: {
      ClaimRequest: {
        type: 'object',
        additionalProperties: false,
        properties: {
          sessionId: {
            ...SESSION_ID,
            description: 'Made up by the service when absent: then a lost answer is a lost claim.',
          },
          waitSeconds: {
            type: 'integer',
            minimum: 0,
            maximum: MAX_WAIT_SECONDS,
            default: 0,
            description: 'How long to wait for a Pod. Who waits counts as demand.',
          },
          ttlSeconds: {
            ...TTL,
            description: 'The session ends so many seconds from now unless it is renewed. Absent: never.',
          },
          selector: {
            type: 'object',
            maxProperties: 32,
            additionalProperties: { type: 'string', maxLength: 63 },
            description: 'Labels the Pod must have.',
          },
        },
      },
      RenewRequest: {
        type: 'object',
        additionalProperties: false,
        required: ['ttlSeconds'],
        properties: { ttlSeconds: TTL },
      },
      Claim: {
        type: 'object',
        required: ['sessionId', 'pod', 'claimedAt', 'waitedMilliseconds'],
        properties: {
          sessionId: SESSION_ID,
          pod: {
            type: 'object',
            required: ['name', 'namespace', 'uid', 'labels', 'ports'],
            properties: {
              name: { type: 'string' },
              namespace: { type: 'string' },
              uid: { type: 'string' },
              ip: { type: 'string' },
              node: { type: 'string' },
              labels: { type: 'object', additionalProperties: { type: 'string' } },
              ports: {
                type: 'array',
                items: {
                  type: 'object',
                  required: ['containerPort', 'protocol'],
                  properties: {
                    name: { type: 'string' },
                    containerPort: { type: 'integer' },
                    protocol: { type: 'string', enum: ['TCP', 'UDP', 'SCTP'] },
                  },
                },
              },
              terminating: { type: 'boolean', const: true, description: 'The Pod is being ended.' },
            },
          },
          claimedAt: { type: 'string', format: 'date-time' },
          expiresAt: { type: 'string', format: 'date-time' },
          waitedMilliseconds: { type: 'integer', description: 'How long this very request waited for a Pod.' },
        },
      },
      ClaimList: {
        type: 'object',
        required: ['items'],
        properties: { items: { type: 'array', items: ref('Claim') } },
      },
      Status: {
        type: 'object',
        description: 'As the API server answers errors (meta/v1 Status).',
        required: ['kind', 'apiVersion', 'status', 'message', 'reason', 'code'],
        properties: {
          kind: { const: 'Status' },
          apiVersion: { const: 'v1' },
          metadata: { type: 'object' },
          status: { const: 'Failure' },
          message: { type: 'string' },
          reason: { type: 'string' },
          code: { type: 'integer' },
          details: {
            type: 'object',
            properties: {
              name: { type: 'string' },
              kind: { type: 'string' },
              group: { type: 'string' },
              retryAfterSeconds: { type: 'integer' },
              position: { type: 'integer', description: 'Place among those who wait, from 1.' },
              etaSeconds: {
                type: 'integer',
                description: 'When a Pod may be free, by how long others took to become Ready.',
              },
              causes: {
                type: 'array',
                items: {
                  type: 'object',
                  properties: { reason: { type: 'string' }, message: { type: 'string' }, field: { type: 'string' } },
                },
              },
            },
          },
        },
      },
    },
  },
} as const;
