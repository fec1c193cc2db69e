/** The little of ASN.1 DER (ITU-T X.690) that certificates need. */
import { isIPv4 } from 'node:net';

const TAG = { integer: 0x02, bitString: 0x03, octetString: 0x04, oid: 0x06, utf8: 0x0c, utcTime: 0x17 } as const;
const BOOLEAN_TRUE = Buffer.from([0x01, 0x01, 0xff]);

function value(tag: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([tag]), length(content.length), content]);
}

function length(count: number): Buffer {
  if (count < 0x80) return Buffer.from([count]);
  const hex = count.toString(16);
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  return Buffer.concat([Buffer.from([0x80 | bytes.length]), bytes]);
}

export const sequence = (...parts: Buffer[]): Buffer => value(0x30, Buffer.concat(parts));
export const set = (...parts: Buffer[]): Buffer => value(0x31, Buffer.concat(parts));
export const octetString = (content: Buffer): Buffer => value(TAG.octetString, content);
export const utf8 = (text: string): Buffer => value(TAG.utf8, Buffer.from(text, 'utf8'));
/** Context-specific, constructed: `[number] EXPLICIT`. */
export const explicit = (number: number, content: Buffer): Buffer => value(0xa0 | number, content);
/** Context-specific, primitive: `[number] IMPLICIT` of a string type. */
export const implicit = (number: number, content: Buffer): Buffer => value(0x80 | number, content);
export const booleanTrue = BOOLEAN_TRUE;

/** A non-negative INTEGER from its big-endian bytes. */
export function integer(bytes: Buffer): Buffer {
  const first = bytes[0] ?? 0;
  return value(TAG.integer, first >= 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes);
}

export function bitString(content: Buffer, unusedBits = 0): Buffer {
  return value(TAG.bitString, Buffer.concat([Buffer.from([unusedBits]), content]));
}

/** OBJECT IDENTIFIER from its dotted form, e.g. `2.5.4.3`. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return value(TAG.oid, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

function base128(number: number): number[] {
  const digits = [number & 0x7f];
  for (let left = number >> 7; left > 0; left >>= 7) digits.unshift((left & 0x7f) | 0x80);
  return digits;
}

/** UTCTime, whole seconds; years up to 2049 by definition. */
export function utcTime(date: Date): Buffer {
  const digits = date
    .toISOString()
    .replace(/\.\d+Z$/, '')
    .replace(/[-:T]/g, '');
  return value(TAG.utcTime, Buffer.from(`${digits.slice(2)}Z`, 'ascii'));
}

/** The 4 or 16 bytes of an IP address. */
export function ipBytes(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const left = groups(head);
  const right = groups(tail ?? '');
  const words = [...left, ...new Array<number>(8 - left.length - right.length).fill(0), ...right];
  return Buffer.from(words.flatMap((word) => [word >> 8, word & 0xff]));
}

function groups(text: string): number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
}
