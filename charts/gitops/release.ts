import { PACKAGE_VERSION } from '../../src/version';

/** Of the objects by which GitOps controllers know this project. */
export const NAME = 'hotstandby';
export const REPOSITORY = 'https://github.com/paia-tech/hotstandby';
/** Where the Helm chart is published, without the scheme. */
export const CHART = 'ghcr.io/paia-tech/charts/hotstandby';

/** Folder of this version's manifests in the repository. */
export function releasePath(): string {
  return `synth/v${PACKAGE_VERSION}`;
}
