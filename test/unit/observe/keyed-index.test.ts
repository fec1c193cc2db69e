import { KeyedIndex } from '../../../operator/observe/keyed-index';

const pod = (uid: string, version = 1): { uid: string; version: number } => ({ uid, version });

test('objects of one key are found together, those of others are not', () => {
  const index = new KeyedIndex<{ uid: string }>();
  index.put('default/rooms', pod('a'));
  index.put('default/rooms', pod('b'));
  index.put('default/other', pod('c'));
  expect(index.of('default/rooms').map(({ uid }) => uid)).toEqual(['a', 'b']);
  expect(index.of('default/unknown')).toEqual([]);
});

test('a newer version takes the place of the older one', () => {
  const index = new KeyedIndex<{ uid: string; version: number }>();
  index.put('k', pod('a', 1));
  index.put('k', pod('a', 2));
  expect(index.of('k')).toEqual([pod('a', 2)]);
});

test('a key goes with its last object', () => {
  const index = new KeyedIndex<{ uid: string }>();
  index.put('k', pod('a'));
  index.put('k', pod('b'));
  index.remove('k', 'a');
  expect([...index.keys()]).toEqual(['k']);
  index.remove('k', 'b');
  expect([...index.keys()]).toEqual([]);
});

test('removing what is not there does nothing', () => {
  const index = new KeyedIndex<{ uid: string }>();
  index.put('k', pod('a'));
  index.remove('k', 'other');
  index.remove('other', 'a');
  expect(index.of('k')).toEqual([pod('a')]);
});

test('what is handed out is a copy: a change of the index does not reach it', () => {
  const index = new KeyedIndex<{ uid: string }>();
  index.put('k', pod('a'));
  const before = index.of('k');
  index.put('k', pod('b'));
  expect(before).toHaveLength(1);
});
