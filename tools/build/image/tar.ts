/** Deterministic tar (POSIX ustar, with a pax record for long names): same entries, same bytes. */

/** One member of an archive. Owner is root and time 1970, whatever the machine says. */
export interface TarEntry {
  /** Path without a leading slash. */
  readonly path: string;
  /** Permission bits, e.g. 0o755. */
  readonly mode: number;
  readonly type: 'file' | 'directory' | 'symlink';
  /** Size in bytes. Files only. */
  readonly size?: number;
  /** What a symlink points to. */
  readonly target?: string;
}

const BLOCK = 512;
const TYPE_FLAG = { file: '0', directory: '5', symlink: '2' } as const;
/** Bytes in the header's name and link fields. Longer ones go into a pax record before the header. */
const NAME_BYTES = 100;

/** The header block(s) of an entry. The file's bytes and `tarPadding` follow. */
export function tarHeader(entry: TarEntry): Buffer {
  const path = entry.type === 'directory' ? `${entry.path.replace(/\/$/, '')}/` : entry.path;
  const long = [
    ...(Buffer.byteLength(path) > NAME_BYTES ? [paxRecord('path', path)] : []),
    ...(Buffer.byteLength(entry.target ?? '') > NAME_BYTES ? [paxRecord('linkpath', entry.target ?? '')] : []),
  ].join('');
  const header = block(path, entry.mode, entry.size ?? 0, TYPE_FLAG[entry.type], entry.target ?? '');
  if (long === '') return header;
  const body = Buffer.from(long);
  return Buffer.concat([block('pax', 0o644, body.length, 'x', ''), body, tarPadding(body.length), header]);
}

/** Zeros that fill a member of `size` bytes up to a whole block. */
export function tarPadding(size: number): Buffer {
  return Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);
}

/** The two empty blocks that end an archive. */
export const TAR_END = Buffer.alloc(2 * BLOCK);

/** A whole member with its bytes in memory. */
export function tarMember(path: string, content: Buffer, mode = 0o644): Buffer {
  const header = tarHeader({ path, mode, type: 'file', size: content.length });
  return Buffer.concat([header, content, tarPadding(content.length)]);
}

function block(name: string, mode: number, size: number, type: string, target: string): Buffer {
  const header = Buffer.alloc(BLOCK);
  header.write(truncate(name), 0);
  header.write(octal(mode, 7), 100);
  header.write(octal(0, 7), 108);
  header.write(octal(0, 7), 116);
  header.write(octal(size, 11), 124);
  header.write(octal(0, 11), 136);
  header.write(' '.repeat(8), 148);
  header.write(type, 156);
  header.write(truncate(target), 157);
  header.write('ustar\x0000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${octal(sum, 6)}\0 `, 148);
  return header;
}

function truncate(name: string): string {
  return Buffer.from(name).subarray(0, NAME_BYTES).toString();
}

function octal(value: number, digits: number): string {
  const text = value.toString(8).padStart(digits, '0');
  if (text.length > digits) throw new Error(`tar: ${value} does not fit into ${digits} octal digits`);
  return text;
}

/** "LENGTH key=value\n", where LENGTH counts its own digits too. */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = Buffer.byteLength(rest);
  while (length !== Buffer.byteLength(rest) + String(length).length)
    length = Buffer.byteLength(rest) + String(length).length;
  return `${length}${rest}`;
}
