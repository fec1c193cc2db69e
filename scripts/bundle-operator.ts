import { build, type Plugin } from 'esbuild';

/**
 * client-node does not say that its 800 generated modules have no side effects, so all of them would be kept: 19 MB
 * instead of 5, held in memory as source text. Only its KubeConfig is used.
 */
const withoutUnusedModels: Plugin = {
  name: 'without-unused-models',
  setup(context) {
    context.onResolve({ filter: /^@kubernetes\/client-node$|^\.{1,2}\// }, async ({ path, pluginData, ...from }) => {
      const isOurs = path.startsWith('@') || from.importer.includes('/node_modules/@kubernetes/client-node/');
      if (!isOurs || pluginData === withoutUnusedModels.name) return undefined;
      const found = await context.resolve(path, { ...from, pluginData: withoutUnusedModels.name });
      return { ...found, sideEffects: false };
    });
  },
};

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
    minify: true,
    keepNames: true,
    sourcemap: 'external',
    legalComments: 'external',
    logLevel: 'warning',
    plugins: [withoutUnusedModels],
  });
}
