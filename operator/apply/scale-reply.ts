import type { DeploymentView } from '../decide/model';

/** The Deployment after a scale call: the reply is a Scale, which carries the Deployment's new resourceVersion. */
export function withScale(child: DeploymentView, replicas: number, resourceVersion: string): DeploymentView {
  const generation = replicas === child.replicas ? child.generation : child.generation + 1;
  return { ...child, replicas, resourceVersion, generation };
}
