import { build } from 'esbuild';

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
    sourcemap: 'external',
    legalComments: 'external',
    logLevel: 'warning',
  });
}
