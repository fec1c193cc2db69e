/**
 * Writes what other programs take from this repository: the Helm chart, the dashboard, the alerts, what GitOps controllers read, and
 * the manifests of their example. A step of `npm run generate`; alone: `npx tsx tools/generate/packages.ts`.
 */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { writeManifests } from '../../charts/gitops/manifests';
import { dashboardJson, writeChart } from '../../charts/helm';
import { ROOT } from '../../root';
import { ALERT_RULES } from '../../src/install/alerts';
import { EXAMPLE, synthExample } from './gitops-example';

const SYNTH = join(ROOT, 'synth');

async function main(): Promise<void> {
  writeChart(join(SYNTH, 'helm/hotstandby'));
  mkdirSync(join(SYNTH, 'dashboards'), { recursive: true });
  writeFileSync(join(SYNTH, 'dashboards/hotstandby.json'), dashboardJson());
  mkdirSync(join(SYNTH, 'alerts'), { recursive: true });
  writeFileSync(join(SYNTH, 'alerts/hotstandby.yaml'), stringify(ALERT_RULES, { lineWidth: 0 }));
  for (const controller of ['argocd', 'flux']) rmSync(join(SYNTH, controller), { recursive: true, force: true });
  writeManifests(SYNTH);
  const scratch = mkdtempSync(join(tmpdir(), 'hotstandby-example-'));
  try {
    const clusters = await synthExample(scratch);
    rmSync(join(EXAMPLE, 'clusters'), { recursive: true, force: true });
    cpSync(clusters, join(EXAMPLE, 'clusters'), { recursive: true });
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
