import { createPrivateKey, createPublicKey, sign, verify, X509Certificate } from 'node:crypto';
import { CertificateAuthority, serviceAccountKeys } from '../../../operator/serve/pki';

const NOW = new Date('2030-05-06T07:08:09Z');
const authority = new CertificateAuthority('test-ca', () => NOW);
const parsed = (pem: string): X509Certificate => new X509Certificate(pem);

test('the authority signs itself and may sign others', () => {
  const ca = parsed(authority.cert);
  expect(ca.subject).toBe('CN=test-ca');
  expect(ca.ca).toBe(true);
  expect(ca.verify(ca.publicKey)).toBe(true);
});

test('a client certificate carries its user and groups, and is signed by the authority', () => {
  const { cert, key } = authority.issue({ commonName: 'system:node:a', organizations: ['system:nodes', 'other'] });
  const client = parsed(cert);
  expect(client.subject).toBe('O=system:nodes\nO=other\nCN=system:node:a');
  expect(client.checkIssued(parsed(authority.cert))).toBe(true);
  expect(client.verify(parsed(authority.cert).publicKey)).toBe(true);
  expect(client.ca).toBe(false);
  expect(client.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
  expect(client.checkPrivateKey(createPrivateKey(key))).toBe(true);
});

test('a server certificate answers for its names and addresses, IPv6 too', () => {
  const request = { commonName: 'api', dnsNames: ['localhost'], ips: ['127.0.0.1', '10.96.0.1', 'fd00::1', '::'] };
  const server = parsed(authority.issue({ ...request, usages: ['server', 'client'] }).cert);
  expect(server.checkHost('localhost')).toBe('localhost');
  for (const ip of request.ips) expect(server.checkIP(ip)).toBe(ip);
  expect(server.checkIP('127.0.0.2')).toBeUndefined();
  expect(server.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
});

test('certificates are valid from an hour before they are made, for a year', () => {
  const certificate = parsed(authority.issue({ commonName: 'x' }).cert);
  expect(new Date(certificate.validFrom)).toEqual(new Date('2030-05-06T06:08:09Z'));
  expect(new Date(certificate.validTo)).toEqual(new Date('2031-05-06T07:08:09Z'));
});

test('two certificates never share a serial number', () => {
  const serials = Array.from({ length: 20 }, () => parsed(authority.issue({ commonName: 'x' }).cert).serialNumber);
  expect(new Set(serials).size).toBe(20);
});

test('a host name among the addresses is refused with advice', () => {
  expect(() => authority.issue({ commonName: 'x', ips: ['localhost'] })).toThrow(
    'certificate: "localhost" is not an IP address; put host names in dnsNames',
  );
});

test('what the ServiceAccount private key signs, the public key verifies', () => {
  const { privateKey, publicKey } = serviceAccountKeys();
  const signature = sign('sha256', Buffer.from('token'), privateKey);
  expect(verify('sha256', Buffer.from('token'), createPublicKey(publicKey), signature)).toBe(true);
});
