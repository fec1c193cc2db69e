import { readFile } from 'node:fs/promises';
import { request } from 'node:https';

const BUSY_ANNOTATION = 'paia.tech/busy';
const TIMEOUT_MS = 5_000;
const {
  HOTSTANDBY_SA_DIR = '/var/run/secrets/kubernetes.io/serviceaccount',
  KUBERNETES_SERVICE_HOST,
  KUBERNETES_SERVICE_PORT,
  POD_NAMESPACE,
  POD_NAME,
  POD_UID,
} = process.env;

/** The API server answered, and the answer says for certain that nothing was written (any 4xx). */
export class MarkRefused extends Error {}

/**
 * Marks this process's own Pod busy.
 *
 * Resolves with the Pod's metadata. Without `deletionTimestamp` the Pod lives until the mark is cleared; with one it is
 * on its way out and must not take the session.
 *
 * Rejects with MarkRefused when nothing was written, with another Error when nobody knows (no answer within 5 s, a 5xx).
 */
export const markBusy = () => patchOwnPod('true');

/** Takes the mark off again. Safe to repeat. Resolves and rejects like markBusy. */
export const clearMark = () => patchOwnPod(null);

async function patchOwnPod(value) {
  // With metadata.uid the write cannot hit a later Pod of the same name (StatefulSets reuse names): that answers 422.
  const patch = { metadata: { uid: POD_UID, annotations: { [BUSY_ANNOTATION]: value } } };
  const { status, body } = await send(JSON.stringify(patch));
  if (status >= 200 && status < 300) return JSON.parse(body).metadata;
  const Refusal = status >= 400 && status < 500 ? MarkRefused : Error;
  throw new Refusal(`the API server answered ${status}: ${reason(body)}`);
}

async function send(body) {
  // Read on every use: the kubelet replaces the token before it expires (hourly).
  const [token, ca] = await Promise.all(
    ['token', 'ca.crt'].map((file) => readFile(`${HOTSTANDBY_SA_DIR}/${file}`, 'utf8')),
  );
  return new Promise((resolve, reject) => {
    const call = request({
      host: KUBERNETES_SERVICE_HOST,
      port: KUBERNETES_SERVICE_PORT,
      path: `/api/v1/namespaces/${POD_NAMESPACE}/pods/${POD_NAME}`,
      method: 'PATCH',
      headers: { authorization: `Bearer ${token.trim()}`, 'content-type': 'application/merge-patch+json' },
      ca,
      // A kept connection that the server is just closing would make the outcome unknown.
      agent: false,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    call.on('error', reject);
    call.on('response', (response) => {
      const chunks = [];
      response.on('error', reject);
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => resolve({ status: response.statusCode, body: Buffer.concat(chunks).toString() }));
    });
    call.end(body);
  });
}

function reason(body) {
  try {
    return JSON.parse(body).message;
  } catch {
    return body.slice(0, 200);
  }
}
