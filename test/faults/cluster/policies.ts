import type { KubeObject } from '../../../operator/kube/types';
import { MARKS } from '../../../src/api/marks';
import {
  BUSY_KEY_ANNOTATION,
  DEFAULT_BUSY_ANNOTATION,
  DRAIN_ANNOTATION,
  NAME_LABEL,
  RETIRE_FINALIZER,
  SESSION_ANNOTATION,
  STATE_LABEL,
} from '../../../src/api/names';
import type { Policy } from './api-server';
import { GARBAGE_COLLECTOR } from './garbage-collector';
import { REPLICA_SET_CONTROLLER } from './replica-set-controller';

/** The admission policies of src/install, read from their CEL. */

/** @param absent the key of a Pod that says none */
function isMarkedBusy({ metadata: { annotations = {} } }: KubeObject, absent = ''): boolean {
  return annotations[annotations[BUSY_KEY_ANNOTATION] ?? absent]?.toLowerCase() === 'true';
}

const isLabelled = ({ metadata }: KubeObject): boolean => metadata.labels?.[NAME_LABEL] !== undefined;

/** src/install/guard.ts */
export const guard: Policy = {
  validate({ actor, verb, resource, old }) {
    if (verb !== 'delete' || resource !== 'pods' || actor !== REPLICA_SET_CONTROLLER || !old || !isLabelled(old)) {
      return undefined;
    }
    const { annotations = {}, labels } = old.metadata;
    const isRecorded = annotations[BUSY_KEY_ANNOTATION] === '' && annotations[SESSION_ANNOTATION] !== undefined;
    const isBusy = isMarkedBusy(old, DEFAULT_BUSY_ANNOTATION) || labels?.[STATE_LABEL] === 'busy' || isRecorded;
    return isBusy ? `Pod ${old.metadata.name} is busy: HotStandby keeps it until its session ends` : undefined;
  },
};

const DRAINED = new Set(['deployments', 'replicasets', 'pods', 'poddisruptionbudgets']);

/** src/install/drain-guard.ts */
export const drainGuard: Policy = {
  validate({ actor, verb, resource, old }) {
    if (verb !== 'delete' || actor !== GARBAGE_COLLECTOR || !DRAINED.has(resource) || !old || !isLabelled(old)) {
      return undefined;
    }
    const { annotations, finalizers } = old.metadata;
    const isRetired = resource !== 'replicasets' || finalizers?.includes(RETIRE_FINALIZER);
    const waits = annotations?.[DRAIN_ANNOTATION] === 'true' && isRetired;
    return waits ? `${old.metadata.name} waits for the sessions of its HotStandbyDeployment` : undefined;
  },
};

/** src/install/marks.ts */
export const marks: Policy = {
  mutate({ verb, resource, subresource, old }, object) {
    if (verb !== 'update' || resource !== 'pods' || subresource || !old || !isLabelled(object)) return object;
    const isBusy = isMarkedBusy(object);
    if (isBusy === isMarkedBusy(old)) return object;
    const { metadata } = object;
    const labels = { ...metadata.labels };
    const annotations = { ...metadata.annotations };
    if (isBusy) labels[STATE_LABEL] = 'busy';
    else if (labels[STATE_LABEL] === 'busy') labels[STATE_LABEL] = 'idle';
    for (const [key, value] of Object.entries(MARKS.busy)) {
      if (value === null) continue;
      if (isBusy) annotations[key] = value;
      else if (annotations[key] === value) delete annotations[key];
    }
    return { ...object, metadata: { ...metadata, labels, annotations } };
  },
};
