import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

/** What a server does once it has read a request's head. */
export type Answer = (socket: Socket) => void;

/** A TCP server that reads one request head, then does what it is told. */
export async function tcpServer(
  answer: Answer,
  host = '127.0.0.1',
): Promise<{ port: number; heads: string[]; open: Set<Socket>; server: Server }> {
  const heads: string[] = [];
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    socket.on('error', () => {});
    socket.once('data', (data) => {
      heads.push(data.toString('latin1'));
      answer(socket);
    });
  });
  server.listen(0, host);
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, heads, open, server };
}
