/**
 * Writes the Helm chart, the dashboard and the alerts under synth/. A step of `npm run generate`; alone: `npx tsx tools/generate/helm-chart.ts`.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { dashboardJson, writeChart } from '../../charts/helm';
import { ALERT_RULES } from '../../src/install/alerts';

const SYNTH = join(__dirname, '../../synth');

writeChart(join(SYNTH, 'helm/hotstandby'));
mkdirSync(join(SYNTH, 'dashboards'), { recursive: true });
writeFileSync(join(SYNTH, 'dashboards/hotstandby.json'), dashboardJson());
mkdirSync(join(SYNTH, 'alerts'), { recursive: true });
writeFileSync(join(SYNTH, 'alerts/hotstandby.yaml'), stringify(ALERT_RULES, { lineWidth: 0 }));
