/** A server that holds one session at a time and marks its own Pod busy while it does. */
import { createServer } from 'node:http';
import { clearStaleMark, currentState, endSession, requestStop, startSession, stopRequested } from './session.mjs';

const NEEDED = ['KUBERNETES_SERVICE_HOST', 'KUBERNETES_SERVICE_PORT', 'POD_NAMESPACE', 'POD_NAME', 'POD_UID'];
const missing = NEEDED.find((name) => !process.env[name]);
if (missing) {
  console.error(`${missing} is not set: run in a Pod whose template sets it (see env in hsd.yaml)`);
  process.exit(1);
}

const routes = {
  'GET /': async () => [currentState() === 'starting' ? 503 : 200, process.env.POD_NAME],
  'POST /session': startSession,
  'DELETE /session': endSession,
};

async function answer(request, response) {
  const route = routes[`${request.method} ${request.url}`];
  const [status, message] = route ? await route() : [404, `try ${Object.keys(routes).join(', ')}`];
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify({ state: currentState(), message })}\n`);
  leaveWhenFree();
}

/** Closing the server ends the process: requests under way are still answered, and nothing else keeps it running. */
function leaveWhenFree() {
  if (stopRequested() && !['marking', 'busy'].includes(currentState())) server.close();
}

const server = createServer((request, response) => void answer(request, response));
server.listen(Number(process.env.PORT ?? 8080), () => console.log(`listening on port ${server.address().port}`));

// The kubelet waits terminationGracePeriodSeconds from here: longer than a session may last.
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, () => {
    requestStop();
    console.log(`${signal}: ${currentState() === 'busy' ? 'leaving when the session has ended' : 'leaving'}`);
    leaveWhenFree();
  });
}

await clearStaleMark();
