import { build, type Metafile } from 'esbuild';
import { ROOT } from '../../root';

/**
 * client-node's index pulls in every API model, 19 MB that Node would hold in memory as source text. The operator takes
 * KubeConfig alone from it, which lives in this file.
 */
const CLIENT_NODE_CONFIG = './node_modules/@kubernetes/client-node/dist/config.js';

/**
 * Bundles the operator into one file that needs nothing but Node: what the image runs, and what the tests start. The same
 * sources give the same bytes, wherever they lie.
 *
 * @param outfile where it goes; the source map lands beside it as `<outfile>.map`, licence comments as `<outfile>.LEGAL.txt`
 * @returns what went into it
 */
export async function bundleOperator(outfile: string): Promise<Metafile> {
  const { metafile } = await build({
    absWorkingDir: ROOT,
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
    metafile: true,
  });
  return metafile;
}
