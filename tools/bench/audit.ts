import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { stringify } from 'yaml';

const OPERATOR = 'system:serviceaccount:hotstandby-system:hotstandby-operator';

/** Makes the API server write one line for each write request of the operator, and nothing else. */
export function auditPolicy(): string {
  return stringify({
    apiVersion: 'audit.k8s.io/v1',
    kind: 'Policy',
    omitStages: ['RequestReceived'],
    rules: [
      // Questions about its own permissions, at its start.
      { level: 'None', resources: [{ group: 'authorization.k8s.io' }] },
      { level: 'Metadata', users: [OPERATOR], verbs: ['create', 'update', 'patch', 'delete', 'deletecollection'] },
      { level: 'None' },
    ],
  });
}

/** Write requests by what they wrote, for example `patch deployments/scale`; refused ones with their code. */
export type Writes = ReadonlyMap<string, number>;

interface AuditEvent {
  verb: string;
  objectRef?: { resource: string; subresource?: string };
  responseStatus?: { code?: number };
}

/** The API server's own account of what the operator wrote. */
export class AuditLog {
  constructor(private readonly file: string) {}

  /** Where the log ends now. */
  position(): number {
    return this.open((fd) => fstatSync(fd).size);
  }

  /** The writes since `position`. */
  since(position: number): Writes {
    const text = this.open((fd) => {
      const buffer = Buffer.alloc(fstatSync(fd).size - position);
      readSync(fd, buffer, 0, buffer.length, position);
      return buffer.toString('utf8');
    });
    return countWrites(text);
  }

  private open<T>(read: (fd: number) => T): T {
    const fd = openSync(this.file, 'r');
    try {
      return read(fd);
    } finally {
      closeSync(fd);
    }
  }
}

/** Counts the complete lines of an audit log. */
export function countWrites(text: string): Writes {
  const counts = new Map<string, number>();
  for (const line of text.split('\n').slice(0, -1)) {
    const { verb, objectRef, responseStatus } = JSON.parse(line) as AuditEvent;
    const resource = [objectRef?.resource, objectRef?.subresource].filter(Boolean).join('/');
    const code = responseStatus?.code ?? 0;
    const what = code >= 400 ? `${verb} ${resource} ${code}` : `${verb} ${resource}`;
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  return counts;
}

export function total(writes: Writes): number {
  return [...writes.values()].reduce((sum, count) => sum + count, 0);
}
