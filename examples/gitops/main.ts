import { join } from 'node:path';
import { App, YamlOutputType } from 'cdk8s';
import { Rooms } from './apps/rooms';
import { ArgoCd, syncWave } from './delivery/argocd';
import { Flux } from './delivery/flux';
import { ENVIRONMENTS, type Environment, readEnvironment } from './environments';
import { Definitions, Operator } from './platform/hotstandby';

// cdk8s-cli says where to write, by this variable.
const CLUSTERS = process.env.CDK8S_OUTDIR ?? 'clusters';

/** One file a chart in `clusters/<folder>`. */
function folder(path: string, charts: (app: App) => void): void {
  const app = new App({ outdir: join(CLUSTERS, path), outputFileExtension: '.yaml' });
  charts(app);
  app.synth();
}

function platform(app: App, environment: Environment): void {
  syncWave(new Definitions(app, 'crds'), -2);
  syncWave(new Operator(app, 'operator', environment), -1);
}

// Argo CD's plugin (plugin/plugin.yaml) asks for the objects of one environment. In one file: `cdk8s synth --stdout`
// prints several at once, with nothing between the last object of one and the first of the next.
const asked = process.env.PARAM_ENVIRONMENT;
if (asked) {
  const environment = readEnvironment(asked);
  const app = new App({ yamlOutputType: YamlOutputType.FILE_PER_APP });
  platform(app, environment);
  new Rooms(app, 'rooms', environment);
  app.synth();
} else {
  for (const name of ENVIRONMENTS) {
    const environment = readEnvironment(name);
    folder(join(name, 'platform'), (app) => platform(app, environment));
    folder(join(name, 'apps'), (app) => new Rooms(app, 'rooms', environment));
    folder(name, (app) => {
      new ArgoCd(app, 'argocd', name);
      new Flux(app, 'flux', name);
    });
  }
}
