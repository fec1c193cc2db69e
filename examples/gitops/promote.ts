/** `npm run promote -- staging production`: the images of one environment become those of another. */
import { writeFileSync } from 'node:fs';
import { ENVIRONMENTS, environmentFile, readEnvironment } from './environments';

function promote(from: string | undefined, to: string | undefined): string {
  for (const name of [from, to]) {
    if (name === undefined || !ENVIRONMENTS.includes(name)) {
      throw new Error(`"${name ?? ''}" is no environment: npm run promote -- FROM TO, of ${ENVIRONMENTS.join(', ')}`);
    }
  }
  const { operatorImage, roomImage } = readEnvironment(String(from));
  const target = { ...readEnvironment(String(to)), operatorImage, roomImage };
  writeFileSync(environmentFile(String(to)), `${JSON.stringify(target, undefined, 2)}\n`);
  return `${to} has the images of ${from} now: npm run synth, look at the diff, commit`;
}

try {
  console.log(promote(process.argv[2], process.argv[3]));
} catch (error) {
  console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
