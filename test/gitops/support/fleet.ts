/** The example's repository in a test: what lies in examples/gitops/clusters/staging, with changes. */
import { join } from 'node:path';
import { KIND } from '../../../src/api/names';
import { toManifest } from '../../../tools/cluster/install';
import { EXAMPLE } from '../../../tools/generate/gitops-example';
import type { GitRepository } from './git';
import { type Manifest, manifestsIn } from './yaml';

/** Name of the example's hsd. */
export const HSD = 'rooms';
const CLUSTER = 'clusters/staging';
const APPS = `${CLUSTER}/apps/rooms.yaml`;

/** The objects of one of the example's files. */
export function exampleObjects(path: string): Manifest[] {
  return manifestsIn(join(EXAMPLE, path));
}

/** The staging cluster's folder in a repository, its app in a namespace of the test's own. */
export class Fleet {
  private spec: Record<string, unknown> = {};
  constructor(
    private readonly git: GitRepository,
    private readonly namespace: string,
  ) {
    git.copy(join(EXAMPLE, 'clusters'), 'clusters');
    this.edit({});
  }

  /** Replaces fields of the hsd's spec. */
  edit(fields: Record<string, unknown>): void {
    this.spec = { ...this.spec, ...fields };
    this.write(this.objects());
  }

  /** Takes the hsd out of the file. */
  removeHsd(): void {
    this.write(this.objects().filter(({ kind }) => kind !== KIND));
  }

  push(message: string): Promise<string> {
    return this.git.push(message);
  }

  private objects(): Manifest[] {
    return exampleObjects(APPS).map((object) => {
      if (object.kind === 'Namespace') return { ...object, metadata: { ...object.metadata, name: this.namespace } };
      const metadata = { ...object.metadata, namespace: this.namespace };
      return { ...object, metadata, spec: { ...object.spec, ...this.spec } };
    });
  }

  private write(objects: readonly Manifest[]): void {
    this.git.write(APPS, toManifest(objects));
  }
}

/** The example's hsd with a template that the API server refuses in a Deployment, for `says`. */
export const REFUSED_TEMPLATE = {
  podTemplate: { spec: { containers: [{ name: 'Room_1', image: 'example.com/room:1' }] } },
  says: 'spec.template.spec.containers[0].name: Invalid value: "Room_1"',
};
