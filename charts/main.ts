import { writeInstall } from './install';

// cdk8s-cli says where, by this variable.
writeInstall(process.env.CDK8S_OUTDIR ?? 'dist');
