import { crdManifest } from '../../src/api/crd';

/**
 * The CRD as `cdk8s import` should see it. What it makes of an object with properties keeps those and drops every other
 * one, patches included; podTemplate promises to keep them (volumes would lose their sources), so it is imported open.
 */
export function importableCrd() {
  const crd = crdManifest();
  const [version] = crd.spec.versions;
  const { openAPIV3Schema } = version.schema;
  const { spec } = openAPIV3Schema.properties;
  const { type, description } = spec.properties.podTemplate;
  const podTemplate = { type, description, 'x-kubernetes-preserve-unknown-fields': true };
  const properties = {
    ...openAPIV3Schema.properties,
    spec: { ...spec, properties: { ...spec.properties, podTemplate } },
  };
  const schema = { openAPIV3Schema: { ...openAPIV3Schema, properties } };
  return { ...crd, spec: { ...crd.spec, versions: [{ ...version, schema }] } };
}

/** Arguments for cdk8s-cli that write the L1 made of the file `crd` to the folder `output`, with no network and no config. */
export function importArguments(crd: string, output: string): string[] {
  return ['import', crd, '--language=typescript', `--output=${output}`, '--no-save', '--check-upgrade=false'];
}
