/** A server that holds one session at a time and says so at /busy. It knows nothing of Kubernetes. */
import { createServer } from 'node:http';

let busy = false;
let stopping = false;

const routes = {
  'GET /': () => [200, 'sandbox'],
  'GET /busy': () => (busy ? [200, 'in a session'] : [404, 'no session']),
  'POST /session': startSession,
  'DELETE /session': endSession,
};

function startSession() {
  if (stopping) return [503, 'this Pod is going away: take another one'];
  if (busy) return [409, 'this Pod holds a session already: take another one'];
  busy = true;
  return [201, 'session started'];
}

function endSession() {
  if (!busy) return [404, 'no session here'];
  busy = false;
  return [200, 'session ended'];
}

const server = createServer((request, response) => {
  const route = routes[`${request.method} ${request.url}`];
  const [status, message] = route ? route() : [404, `try ${Object.keys(routes).join(', ')}`];
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify({ state: busy ? 'busy' : 'idle', message })}\n`);
  leaveWhenFree();
});
server.listen(Number(process.env.PORT ?? 8080), () => console.log(`listening on port ${server.address().port}`));

/** Closing the server ends the process: requests under way are still answered, and nothing else keeps it running. */
function leaveWhenFree() {
  if (stopping && !busy) server.close();
}

// The kubelet waits terminationGracePeriodSeconds from here: longer than a session may last.
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, () => {
    stopping = true;
    console.log(`${signal}: ${busy ? 'leaving when the session has ended' : 'leaving'}`);
    leaveWhenFree();
  });
}
