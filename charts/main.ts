import { App } from 'cdk8s';
import { addCharts } from './install';

// One file a chart, named after it: crds.yaml, install.yaml, and so on. cdk8s-cli says where by CDK8S_OUTDIR.
const app = new App({ outputFileExtension: '.yaml' });
addCharts(app);
app.synth();
