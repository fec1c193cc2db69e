import { App } from 'cdk8s';
import { Crds, Install, NamespacedInstall } from './install';

// One file a chart, named after it: crds.yaml, install.yaml, namespaced-install.yaml. cdk8s-cli says where by CDK8S_OUTDIR.
const app = new App({ outputFileExtension: '.yaml' });
new Crds(app, 'crds');
new Install(app, 'install');
new NamespacedInstall(app, 'namespaced-install');
app.synth();
