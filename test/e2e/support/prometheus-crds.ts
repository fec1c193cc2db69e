import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Its source holds the definitions as users install them. */
const MODULE = 'github.com/prometheus-operator/prometheus-operator@v0.85.0';

/** Files that define ServiceMonitor, PodMonitor and PrometheusRule; fetched once a machine by Go's module cache. */
export async function prometheusCrds(): Promise<string[]> {
  const { stdout } = await promisify(execFile)('go', ['mod', 'download', '-json', MODULE], { cwd: tmpdir() });
  const { Dir } = JSON.parse(stdout) as { Dir: string };
  return ['servicemonitors', 'podmonitors', 'prometheusrules'].map((plural) =>
    join(Dir, 'example/prometheus-operator-crd', `monitoring.coreos.com_${plural}.yaml`),
  );
}
