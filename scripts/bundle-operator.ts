import { build } from 'esbuild';

/**
 * client-node's index pulls in every API model, 19 MB that Node would hold in memory as source text. The operator takes
 * KubeConfig alone from it, which lives in this file.
 */
const CLIENT_NODE_CONFIG = './node_modules/@kubernetes/client-node/dist/config.js';

/**
 * Bundles the operator into one file that needs nothing but Node: what the image runs, and what the tests start.
 *
 * @param outfile where it goes; the source map lands beside it as `<outfile>.map`
 */
export async function bundleOperator(outfile: string): Promise<void> {
  await build({
    entryPoints: ['operator/main.ts'],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    alias: { '@kubernetes/client-node': CLIENT_NODE_CONFIG },
    minify: true,
    keepNames: true,
    sourcemap: 'external',
    legalComments: 'external',
    logLevel: 'warning',
  });
}
