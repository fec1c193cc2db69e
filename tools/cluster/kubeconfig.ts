import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse, stringify } from 'yaml';
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

interface Named {
  name: string;
}
interface Kubeconfig {
  'current-context'?: string;
  contexts?: (Named & { context: { cluster: string; user: string } })[];
  clusters?: (Named & { cluster: Record<string, string> })[];
  users?: (Named & { user: Record<string, string> })[];
}

/**
 * The current context of a kubeconfig, if it authenticates by client certificate; throws one clear line otherwise.
 */
export function readKubeconfig(file: string): Connection {
  const config = (parse(readFileSync(file, 'utf8')) ?? {}) as Kubeconfig;
  const context = named(file, 'context', config.contexts, config['current-context']).context;
  const { cluster } = named(file, 'cluster', config.clusters, context.cluster);
  const { user } = named(file, 'user', config.users, context.user);
  if (cluster.server === undefined) throw new Error(`${file}: cluster "${context.cluster}" has no server`);
  return {
    server: cluster.server.replace(/\/$/, ''),
    tls: {
      ca: credential(file, cluster, 'certificate-authority'),
      cert: credential(file, user, 'client-certificate'),
      key: credential(file, user, 'client-key'),
    },
  };
}

function named<T extends Named>(file: string, kind: string, list: T[] | undefined, name: string | undefined): T {
  const found = list?.find((entry) => entry.name === name);
  if (found === undefined)
    throw new Error(`${file}: no ${kind} named "${name ?? ''}"; set current-context to one that exists`);
  return found;
}

/** Inline `<field>-data`, else the file `<field>` names, relative to the kubeconfig. */
function credential(file: string, entry: Record<string, string>, field: string): string {
  const data = entry[`${field}-data`];
  if (data !== undefined) return Buffer.from(data, 'base64').toString('utf8');
  const path = entry[field];
  if (path === undefined) {
    throw new Error(`${file}: no ${field}; the tests need a user with a client certificate, as kind and kubeadm make`);
  }
  return readFileSync(resolve(dirname(file), path), 'utf8');
}
