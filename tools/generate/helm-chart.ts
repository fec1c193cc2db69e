/**
 * Writes the Helm chart and the dashboard under synth/. A step of `npm run generate`; alone: `npx tsx tools/generate/helm-chart.ts`.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dashboardJson, writeChart } from '../../charts/helm';

const SYNTH = join(__dirname, '../../synth');

writeChart(join(SYNTH, 'helm/hotstandby'));
mkdirSync(join(SYNTH, 'dashboards'), { recursive: true });
writeFileSync(join(SYNTH, 'dashboards/hotstandby.json'), dashboardJson());
