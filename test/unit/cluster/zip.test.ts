import { deflateRawSync } from 'node:zlib';
import { unzipFile } from '../../../tools/cluster/zip';

interface Member {
  name: string;
  content: string;
  method: number;
}

/** A zip archive as PKWARE's APPNOTE.TXT describes it, with an extra field in front of the data as zip(1) writes. */
function zip(members: Member[], comment = ''): Buffer {
  const locals: Buffer[] = [];
  const entries: Buffer[] = [];
  let offset = 0;
  for (const { name, content, method } of members) {
    const packed = method === 8 ? deflateRawSync(content) : Buffer.from(content);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50);
    local.writeUInt16LE(method, 8);
    local.writeUInt16LE(name.length, 26);
    local.writeUInt16LE(4, 28);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50);
    entry.writeUInt16LE(method, 10);
    entry.writeUInt32LE(packed.length, 20);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt32LE(offset, 42);
    entries.push(entry, Buffer.from(name));
    locals.push(local, Buffer.from(name), Buffer.alloc(4), packed);
    offset += 30 + name.length + 4 + packed.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50);
  end.writeUInt16LE(members.length, 10);
  end.writeUInt32LE(offset, 16);
  end.writeUInt16LE(comment.length, 20);
  return Buffer.concat([...locals, ...entries, end, Buffer.from(comment)]);
}

const archive = zip(
  [
    { name: 'kubectl/', content: '', method: 0 },
    { name: 'kubectl/kubectl', content: 'a program '.repeat(1000), method: 8 },
    { name: 'LICENSE', content: 'as it is', method: 0 },
    { name: 'odd', content: 'x', method: 12 },
  ],
  'made by a test',
);

test('a deflated and a stored file come out as they went in', () => {
  expect(unzipFile(archive, 'kubectl/kubectl').toString()).toBe('a program '.repeat(1000));
  expect(unzipFile(archive, 'LICENSE').toString()).toBe('as it is');
});

test.each([
  { problem: 'a missing file', bytes: archive, name: 'helm', says: 'the zip archive has no helm' },
  { problem: 'an unknown compression', bytes: archive, name: 'odd', says: 'zip compression method 12' },
  { problem: 'something else', bytes: Buffer.from('not a zip'), name: 'x', says: 'not a zip archive' },
  { problem: 'a truncated archive', bytes: archive.subarray(0, 200), name: 'x', says: 'not a zip archive' },
])('$problem is an error that says so', ({ bytes, name, says }) => {
  expect(() => unzipFile(bytes, name)).toThrow(says);
});
