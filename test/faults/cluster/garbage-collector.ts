import { ApiError } from '../../../operator/kube/errors';
import type { KubeObject } from '../../../operator/kube/types';
import type { ApiServer } from './api-server';
import { isGoing, type Resource, withMeta } from './objects';

export const GARBAGE_COLLECTOR = 'system:serviceaccount:kube-system:generic-garbage-collector';
const WRITE = { actor: GARBAGE_COLLECTOR };

const OWNERS = ['hotstandbydeployments', 'deployments', 'replicasets'] as const;
const DEPENDENTS = ['deployments', 'replicasets', 'pods', 'poddisruptionbudgets'] as const;

/** One look at everything. False: something was refused. */
export function collectGarbage(server: ApiServer): boolean {
  let isDone = true;
  const attempt = (step: () => void): void => {
    try {
      step();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.code !== 404) isDone = false;
    }
  };
  for (const resource of OWNERS) {
    for (const owner of server.all(resource)) {
      const { finalizers = [] } = owner.metadata;
      if (!isGoing(owner)) continue;
      if (finalizers.includes('orphan')) attempt(() => orphan(server, resource, owner));
      if (finalizers.includes('foregroundDeletion')) attempt(() => deleteForeground(server, resource, owner));
    }
  }
  for (const resource of DEPENDENTS) {
    for (const object of server.all(resource)) attempt(() => collect(server, resource, object));
  }
  return isDone;
}

function dependents(server: ApiServer, uid: string): { resource: Resource; object: KubeObject }[] {
  return DEPENDENTS.flatMap((resource) =>
    server
      .all(resource)
      .filter(({ metadata }) => metadata.ownerReferences?.some((owner) => owner.uid === uid))
      .map((object) => ({ resource, object })),
  );
}

function orphan(server: ApiServer, resource: Resource, owner: KubeObject): void {
  for (const { resource: kind, object } of dependents(server, owner.metadata.uid)) {
    const rest = object.metadata.ownerReferences?.filter(({ uid }) => uid !== owner.metadata.uid);
    const ownerReferences = rest?.length ? rest : undefined;
    server.update(
      kind,
      namespaceOf(object),
      object.metadata.name,
      (live) => withMeta(live, { ownerReferences }),
      WRITE,
    );
  }
  dropFinalizer(server, resource, owner, 'orphan');
}

function deleteForeground(server: ApiServer, resource: Resource, owner: KubeObject): void {
  const left = dependents(server, owner.metadata.uid);
  for (const { resource: kind, object } of left) {
    if (isGoing(object)) continue;
    const { uid, name } = object.metadata;
    const hasOwn = dependents(server, uid).length > 0;
    const propagationPolicy = hasOwn ? 'Foreground' : 'Background';
    server.delete(kind, namespaceOf(object), name, { ...WRITE, uid, propagationPolicy });
  }
  const isBlocked = dependents(server, owner.metadata.uid).some(({ object }) =>
    object.metadata.ownerReferences?.some(
      ({ uid, blockOwnerDeletion }) => uid === owner.metadata.uid && blockOwnerDeletion,
    ),
  );
  if (!isBlocked) dropFinalizer(server, resource, owner, 'foregroundDeletion');
}

function dropFinalizer(server: ApiServer, resource: Resource, { metadata }: KubeObject, finalizer: string): void {
  const { namespace = '', name } = metadata;
  const edit = <T extends KubeObject>(live: T): T =>
    withMeta(live, { finalizers: live.metadata.finalizers?.filter((other) => other !== finalizer) });
  server.update(resource, namespace, name, edit, WRITE);
}

/** An object none of whose owners is there any more goes. */
function collect(server: ApiServer, resource: Resource, { metadata }: KubeObject): void {
  const { ownerReferences = [], namespace = '', name, uid } = metadata;
  const live = server.find(resource, namespace, name);
  if (live === undefined || isGoing(live) || ownerReferences.length === 0) return;
  const exists = (owner: string): boolean => OWNERS.some((kind) => server.byUid(kind, owner) !== undefined);
  if (ownerReferences.some((owner) => exists(owner.uid))) return;
  server.delete(resource, namespace, name, { ...WRITE, uid, propagationPolicy: 'Background' });
}

const namespaceOf = ({ metadata }: KubeObject): string => metadata.namespace ?? '';
