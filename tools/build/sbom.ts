/** The operator's software bill of materials as CycloneDX 1.6. Pure: the same bundle gives the same bytes. */
import { createHash } from 'node:crypto';
import type { BundledPackage, BundledPackages } from './bundled-packages';

const OPERATOR = 'hotstandby-operator';

/** What the bill says besides the packages. */
export interface SbomSubject {
  readonly version: string;
  /** SHA-256 of the bundle, in hex. */
  readonly sha256: string;
}

/** What is in the bundle and nothing else: the base image has its own bill, which BuildKit attests. */
export function cycloneDx({ packages, imports }: BundledPackages, { version, sha256 }: SbomSubject): object {
  const refs = new Map(packages.map((it) => [it.folder, purl(it)]));
  const dependsOn = (folder: string): string[] =>
    [...(imports.get(folder) ?? [])].map((it) => refs.get(it) ?? it).sort();
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${uuid(sha256)}`,
    version: 1,
    metadata: {
      component: {
        type: 'application',
        'bom-ref': OPERATOR,
        name: OPERATOR,
        version,
        hashes: [{ alg: 'SHA-256', content: sha256 }],
        licenses: [{ license: { id: 'Apache-2.0' } }],
      },
    },
    components: packages.map((it) => ({
      type: 'library',
      'bom-ref': purl(it),
      ...groupAndName(it),
      version: it.version,
      hashes: [
        { alg: 'SHA-512', content: Buffer.from(it.integrity.replace(/^sha512-/, ''), 'base64').toString('hex') },
      ],
      licenses: [/\s/.test(it.license) ? { expression: it.license } : { license: { id: it.license } }],
      purl: purl(it),
    })),
    dependencies: [
      { ref: OPERATOR, dependsOn: dependsOn('') },
      ...packages.map((it) => ({ ref: purl(it), dependsOn: dependsOn(it.folder) })),
    ],
  };
}

function groupAndName({ name }: BundledPackage): { group?: string; name: string } {
  const [group, rest] = name.split('/');
  return rest === undefined ? { name } : { group, name: rest };
}

/** https://github.com/package-url/purl-spec: the @ of a scope is escaped. */
function purl({ name, version }: BundledPackage): string {
  return `pkg:npm/${name.replace('@', '%40')}@${version}`;
}

/** A version 8 UUID (RFC 9562: own choice of bits) made of a hash. */
function uuid(sha256: string): string {
  const hex = createHash('sha256').update(`${OPERATOR} ${sha256}`).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `a${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  );
}
