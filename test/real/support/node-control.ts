import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { RealNode, RealNodes } from '../../../tools/cluster/real/index';
import { realRun } from './run';

/** How test files, each a process of its own, reach the nodes that the setup's process holds. */
export interface NodeControl {
  /** Base URL. */
  readonly url: string;
  close(): Promise<void>;
}

/** Serves `PUT /<node>/kubelet` (start it) and `DELETE /<node>/kubelet` (kill -9) on a loopback port. */
export async function serveNodeControl(nodes: RealNodes): Promise<NodeControl> {
  const server = createServer((request, response) => {
    const node = nodes.node((request.url ?? '').split('/')[1] ?? '');
    steer(node, request.method === 'PUT').then(
      () => response.end(),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function steer(node: RealNode, on: boolean): Promise<void> {
  if (!on) await node.stopKubelet('SIGKILL');
  else if (node.pids.kubelet === undefined) await node.startKubelet();
}

/** Kills the kubelet of `node` as a crash does; its containers go on. */
export function killKubelet(node: string): Promise<void> {
  return command('DELETE', node);
}

/** Starts it again, unless it runs. */
export function startKubelet(node: string): Promise<void> {
  return command('PUT', node);
}

async function command(method: string, node: string): Promise<void> {
  const response = await fetch(`${realRun().nodeControl}/${node}/kubelet`, { method });
  if (!response.ok) throw new Error(`${method} kubelet of ${node}: ${await response.text()}`);
}
