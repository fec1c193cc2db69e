import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * Below the kernel's range for outgoing connections (32768-60999 on Linux), or a connection made between the check
 * and the program's own bind could take the port.
 */
const LOWEST = 20_000;
const HIGHEST = 32_000;
const MAX_TRIES = 200;

/**
 * One TCP port for each name, all different, free now on every address of `hosts`. Picked at random, so that
 * clusters which start together differ.
 */
export async function freePorts<Name extends string>(
  names: readonly Name[],
  hosts: readonly string[] = ['127.0.0.1'],
): Promise<Record<Name, number>> {
  const ports = new Map<number, Name>();
  for (let tries = 0; ports.size < names.length; tries++) {
    if (tries === MAX_TRIES) {
      throw new Error(`no ${names.length} free TCP ports on ${hosts.join(' and ')} between ${LOWEST} and ${HIGHEST}`);
    }
    const port = randomInt(LOWEST, HIGHEST);
    const free = await Promise.all([...new Set(hosts)].map((host) => canBind(host, port)));
    const name = names[ports.size];
    if (name !== undefined && !ports.has(port) && free.every(Boolean)) ports.set(port, name);
  }
  return Object.fromEntries([...ports].map(([port, name]) => [name, port])) as Record<Name, number>;
}

/** Whether a TCP listener could take this address and port now. */
export function canBind(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
