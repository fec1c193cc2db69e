/** A certificate authority for one cluster: ECDSA P-256 throughout, nothing but node:crypto. */
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIP } from 'node:net';
import * as der from './der';

/** What a certificate says about its holder. */
export interface CertificateRequest {
  /** User name of a client certificate; for servers only a label. */
  commonName: string;
  /** Groups of a client certificate, e.g. `system:masters`. */
  organizations?: string[];
  dnsNames?: string[];
  /** IPv4 or IPv6 addresses a server is reached at. */
  ips?: string[];
  /** Default: client. */
  usages?: ('client' | 'server')[];
}

/** Both in PEM; the key is PKCS #8. */
export interface KeyPair {
  cert: string;
  key: string;
}

const OID = {
  commonName: '2.5.4.3',
  organization: '2.5.4.10',
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyId: '2.5.29.35',
  extKeyUsage: '2.5.29.37',
  server: '1.3.6.1.5.5.7.3.1',
  client: '1.3.6.1.5.5.7.3.2',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
} as const;

const DAY_MS = 86_400_000;
const VALID_DAYS = 365;
/** Machines' clocks differ: a certificate is valid from a little before it was made. */
const BACKDATED_MS = 3_600_000;
/** Bits of KeyUsage, most significant first: digitalSignature; keyCertSign + cRLSign. */
const USAGE_LEAF = der.bitString(Buffer.from([0x80]), 7);
const USAGE_CA = der.bitString(Buffer.from([0x06]), 1);

/** An authority that lives in memory and in the PEM files its cluster writes. */
export class CertificateAuthority {
  /** Its own certificate, PEM. */
  readonly cert: string;
  private readonly issuer: Buffer;
  private readonly privateKey: KeyObject;
  private readonly keyId: Buffer;

  /** @param now - time the certificates are made at; default the machine's. They are valid for 365 days. */
  constructor(
    commonName: string,
    private readonly now: () => Date = () => new Date(),
  ) {
    const pair = newKeys();
    this.privateKey = pair.privateKey;
    this.keyId = keyIdentifier(pair.publicKey);
    this.issuer = distinguishedName(commonName, []);
    this.cert = this.sign(this.issuer, pair.publicKey, [
      extension(OID.basicConstraints, der.sequence(der.booleanTrue), true),
      extension(OID.keyUsage, USAGE_CA, true),
      extension(OID.subjectKeyId, der.octetString(this.keyId)),
    ]);
  }

  /** A new key and a certificate for it. */
  issue(request: CertificateRequest): KeyPair {
    const { privateKey, publicKey } = newKeys();
    const usages = (request.usages ?? ['client']).map((usage) => der.oid(OID[usage]));
    const extensions = [
      extension(OID.keyUsage, USAGE_LEAF, true),
      extension(OID.extKeyUsage, der.sequence(...usages)),
      // Python 3.13 refuses a chain without it (VERIFY_X509_STRICT).
      extension(OID.authorityKeyId, der.sequence(der.implicit(0, this.keyId))),
      ...alternativeNames(request),
    ];
    const subject = distinguishedName(request.commonName, request.organizations ?? []);
    return { cert: this.sign(subject, publicKey, extensions), key: privatePem(privateKey) };
  }

  private sign(subject: Buffer, publicKey: KeyObject, extensions: Buffer[]): string {
    const algorithm = der.sequence(der.oid(OID.ecdsaWithSha256));
    const from = new Date(this.now().getTime() - BACKDATED_MS);
    const until = new Date(this.now().getTime() + VALID_DAYS * DAY_MS);
    const body = der.sequence(
      der.explicit(0, der.integer(Buffer.from([2]))),
      der.integer(serialNumber()),
      algorithm,
      this.issuer,
      der.sequence(der.utcTime(from), der.utcTime(until)),
      subject,
      publicKey.export({ type: 'spki', format: 'der' }),
      der.explicit(3, der.sequence(...extensions)),
    );
    const signature = der.bitString(sign('sha256', body, this.privateKey));
    return pem('CERTIFICATE', der.sequence(body, algorithm, signature));
  }
}

/** Keys that sign and verify ServiceAccount tokens, both in PEM. */
export function serviceAccountKeys(): { privateKey: string; publicKey: string } {
  const { privateKey, publicKey } = newKeys();
  return {
    privateKey: privatePem(privateKey),
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  };
}

function newKeys(): { privateKey: KeyObject; publicKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

function privatePem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** 16 random bytes, the first never zero: DER wants the shortest form of a positive integer. */
function serialNumber(): Buffer {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes;
}

/** RFC 5280 4.2.1.2 method 1: SHA-1 over the public key's bits, here the last 65 bytes of the P-256 SPKI. */
function keyIdentifier(publicKey: KeyObject): Buffer {
  const point = publicKey.export({ type: 'spki', format: 'der' }).subarray(-65);
  return createHash('sha1').update(point).digest();
}

function distinguishedName(commonName: string, organizations: string[]): Buffer {
  const part = (type: string, text: string): Buffer => der.set(der.sequence(der.oid(type), der.utf8(text)));
  return der.sequence(
    ...organizations.map((organization) => part(OID.organization, organization)),
    part(OID.commonName, commonName),
  );
}

function extension(type: string, content: Buffer, critical = false): Buffer {
  return der.sequence(der.oid(type), ...(critical ? [der.booleanTrue] : []), der.octetString(content));
}

function alternativeNames({ dnsNames = [], ips = [] }: CertificateRequest): Buffer[] {
  const bad = ips.find((ip) => isIP(ip) === 0);
  if (bad !== undefined) throw new Error(`certificate: "${bad}" is not an IP address; put host names in dnsNames`);
  const names = [
    ...dnsNames.map((name) => der.implicit(2, Buffer.from(name, 'ascii'))),
    ...ips.map((ip) => der.implicit(7, der.ipBytes(ip))),
  ];
  return names.length === 0 ? [] : [extension(OID.subjectAltName, der.sequence(...names))];
}

function pem(label: string, content: Buffer): string {
  const lines = content.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
