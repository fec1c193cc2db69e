import { join } from 'node:path';
import { App } from 'cdk8s';
import { ArgoCdApplication, ArgoCdConfig } from './argocd';
import { FluxHelmRelease, FluxKustomization } from './flux';

/** Writes the folders `argocd` and `flux` below `folder`. */
export function writeManifests(folder: string): void {
  const argocd = new App({ outdir: join(folder, 'argocd'), outputFileExtension: '.yaml' });
  new ArgoCdConfig(argocd, 'argocd-cm');
  new ArgoCdApplication(argocd, 'application');
  argocd.synth();
  const flux = new App({ outdir: join(folder, 'flux'), outputFileExtension: '.yaml' });
  new FluxKustomization(flux, 'kustomization');
  new FluxHelmRelease(flux, 'helmrelease');
  flux.synth();
}
