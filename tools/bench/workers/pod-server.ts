/** One HTTP server that answers for every loopback address. Writes `port N`, ends with its standard input. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const server = createServer((_request, response) => response.end('ok'));
server.listen(0, '0.0.0.0', () => process.stdout.write(`port ${(server.address() as AddressInfo).port}\n`));
process.stdin.resume().on('end', () => process.exit());
