import { ApiObject, type ApiObjectProps, Chart, JsonPatch } from 'cdk8s';
import type { Construct } from 'constructs';

/**
 * An object that lives outside namespaces. cdk8s gives every object the chart's namespace, which such an object must
 * not carry: strict appliers refuse it.
 */
export function clusterObject(scope: Construct, id: string, manifest: ApiObjectProps): ApiObject {
  const object = new ApiObject(scope, id, manifest);
  if (Chart.of(scope).namespace !== undefined) {
    object.addJsonPatch(JsonPatch.remove('/metadata/namespace'));
  }
  return object;
}
