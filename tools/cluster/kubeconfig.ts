import { writeFileSync } from 'node:fs';
import { stringify } from 'yaml';
import type { Connection } from './api';

/** Writes a self-contained kubeconfig, readable by its owner only. */
export function writeKubeconfig(file: string, name: string, { server, tls }: Connection): string {
  const encode = (text: string): string => Buffer.from(text).toString('base64');
  const document = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': name,
    clusters: [{ name, cluster: { server, 'certificate-authority-data': encode(tls.ca) } }],
    users: [{ name, user: { 'client-certificate-data': encode(tls.cert), 'client-key-data': encode(tls.key) } }],
    contexts: [{ name, context: { cluster: name, user: name, namespace: 'default' } }],
  };
  writeFileSync(file, stringify(document), { mode: 0o600 });
  return file;
}
