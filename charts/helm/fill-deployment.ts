import { addAt, choice, literal, optional, parts, replaceAt, type Sentinels, valueAt, yaml } from './places';
import type { Variants } from './variants';

const POD = ['spec', 'template', 'spec'];
const CONTAINER = [...POD, 'containers', 0];
const ARGS = [...CONTAINER, 'args'];

/** Fills the places of the operator's Deployment. */
export function fillDeployment(deployment: object, { sentinels, listed, own }: Variants): void {
  replaceAt(deployment, ['spec', 'replicas'], literal('$.Values.replicas'));
  replaceAt(deployment, ['spec', 'strategy'], yaml('$.Values.strategy'));
  addAt(deployment, ['metadata', 'annotations'], yaml('$.Values.deploymentAnnotations'));
  fillPod(deployment);
  fillSpread(deployment, sentinels);
  fillArguments(deployment, { listed: listed.Deployment, own: own.Deployment });
  addAt(deployment, [...CONTAINER, 'imagePullPolicy'], optional('$.Values.image.pullPolicy'));
  const env = valueAt(deployment, [...CONTAINER, 'env']) as unknown[];
  env.push(parts({ yaml: '$.Values.env' }));
  replaceAt(deployment, [...CONTAINER, 'resources'], yaml('$.Values.resources'));
  for (const field of ['securityContext', 'livenessProbe', 'readinessProbe']) {
    replaceAt(deployment, [...CONTAINER, field], yaml(`$.Values.${field}`));
  }
  addAt(deployment, [...CONTAINER, 'envFrom'], yaml('$.Values.envFrom'));
  addAt(deployment, [...CONTAINER, 'volumeMounts'], yaml('$.Values.extraVolumeMounts'));
}

function fillPod(deployment: object): void {
  for (const field of ['affinity', 'tolerations', 'dnsConfig']) {
    addAt(deployment, [...POD, field], yaml(`$.Values.${field}`));
  }
  for (const field of ['dnsPolicy', 'runtimeClassName', 'schedulerName']) {
    addAt(deployment, [...POD, field], optional(`$.Values.${field}`));
  }
  addAt(deployment, [...POD, 'volumes'], yaml('$.Values.extraVolumes'));
  addAt(deployment, [...POD, 'imagePullSecrets'], yaml('include "hotstandby.pullSecrets" $ | fromYamlArray'));
  replaceAt(deployment, [...POD, 'nodeSelector'], yaml('$.Values.nodeSelector'));
  replaceAt(deployment, [...POD, 'securityContext'], yaml('$.Values.podSecurityContext'));
}

/** A constraint that selects no Pods is over the operator's own. */
function fillSpread(deployment: object, sentinels: Sentinels): void {
  const path = [...POD, 'topologySpreadConstraints'];
  const labelSelector = choice('not (hasKey . "labelSelector")', valueAt(deployment, [...path, 0, 'labelSelector']));
  const item = { [sentinels.add(parts({ yaml: '.' }))]: '', labelSelector };
  replaceAt(deployment, path, parts({ range: '$.Values.topologySpreadConstraints', item }));
}

/** The first argument says what is looked after; the others are the same in every scope. */
function fillArguments(deployment: object, { listed, own }: { listed: unknown; own: unknown }): void {
  const args = valueAt(deployment, ARGS) as unknown[];
  const first = (object: unknown) => String((valueAt(object, ARGS) as unknown[])[0]);
  const scope = [
    '{{- if $.Values.ownNamespaceOnly }}',
    `- ${first(own)}`,
    '{{- else }}',
    '{{- range $namespace := $.Values.namespaces }}',
    `- ${first(listed).replace(/zz\d+zz/, '{{ $namespace }}')}`,
    '{{- else }}',
    `- ${args[0]}`,
    '{{- end }}',
    '{{- end }}',
  ];
  const guard = args.indexOf('--admission-guard');
  const level = args.findIndex((arg) => String(arg).startsWith('--log-level='));
  if (guard < 0 || level < 0) throw new Error(`the operator's arguments have changed: ${args.join(' ')}`);
  const logLevel = String(args[level]).replace(/=.*/, '={{ $.Values.logLevel }}');
  args[level] = parts({ lines: [`- ${logLevel}`], present: 'true' });
  args[guard] = parts({ when: 'include "hotstandby.guarded" $', value: [args[guard]] });
  args[0] = parts({ lines: scope, present: 'true' });
  args.push(parts({ yaml: '$.Values.extraArgs' }));
}
