import { inflateRawSync } from 'node:zlib';

/** PKWARE APPNOTE.TXT: 4.3.16 end of central directory, 4.3.12 central directory header, 4.3.7 local file header. */
const END = { signature: 0x06054b50, size: 22, entries: 10, directory: 16, longestComment: 0xffff };
const ENTRY = { signature: 0x02014b50, size: 46, method: 10, packed: 20, name: 28, extra: 30, comment: 32, local: 42 };
const LOCAL = { size: 30, name: 26, extra: 28 };
const STORED = 0;
const DEFLATED = 8;

/** The content of file `name` in a zip archive (no ZIP64, no encryption); throws when it has none. */
export function unzipFile(archive: Buffer, name: string): Buffer {
  const end = archive.lastIndexOf(uint32(END.signature));
  if (end < 0 || end < archive.length - END.size - END.longestComment) throw new Error('not a zip archive');
  let at = archive.readUInt32LE(end + END.directory);
  for (let left = archive.readUInt16LE(end + END.entries); left > 0; left--) {
    if (archive.readUInt32LE(at) !== ENTRY.signature) throw new Error('damaged zip archive: bad central directory');
    const nameEnd = at + ENTRY.size + archive.readUInt16LE(at + ENTRY.name);
    if (archive.toString('utf8', at + ENTRY.size, nameEnd) === name) return unpack(archive, at);
    at = nameEnd + archive.readUInt16LE(at + ENTRY.extra) + archive.readUInt16LE(at + ENTRY.comment);
  }
  throw new Error(`the zip archive has no ${name}`);
}

function unpack(archive: Buffer, entry: number): Buffer {
  const local = archive.readUInt32LE(entry + ENTRY.local);
  const start =
    local + LOCAL.size + archive.readUInt16LE(local + LOCAL.name) + archive.readUInt16LE(local + LOCAL.extra);
  const packed = archive.subarray(start, start + archive.readUInt32LE(entry + ENTRY.packed));
  const method = archive.readUInt16LE(entry + ENTRY.method);
  if (method === STORED) return packed;
  if (method === DEFLATED) return inflateRawSync(packed);
  throw new Error(`zip compression method ${method} is not supported, only stored and deflate`);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
