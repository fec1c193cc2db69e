/** The examples as the demo applies them, fitted to what each kind of cluster can run. */
import { readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import { type ExampleName, examplePath } from '../../examples/images';
import type { ManifestObject } from '../cluster/install';

/** Everything the demo makes is in here. */
export const DEMO_NAMESPACE = 'hotstandby-demo';
/** Annotation of the Pod template that `t` counts up. */
export const TEMPLATE_ANNOTATION = 'hotstandby.demo/template';

/** Where the Pods run: simulated, as containers with the examples' images, or in somebody's cluster. */
export type TargetKind = 'kwok' | 'real' | 'external';

/** An hsd of the demo and how a session begins in it. */
export interface DemoApp {
  /** Name of the hsd. */
  name: string;
  /** `app`: by the app's own HTTP API. `annotation`: by writing the busy annotation, where no app runs. */
  sessions: 'app' | 'annotation';
  /** Whose image its Pods run; undefined: none of the examples'. */
  image?: ExampleName;
  objects: ManifestObject[];
}

interface Container {
  image: string;
  readinessProbe?: unknown;
}
interface Hsd extends ManifestObject {
  spec: {
    podTemplate: {
      metadata: { annotations?: Record<string, string> };
      spec: { containers: Container[]; terminationGracePeriodSeconds?: number };
    };
  };
}

/**
 * The apps that can run on `kind`: on real nodes both examples, else the annotation one, marked busy by the demo.
 * @param image what the Pods of an external cluster run instead of the example's image
 */
export function demoApps(kind: TargetKind, image: string): DemoApp[] {
  if (kind === 'real') {
    return [
      { name: 'rooms', sessions: 'app', image: 'annotation', objects: exampleObjects('annotation', ['rbac', 'hsd']) },
      { name: 'sandboxes', sessions: 'app', image: 'http', objects: exampleObjects('http', ['hsd']) },
    ];
  }
  const objects = exampleObjects('annotation', ['rbac', 'hsd']);
  if (kind === 'external') {
    for (const object of objects) if (isHsd(object)) useImage(object, image);
  }
  return [{ name: 'rooms', sessions: 'annotation', objects }];
}

/** The demo's namespace. */
export const namespaceObject: ManifestObject = {
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: DEMO_NAMESPACE },
};

function exampleObjects(example: ExampleName, files: readonly string[]): ManifestObject[] {
  const objects = files.flatMap((file) => read(examplePath(example, `${file}.yaml`)));
  return objects.map((object) => {
    if (isHsd(object)) object.spec.podTemplate.metadata.annotations = { [TEMPLATE_ANNOTATION]: '1' };
    return { ...object, metadata: { ...object.metadata, namespace: DEMO_NAMESPACE } };
  });
}

function read(path: string): ManifestObject[] {
  return parseAllDocuments(readFileSync(path, 'utf8')).map((document) => document.toJS() as ManifestObject);
}

function isHsd(object: ManifestObject): object is Hsd {
  return object.kind === 'HotStandbyDeployment';
}

/** Another image than the example's app answers no readiness probe and has no session to finish. */
function useImage({ spec: { podTemplate } }: Hsd, image: string): void {
  podTemplate.spec.terminationGracePeriodSeconds = 1;
  for (const container of podTemplate.spec.containers) {
    container.image = image;
    delete container.readinessProbe;
  }
}
