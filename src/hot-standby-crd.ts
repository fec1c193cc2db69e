import { Construct } from 'constructs';
import { crdManifest } from './api/crd';
import { clusterObject } from './install/cluster-object';

/**
 * Properties for `HotStandbyCrd`.
 */
export interface HotStandbyCrdProps {
  /**
   * Labels of the CustomResourceDefinition.
   *
   * @default - none
   */
  readonly labels?: { readonly [key: string]: string };

  /**
   * Further annotations of the CustomResourceDefinition, for example an Argo CD sync wave. They win over those by which
   * Argo CD and Flux leave the definition alone when it is pruned or uninstalled.
   *
   * @default - none
   */
  readonly annotations?: { readonly [key: string]: string };
}

/** Whoever prunes or uninstalls would delete every HotStandbyDeployment with the definition, busy Pods and all. */
const KEPT = {
  'argocd.argoproj.io/sync-options': 'Prune=false,Delete=false',
  'kustomize.toolkit.fluxcd.io/prune': 'disabled',
};

/**
 * The CustomResourceDefinition `hotstandbydeployments.apps.paia.tech`.
 *
 * `HotStandbyOperator` brings it along; use this construct alone to install it in another chart or an earlier wave, and
 * give the operator `crd: false`. Deleting the definition deletes every HotStandbyDeployment with it; Argo CD and Flux are
 * told not to, by annotations.
 */
export class HotStandbyCrd extends Construct {
  public constructor(scope: Construct, id: string, props: HotStandbyCrdProps = {}) {
    super(scope, id);
    const crd = crdManifest();
    clusterObject(this, 'Resource', {
      ...crd,
      metadata: { ...crd.metadata, labels: props.labels, annotations: { ...KEPT, ...props.annotations } },
    });
  }
}
