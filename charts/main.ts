import { App } from 'cdk8s';
import { AdmissionMarks, Crds, Install, NamespacedInstall } from './install';

// One file a chart, named after it: crds.yaml, install.yaml, and so on. cdk8s-cli says where by CDK8S_OUTDIR.
const app = new App({ outputFileExtension: '.yaml' });
new Crds(app, 'crds');
new Install(app, 'install');
new NamespacedInstall(app, 'namespaced-install');
new AdmissionMarks(app, 'admission-marks');
app.synth();
