import { DASHBOARD_PANELS, type PanelSpec } from './dashboard-panels';
import type { OperatorInput } from './operator-input';

/** Grafana's grid is so many columns wide. */
const COLUMNS = 24;

/** Of dashboards made by Grafana 11; later ones migrate it by themselves. */
const SCHEMA_VERSION = 39;

const DATASOURCE = { type: 'prometheus', uid: '$datasource' };

/** Column, line, width and height in the grid. */
interface GridPosition {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

/** The dashboard as Grafana imports it. */
export function dashboardModel() {
  return {
    uid: 'hotstandby',
    title: 'HotStandby',
    description: 'Pools of idle Pods, the sessions they hold, and the operator that keeps them.',
    tags: ['hotstandby', 'kubernetes'],
    schemaVersion: SCHEMA_VERSION,
    editable: true,
    refresh: '30s',
    time: { from: 'now-1h', to: 'now' },
    templating: { list: variables() },
    panels: placed(DASHBOARD_PANELS),
  };
}

/** The dashboard as a ConfigMap for Grafana's sidecar. */
export function dashboardManifest(
  { name, namespace, labels }: OperatorInput,
  dashboardLabels: { readonly [key: string]: string },
) {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: `${name}-dashboard`, namespace, labels: { ...dashboardLabels, ...labels } },
    data: { 'hotstandby.json': `${JSON.stringify(dashboardModel(), undefined, 2)}\n` },
  };
}

function variables() {
  const all = { includeAll: true, multi: true, current: { text: 'All', value: '$__all' }, refresh: 2, sort: 1 };
  const labelValues = (name: string, query: string) => ({
    ...all,
    name,
    type: 'query',
    datasource: DATASOURCE,
    query: { query, refId: name },
  });
  return [
    { name: 'datasource', type: 'datasource', query: 'prometheus', label: 'Data source' },
    // With no such label anywhere there is nothing to choose, and everything matches.
    { ...labelValues('cluster', 'label_values(hotstandby_leader, cluster)'), allValue: '.*' },
    labelValues('namespace', 'label_values(hotstandby_target_pods{cluster=~"$cluster"}, namespace)'),
    labelValues('name', 'label_values(hotstandby_target_pods{cluster=~"$cluster",namespace=~"$namespace"}, name)'),
  ];
}

/** Panels one after the other, a new line wherever the next one does not fit. */
function placed(specs: readonly PanelSpec[]) {
  let [x, y, lineHeight] = [0, 0, 0];
  return specs.map((spec, index) => {
    if (x + spec.width > COLUMNS) {
      [x, y, lineHeight] = [0, y + lineHeight, 0];
    }
    const gridPos = { x, y, w: spec.width, h: spec.height };
    x += spec.width;
    lineHeight = Math.max(lineHeight, spec.height);
    return panel(spec, index + 1, gridPos);
  });
}

function panel({ title, description, type, unit, queries, thresholds }: PanelSpec, id: number, gridPos: GridPosition) {
  return {
    id,
    type,
    title,
    description,
    gridPos,
    datasource: DATASOURCE,
    fieldConfig: { defaults: { unit, min: 0, ...(thresholds && { thresholds }) }, overrides: [] },
    options: type === 'stat' ? statOptions() : { tooltip: { mode: 'multi' }, legend: { displayMode: 'list' } },
    targets: queries.map(({ expr, legend }, index) => ({
      refId: String.fromCharCode('A'.charCodeAt(0) + index),
      datasource: DATASOURCE,
      expr,
      legendFormat: legend,
    })),
  };
}

function statOptions() {
  return { colorMode: 'value', graphMode: 'none', reduceOptions: { calcs: ['lastNotNull'] } };
}
