/** Constructs for cdk8s: a workload with idle Pods always ready, the operator that keeps them, and their API. */
export * from './busy-probe';
export * from './hot-standby';
export * from './hot-standby-crd';
export * from './hot-standby-operator';
export * from './hot-standby-operator-props';
export * from './hot-standby-props';
export * from './imports/apps.paia.tech';
export * from './spare-capacity';
