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
   * Annotations of the CustomResourceDefinition, for example an Argo CD sync wave.
   *
   * @default - none
   */
  readonly annotations?: { readonly [key: string]: string };
}

/**
 * The CustomResourceDefinition `hotstandbydeployments.apps.paia.tech`.
 *
 * `HotStandbyOperator` brings it along; use this construct alone to install it in another chart or an earlier wave, and
 * give the operator `crd: false`. Deleting the definition deletes every HotStandbyDeployment with it.
 */
export class HotStandbyCrd extends Construct {
  public constructor(scope: Construct, id: string, props: HotStandbyCrdProps = {}) {
    super(scope, id);
    const crd = crdManifest();
    clusterObject(this, 'Resource', {
      ...crd,
      metadata: { ...crd.metadata, labels: props.labels, annotations: props.annotations },
    });
  }
}
