import { join } from 'node:path';

/** What the image of an example holds, for whoever makes images from files (the demo and the tests on real nodes). */
export interface ExampleImage {
  /** Base image: Node.js 24 or Python 3. */
  readonly base: 'node' | 'python';
  /** The name the example's hsd.yaml asks for. */
  readonly name: string;
  /** Absolute path on this machine -> path in the image. */
  readonly files: Readonly<Record<string, string>>;
  /** What the container runs. */
  readonly command: readonly string[];
}

/** The example folders that run as Pods on real nodes. */
export type ExampleName = 'annotation' | 'annotation-python' | 'http';

/** The image of each example, by its folder. */
export const EXAMPLE_IMAGES: Readonly<Record<ExampleName, ExampleImage>> = {
  annotation: {
    base: 'node',
    name: 'hotstandby.local/rooms:1',
    files: appFiles('annotation', ['app.mjs', 'busy-mark.mjs', 'session.mjs']),
    command: ['node', '/app/app.mjs'],
  },
  'annotation-python': {
    base: 'python',
    name: 'hotstandby.local/rooms-python:1',
    files: appFiles('annotation-python', ['app.py', 'busy_mark.py', 'session.py']),
    command: ['python3', '/app/app.py'],
  },
  http: {
    base: 'node',
    name: 'hotstandby.local/sandboxes:1',
    files: appFiles('http', ['app.mjs']),
    command: ['node', '/app/app.mjs'],
  },
};

/** Absolute path of a file of the examples: `examplePath('http', 'hsd.yaml')`. */
export function examplePath(...parts: string[]): string {
  return join(__dirname, ...parts);
}

function appFiles(example: ExampleName, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [examplePath(example, 'app', name), `/app/${name}`]));
}
