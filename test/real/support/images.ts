import { join } from 'node:path';
import { EXAMPLE_IMAGES, type ExampleName, examplePath } from '../../../examples/images';
import { operatorImage } from '../../../tools/build/operator-image';
import { appImage, type Image, type RealNodes } from '../../../tools/cluster/real/index';

/** The annotation example with a switch for its readiness. */
export const FLAKY_IMAGE = 'hotstandby.local/test-flaky:1';

/**
 * Everything the tests run: the examples under the names in their manifests, flaky/app.mjs, the operator.
 *
 * @param operatorFiles folder that `writeOperatorFiles` wrote
 */
export async function testImages(bases: RealNodes['images'], operatorFiles: string): Promise<Image[]> {
  const examples = (Object.keys(EXAMPLE_IMAGES) as ExampleName[]).map((name) => exampleImage(bases, name));
  const made = [...examples, flakyImage(bases.node), operatorImage(operatorFiles)];
  return (await Promise.all(made)).filter((image) => image !== undefined);
}

async function exampleImage(bases: RealNodes['images'], example: ExampleName): Promise<Image | undefined> {
  const { base, ...source } = EXAMPLE_IMAGES[example];
  const image = bases[base];
  return image && appImage({ ...source, base: image });
}

function flakyImage(base: Image): Promise<Image> {
  const files = {
    [join(__dirname, 'flaky', 'app.mjs')]: '/app/app.mjs',
    [examplePath('annotation', 'app', 'session.mjs')]: '/app/session.mjs',
    [examplePath('annotation', 'app', 'busy-mark.mjs')]: '/app/busy-mark.mjs',
  };
  return appImage({ base, name: FLAKY_IMAGE, files, command: ['node', '/app/app.mjs'] });
}
