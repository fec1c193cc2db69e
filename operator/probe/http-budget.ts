import type { ClientRequest } from 'node:http';
import type { Socket } from 'node:net';

/** Of one answer, interim ones and framing included; headers may have 16 KiB, of a body 10 KiB are read. */
const MAX_BYTES = 64 * 1024;
/** Pieces an answer comes in. Each costs some 20 us whatever its size, and an app sends a handful. */
const MAX_READS = 256;
/** Answers before the answer (100 Continue, 103 Early Hints): none was asked for. */
const MAX_INTERIM = 8;

/**
 * Cuts one answer off that would cost more than an answer should: a Pod sends what it likes, for as long as its hsd's
 * timeout lets it. Endless interim answers took 87 % of a core. `cutOff` may be called again.
 */
export function limitAnswer(request: ClientRequest, cutOff: () => void): void {
  let interim = 0;
  request.on('information', () => {
    interim += 1;
    if (interim === MAX_INTERIM + 1) cutOff();
  });
  request.once('socket', (socket) => limitSocket(request, socket, cutOff));
}

function limitSocket(request: ClientRequest, socket: Socket, cutOff: () => void): void {
  const before = socket.bytesRead;
  let reads = 0;
  const onRead = (): void => {
    reads += 1;
    if (reads <= MAX_READS && socket.bytesRead - before <= MAX_BYTES) return;
    socket.off('data', onRead);
    cutOff();
  };
  socket.on('data', onRead);
  request.once('close', () => socket.off('data', onRead));
}
