import fc from 'fast-check';
import { LineSplitter } from '../../../operator/kube/lines';

test('however a text is cut into chunks, the same lines come out', () => {
  const line = fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\n'));
  fc.assert(
    fc.property(fc.array(line), fc.infiniteStream(fc.integer({ min: 1, max: 9 })), (lines, sizes) => {
      const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(''));
      const splitter = new LineSplitter();
      const out: string[] = [];
      for (let at = 0; at < bytes.length; ) {
        const size = sizes.next().value ?? 1;
        out.push(...splitter.push(bytes.subarray(at, at + size)));
        at += size;
      }
      expect(out).toEqual(lines.map((text) => Buffer.from(text).toString()));
      expect(splitter.pendingBytes).toBe(0);
    }),
  );
});

test('an unfinished line stays pending', () => {
  const splitter = new LineSplitter();
  expect([...splitter.push(Buffer.from('a\nbc'))]).toEqual(['a']);
  expect(splitter.pendingBytes).toBe(2);
});
