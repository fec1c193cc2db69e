/** The twin of every_feature.py: what jsii has to carry across, each of it once. */
import { ApiObject, App, Chart, Cron, Duration, JsonPatch } from 'cdk8s';
import * as kplus from 'cdk8s-plus-28';
import {
  AutoIdle,
  BusyProbe,
  HotStandby,
  HotStandbyCrd,
  HotStandbyDeployment,
  HotStandbyOperator,
  LogLevel,
  Monitoring,
  SessionDeletePolicy,
} from '../../src';

const app = new App();
const chart = new Chart(app, 'every-feature', { namespace: 'games' });

const rooms = new HotStandby(chart, 'rooms', {
  idleTarget: 2,
  minReplicas: 1,
  maxReplicas: 9,
  busyProbe: BusyProbe.annotation({ key: 'acme.io/busy' }),
  minReady: Duration.seconds(5),
  scaleDownStabilizationWindow: Duration.minutes(1),
  onDelete: SessionDeletePolicy.DRAIN,
  idlePercent: 10,
  schedules: [
    { name: 'day', start: Cron.daily(), end: Cron.schedule({ hour: '18' }), idleTarget: 5, timeZone: 'Europe/Berlin' },
  ],
  autoIdle: AutoIdle.apply({ hitTarget: 95, window: Duration.hours(2) }),
  containers: [{ image: 'room:1', portNumber: 8080 }],
});
rooms.selfAnnotating();
rooms.exposeIdle();
ApiObject.of(rooms).addJsonPatch(JsonPatch.add('/spec/podTemplate/spec/runtimeClassName', 'gvisor'));

const deployment = new kplus.Deployment(chart, 'lobby', {
  spread: true,
  containers: [{ image: 'lobby:1', portNumber: 8080 }],
});
deployment.exposeViaService();
const lobby = HotStandby.fromDeployment(chart, 'lobby-standby', deployment, {
  idleTarget: 1,
  busyProbe: BusyProbe.http(),
});
lobby.addContainer({ image: 'log:1', name: 'log' });
lobby.exposeIdle({ name: 'lobby-idle' });

new HotStandbyDeployment(chart, 'plain', {
  spec: {
    idleTarget: 1,
    selector: { matchLabels: { app: 'plain' } },
    podTemplate: { spec: { containers: [{ name: 'a', image: 'a:1' }], newField: { of: 'tomorrow' } } },
  },
});

new HotStandbyCrd(chart, 'crd');
new HotStandbyOperator(chart, 'operator', {
  crd: false,
  namespaces: ['games'],
  logLevel: LogLevel.DEBUG,
  monitoring: Monitoring.SERVICE_MONITOR,
  nodeLabels: [kplus.NodeLabelQuery.doesNotExist('spot')],
  tolerations: [kplus.NodeTaintQuery.exists('dedicated')],
});

app.synth();
