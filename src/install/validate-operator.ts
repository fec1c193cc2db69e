import type { HotStandbyOperatorProps, OperatorNetworkPolicy } from '../hot-standby-operator-props';
import { checkDnsLabel, checkDuration, checkInteger } from '../validation';
import { DEFAULT_REPLICAS, IMAGE_REPOSITORY } from './deployment';
import { validatePolicies } from './policies';

/** Throws when a property is out of its bounds or contradicts another one. */
export function validateOperator(props: HotStandbyOperatorProps): void {
  checkInteger('replicas', props.replicas, { min: 1, max: 10 });
  validateNames(props);
  validateNamespaces(props);
  validateImage(props.image);
  validatePolicies(props);
  validatePods(props);
  validateNetworkPolicy(props.networkPolicy);
  checkDuration('scrapeInterval', props.scrapeInterval, { min: 1 });
}

/** Set for the operator from the Pod itself. */
const OWN_VARIABLES = ['POD_NAME', 'POD_NAMESPACE'];

function validatePods({
  env,
  extraArgs,
  replicas,
  serviceAccount,
  serviceAccountAnnotations,
}: HotStandbyOperatorProps): void {
  for (const name of OWN_VARIABLES) {
    if (env?.[name] !== undefined) {
      throw new Error(`'env' sets ${name}, which the operator gets from its Pod: leave it out`);
    }
  }
  if (extraArgs?.includes('--no-leader-elect') && (replicas ?? DEFAULT_REPLICAS) > 1) {
    throw new Error(
      `'extraArgs' has --no-leader-elect with ${replicas ?? DEFAULT_REPLICAS} 'replicas', and all of them would write: set 'replicas: 1' or leave it out`,
    );
  }
  if (serviceAccount && serviceAccountAnnotations) {
    throw new Error(
      "'serviceAccountAnnotations' are for the ServiceAccount made here and 'serviceAccount' names another: give one of them",
    );
  }
}

function validateNetworkPolicy(policy: OperatorNetworkPolicy | undefined): void {
  for (const property of ['apiServerPorts', 'probePorts'] as const) {
    for (const [index, port] of (policy?.[property] ?? []).entries()) {
      checkInteger(`networkPolicy.${property}[${index}]`, port, { min: 1, max: 65535 });
    }
  }
  // A rule without ports or without addresses would allow all of them.
  for (const property of ['apiServerPorts', 'apiServerCidrs'] as const) {
    if (policy?.[property]?.length === 0) {
      throw new Error(`'networkPolicy.${property}' is empty, so nothing could be reached: name some or leave it out`);
    }
  }
}

function validateNames(props: HotStandbyOperatorProps): void {
  if (props.name !== undefined) {
    checkDnsLabel('name', props.name);
    // "-operator" has 9 characters and the result is a ServiceAccount name used as a label by others: 63 at most.
    if (props.name.length > 54) {
      throw new Error(`'name' has ${props.name.length} characters: at most 54 are allowed, choose a shorter one`);
    }
  }
  if (props.namespace !== undefined) {
    checkDnsLabel('namespace', props.namespace);
  }
  if (props.version?.startsWith('v')) {
    throw new Error(`'version' is "${props.version}": leave out the "v", as in "${props.version.slice(1)}"`);
  }
}

function validateNamespaces(props: HotStandbyOperatorProps): void {
  const { namespaces } = props;
  if (namespaces === undefined) {
    return;
  }
  if (props.ownNamespaceOnly) {
    throw new Error("'namespaces' and 'ownNamespaceOnly' exclude each other: give one of them");
  }
  if (namespaces.length === 0) {
    throw new Error("'namespaces' is empty: name at least one, or leave it out to watch all");
  }
  for (const [index, namespace] of namespaces.entries()) {
    checkDnsLabel(`namespaces[${index}]`, namespace);
    if (namespaces.indexOf(namespace) !== index) {
      throw new Error(`'namespaces' names "${namespace}" twice: name it once`);
    }
  }
}

function validateImage(image: string | undefined): void {
  if (image === undefined) {
    return;
  }
  if (!/^[^\s@]+(@[^\s@]+)?$/.test(image)) {
    throw new Error(`'image' is "${image}": give an image reference, for example ${IMAGE_REPOSITORY}:v1.2.3`);
  }
  const digest = image.split('@')[1];
  if (digest !== undefined && !/^sha256:[0-9a-f]{64}$/.test(digest)) {
    throw new Error(`'image' is "${image}": give its digest as sha256: and 64 hexadecimal digits`);
  }
}
