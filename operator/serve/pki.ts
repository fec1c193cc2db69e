/** A certificate authority: ECDSA P-256 throughout. */
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIP } from 'node:net';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import * as x509 from '@peculiar/asn1-x509';

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

const COMMON_NAME = '2.5.4.3';
const ORGANIZATION = '2.5.4.10';
const ECDSA_WITH_SHA256 = new x509.AlgorithmIdentifier({ algorithm: '1.2.840.10045.4.3.2' });
const USAGE = { client: x509.id_kp_clientAuth, server: x509.id_kp_serverAuth } as const;

const DAY_MS = 86_400_000;
const VALID_DAYS = 365;
/** Machines' clocks differ: a certificate is valid from a little before it was made. */
const BACKDATED_MS = 3_600_000;

/** An authority that lives in memory: its key is never written. */
export class CertificateAuthority {
  /** Its own certificate, PEM. */
  readonly cert: string;
  private readonly issuer: x509.Name;
  private readonly privateKey: KeyObject;
  private readonly keyId: OctetString;

  /** @param now - time the certificates are made at; default the machine's. They are valid for 365 days. */
  constructor(
    commonName: string,
    private readonly now: () => Date = () => new Date(),
  ) {
    const pair = newKeys();
    this.privateKey = pair.privateKey;
    this.keyId = new OctetString(keyIdentifier(pair.publicKey));
    this.issuer = distinguishedName(commonName, []);
    const { keyCertSign, cRLSign } = x509.KeyUsageFlags;
    this.cert = this.sign(this.issuer, pair.publicKey, [
      extension(x509.id_ce_basicConstraints, new x509.BasicConstraints({ cA: true }), true),
      extension(x509.id_ce_keyUsage, new x509.KeyUsage(keyCertSign | cRLSign), true),
      extension(x509.id_ce_subjectKeyIdentifier, new x509.SubjectKeyIdentifier(this.keyId)),
    ]);
  }

  /** A new key and a certificate for it. */
  issue(request: CertificateRequest): KeyPair {
    const { commonName, organizations = [], usages = ['client'] } = request;
    const { privateKey, publicKey } = newKeys();
    const names = alternativeNames(request);
    const keyIdentifier = new x509.KeyIdentifier(this.keyId);
    const extensions = [
      extension(x509.id_ce_keyUsage, new x509.KeyUsage(x509.KeyUsageFlags.digitalSignature), true),
      extension(x509.id_ce_extKeyUsage, new x509.ExtendedKeyUsage(usages.map((usage) => USAGE[usage]))),
      // Python 3.13 refuses a chain without it (VERIFY_X509_STRICT).
      extension(x509.id_ce_authorityKeyIdentifier, new x509.AuthorityKeyIdentifier({ keyIdentifier })),
      ...(names.length > 0 ? [extension(x509.id_ce_subjectAltName, new x509.SubjectAlternativeName(names))] : []),
    ];
    const cert = this.sign(distinguishedName(commonName, organizations), publicKey, extensions);
    return { cert, key: privatePem(privateKey) };
  }

  private sign(subject: x509.Name, publicKey: KeyObject, extensions: x509.Extension[]): string {
    const now = this.now().getTime();
    const tbsCertificate = new x509.TBSCertificate({
      version: x509.Version.v3,
      serialNumber: serialNumber(),
      signature: ECDSA_WITH_SHA256,
      issuer: this.issuer,
      validity: new x509.Validity({
        notBefore: new Date(now - BACKDATED_MS),
        notAfter: new Date(now + VALID_DAYS * DAY_MS),
      }),
      subject,
      subjectPublicKeyInfo: AsnConvert.parse(spki(publicKey), x509.SubjectPublicKeyInfo),
      extensions: new x509.Extensions(extensions),
    });
    const signatureValue = new Uint8Array(sign('sha256', der(tbsCertificate), this.privateKey)).buffer;
    return pem(der(new x509.Certificate({ tbsCertificate, signatureAlgorithm: ECDSA_WITH_SHA256, signatureValue })));
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

function spki(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' });
}

/** 16 random bytes, the first never zero: DER wants the shortest form of a positive integer. */
function serialNumber(): ArrayBuffer {
  const bytes = new Uint8Array(randomBytes(16));
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.buffer;
}

/** RFC 5280 4.2.1.2 method 1: SHA-1 over the public key's bits, here the last 65 bytes of the P-256 SPKI. */
function keyIdentifier(publicKey: KeyObject): Buffer {
  return createHash('sha1').update(spki(publicKey).subarray(-65)).digest();
}

function distinguishedName(commonName: string, organizations: string[]): x509.Name {
  const part = (type: string, utf8String: string): x509.RelativeDistinguishedName =>
    new x509.RelativeDistinguishedName([
      new x509.AttributeTypeAndValue({ type, value: new x509.AttributeValue({ utf8String }) }),
    ]);
  return new x509.Name([...organizations.map((name) => part(ORGANIZATION, name)), part(COMMON_NAME, commonName)]);
}

function extension(extnID: string, content: unknown, critical = false): x509.Extension {
  return new x509.Extension({ extnID, critical, extnValue: new OctetString(der(content)) });
}

function alternativeNames({ dnsNames = [], ips = [] }: CertificateRequest): x509.GeneralName[] {
  const bad = ips.find((ip) => isIP(ip) === 0);
  if (bad !== undefined) throw new Error(`certificate: "${bad}" is not an IP address; put host names in dnsNames`);
  return [
    ...dnsNames.map((dNSName) => new x509.GeneralName({ dNSName })),
    ...ips.map((iPAddress) => new x509.GeneralName({ iPAddress })),
  ];
}

function der(value: unknown): Buffer {
  return Buffer.from(AsnConvert.serialize(value));
}

function pem(content: Buffer): string {
  const lines = content.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
