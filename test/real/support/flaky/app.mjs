/** The annotation example with a switch: `DELETE /readiness` fails the readiness probe, `PUT /readiness` mends it. */
import { createServer } from 'node:http';
// The image has the example's own module beside this file.
import { clearStaleMark, currentState, endSession, requestStop, startSession, stopRequested } from './session.mjs';

let ready = true;

function setReady(value) {
  ready = value;
  return [200, `ready: ${ready}`];
}

const routes = {
  'GET /': () => [ready && currentState() !== 'starting' ? 200 : 503, process.env.POD_NAME],
  'PUT /readiness': () => setReady(true),
  'DELETE /readiness': () => setReady(false),
  'POST /session': startSession,
  'DELETE /session': endSession,
};

const server = createServer(async (request, response) => {
  const [status, message] = (await routes[`${request.method} ${request.url}`]?.()) ?? [404, 'no such route'];
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify({ state: currentState(), message })}\n`);
  leaveWhenFree();
});
server.listen(8080);

function leaveWhenFree() {
  if (stopRequested() && currentState() !== 'busy') server.close();
}

process.on('SIGTERM', () => {
  requestStop();
  leaveWhenFree();
});

await clearStaleMark();
