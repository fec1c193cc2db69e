import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { GROUP, KIND, VERSION } from '../src/api/names';

/** Where the Pod template is; a Deployment has it in spec/template. */
const TEMPLATE = 'spec/podTemplate';
const POD = `${TEMPLATE}/spec`;

const at = (...paths: string[]) => paths.map((path) => ({ group: GROUP, kind: KIND, path }));
const inContainers = (path: string) => ['containers', 'initContainers'].map((list) => `${POD}/${list}/${path}`);

/** Fields that name another object: kustomize writes its new name there. */
const NAME_REFERENCES = [
  {
    kind: 'ConfigMap',
    version: 'v1',
    fieldSpecs: at(
      `${POD}/volumes/configMap/name`,
      `${POD}/volumes/projected/sources/configMap/name`,
      ...inContainers('env/valueFrom/configMapKeyRef/name'),
      ...inContainers('envFrom/configMapRef/name'),
    ),
  },
  {
    kind: 'Secret',
    version: 'v1',
    fieldSpecs: at(
      `${POD}/volumes/secret/secretName`,
      `${POD}/volumes/projected/sources/secret/name`,
      `${POD}/imagePullSecrets/name`,
      ...inContainers('env/valueFrom/secretKeyRef/name'),
      ...inContainers('envFrom/secretRef/name'),
    ),
  },
  { kind: 'ServiceAccount', version: 'v1', fieldSpecs: at(`${POD}/serviceAccountName`, `${POD}/serviceAccount`) },
  { kind: 'PersistentVolumeClaim', version: 'v1', fieldSpecs: at(`${POD}/volumes/persistentVolumeClaim/claimName`) },
  {
    kind: 'PriorityClass',
    group: 'scheduling.k8s.io',
    fieldSpecs: at(`${POD}/priorityClassName`),
  },
];

const created = (...paths: string[]) => at(...paths).map((spec) => ({ ...spec, create: true }));

/** What kustomize's own fields reach in a HotStandbyDeployment. */
const CONFIGURATION = {
  nameReference: NAME_REFERENCES,
  // As `kubectl scale` does.
  replicas: created('spec/idleTarget'),
  commonLabels: created('spec/selector/matchLabels', `${TEMPLATE}/metadata/labels`),
  templateLabels: created(`${TEMPLATE}/metadata/labels`),
  commonAnnotations: created(`${TEMPLATE}/metadata/annotations`),
};

type Schema = Record<string, unknown>;

/** A list whose items a strategic merge patch tells apart by `key`, as in Kubernetes' own PodSpec. */
const mergedBy = (key: string, properties: Schema = {}): Schema => ({
  type: 'array',
  items: { type: 'object', properties: { [key]: { type: 'string' }, ...properties } },
  'x-kubernetes-patch-merge-key': key,
  'x-kubernetes-patch-strategy': 'merge',
});

const container: Schema = {
  env: mergedBy('name'),
  ports: mergedBy('containerPort'),
  volumeMounts: mergedBy('mountPath'),
  volumeDevices: mergedBy('devicePath'),
};

/** By which a patch of one container leaves the others. */
function openApi(): object {
  const pod = {
    containers: mergedBy('name', container),
    initContainers: mergedBy('name', container),
    volumes: mergedBy('name'),
    imagePullSecrets: mergedBy('name'),
    hostAliases: mergedBy('ip'),
    topologySpreadConstraints: mergedBy('topologyKey'),
  };
  const object = (properties: Schema): Schema => ({ type: 'object', properties });
  const template = object({ metadata: { type: 'object' }, spec: object(pod) });
  return {
    definitions: {
      [`tech.paia.apps.${VERSION}.${KIND}`]: {
        ...object({
          apiVersion: { type: 'string' },
          kind: { type: 'string' },
          metadata: { type: 'object' },
          spec: object({ podTemplate: template }),
        }),
        'x-kubernetes-group-version-kind': [{ group: GROUP, version: VERSION, kind: KIND }],
      },
    },
  };
}

/** Writes what kustomize must know of HotStandbyDeployments, as a component. */
export function writeComponent(folder: string): void {
  const component = {
    apiVersion: 'kustomize.config.k8s.io/v1alpha1',
    kind: 'Component',
    configurations: ['configuration.yaml'],
    openapi: { path: 'schema.json' },
  };
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'kustomization.yaml'), stringify(component));
  writeFileSync(join(folder, 'configuration.yaml'), stringify(CONFIGURATION, { aliasDuplicateObjects: false }));
  writeFileSync(join(folder, 'schema.json'), `${JSON.stringify(openApi(), undefined, 2)}\n`);
}
