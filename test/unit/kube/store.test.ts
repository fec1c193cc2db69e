import { type Change, Store, type Versioned } from '../../../operator/kube/store';
import { FakeClock } from '../support/fake-clock';

type Step =
  | { put: [name: string, uid: string, rv: number] }
  | { remove: [uid: string, rv: number] }
  | { replace: [name: string, uid: string, rv: number][]; at: number }
  | { wait: number };

const thing = (name: string, uid: string, rv: number): Versioned => ({
  namespace: 'ns',
  name,
  uid,
  resourceVersion: String(rv),
});

/** `+a:u@1` added, `~` changed, `-` deleted. */
function describeChange({ previous, current }: Change<Versioned>): string {
  const object = current ?? previous;
  const sign = previous === undefined ? '+' : current === undefined ? '-' : '~';
  return `${sign}${object?.name}:${object?.uid}@${object?.resourceVersion}`;
}

function run(steps: Step[]): { changes: string[]; content: string[]; store: Store<Versioned> } {
  const clock = new FakeClock();
  const changes: string[] = [];
  const store = new Store<Versioned>(clock, (change) => changes.push(describeChange(change)));
  for (const step of steps) {
    if ('put' in step) store.put(thing(...step.put));
    else if ('remove' in step) store.remove(step.remove[0], String(step.remove[1]));
    else if ('wait' in step) clock.advance(step.wait);
    else
      store.replace(
        step.replace.map((object) => thing(...object)),
        String(step.at),
      );
  }
  const content = [...store.values()].map(({ name, uid, resourceVersion }) => `${name}:${uid}@${resourceVersion}`);
  return { changes, content, store };
}

const cases: { name: string; steps: Step[]; want: string[]; content: string[] }[] = [
  {
    name: 'an object is added, changed and deleted',
    steps: [{ put: ['a', 'u', 1] }, { put: ['a', 'u', 2] }, { remove: ['u', 3] }],
    want: ['+a:u@1', '~a:u@2', '-a:u@2'],
    content: [],
  },
  {
    name: 'the same event twice is one change',
    steps: [{ put: ['a', 'u', 5] }, { put: ['a', 'u', 5] }],
    want: ['+a:u@5'],
    content: ['a:u@5'],
  },
  {
    name: 'an event older than the stored object is ignored',
    steps: [{ put: ['a', 'u', 9] }, { put: ['a', 'u', 10] }, { put: ['a', 'u', 9] }],
    want: ['+a:u@9', '~a:u@10'],
    content: ['a:u@10'],
  },
  {
    name: 'a late reply does not bring a deleted object back',
    steps: [{ put: ['a', 'u', 1] }, { remove: ['u', 5] }, { put: ['a', 'u', 4] }],
    want: ['+a:u@1', '-a:u@1'],
    content: [],
  },
  {
    name: 'a reply that comes after the deletion of an object never seen does not add it',
    steps: [{ remove: ['u', 5] }, { put: ['a', 'u', 4] }],
    want: [],
    content: [],
  },
  {
    name: 'an object that left the selection and came back is added again',
    steps: [{ put: ['a', 'u', 1] }, { remove: ['u', 5] }, { put: ['a', 'u', 6] }],
    want: ['+a:u@1', '-a:u@1', '+a:u@6'],
    content: ['a:u@6'],
  },
  {
    name: 'a deletion older than the stored object is ignored',
    steps: [{ put: ['a', 'u', 8] }, { remove: ['u', 7] }],
    want: ['+a:u@8'],
    content: ['a:u@8'],
  },
  {
    name: 'deleted and created again under one name, the deletion unseen: deleted, then added',
    steps: [{ put: ['a', 'old', 1] }, { put: ['a', 'new', 9] }],
    want: ['+a:old@1', '-a:old@1', '+a:new@9'],
    content: ['a:new@9'],
  },
  {
    name: 'an event of the former object of that name is ignored',
    steps: [{ put: ['a', 'new', 9] }, { put: ['a', 'old', 3] }],
    want: ['+a:new@9'],
    content: ['a:new@9'],
  },
  {
    name: 'the deletion of the former object leaves its successor alone',
    steps: [{ put: ['a', 'old', 1] }, { put: ['a', 'new', 9] }, { remove: ['old', 8] }],
    want: ['+a:old@1', '-a:old@1', '+a:new@9'],
    content: ['a:new@9'],
  },
  {
    name: 'what a new list lacks is deleted, what is new is added',
    steps: [
      { put: ['a', 'a', 1] },
      { put: ['b', 'b', 2] },
      {
        replace: [
          ['b', 'b', 2],
          ['c', 'c', 5],
        ],
        at: 6,
      },
    ],
    want: ['+a:a@1', '+b:b@2', '-a:a@1', '+c:c@5'],
    content: ['b:b@2', 'c:c@5'],
  },
  {
    name: 'an own write made after the list survives it',
    steps: [{ put: ['a', 'u', 4] }, { put: ['b', 'v', 9] }, { replace: [['a', 'u', 4]], at: 6 }],
    want: ['+a:u@4', '+b:v@9'],
    content: ['a:u@4', 'b:v@9'],
  },
  {
    name: 'a list does not take an object back in time',
    steps: [{ put: ['a', 'u', 9] }, { replace: [['a', 'u', 4]], at: 6 }],
    want: ['+a:u@9'],
    content: ['a:u@9'],
  },
  {
    name: 'a list with a recreated object: deleted, then added',
    steps: [{ put: ['a', 'old', 1] }, { replace: [['a', 'new', 5]], at: 6 }],
    want: ['+a:old@1', '-a:old@1', '+a:new@5'],
    content: ['a:new@5'],
  },
  {
    name: 'a late reply does not bring back an object never seen that a list has shown to be gone',
    steps: [{ replace: [], at: 6 }, { put: ['a', 'u', 4] }, { put: ['b', 'v', 6] }],
    want: [],
    content: [],
  },
  {
    name: 'nor one that came back and went again between its deletion and the list',
    steps: [{ remove: ['u', 3] }, { replace: [], at: 6 }, { put: ['a', 'u', 5] }],
    want: [],
    content: [],
  },
  {
    name: 'a reply newer than the list is added',
    steps: [{ replace: [['a', 'u', 4]], at: 6 }, { put: ['a', 'u', 5] }, { put: ['b', 'v', 7] }],
    want: ['+a:u@4', '~a:u@5', '+b:v@7'],
    content: ['a:u@5', 'b:v@7'],
  },
  {
    name: 'a list adds what the list before it lacked, however old',
    steps: [
      { replace: [], at: 6 },
      { replace: [['a', 'u', 4]], at: 8 },
    ],
    want: ['+a:u@4'],
    content: ['a:u@4'],
  },
  {
    name: 'versions are compared as numbers',
    steps: [{ put: ['a', 'u', 99] }, { put: ['a', 'u', 100] }],
    want: ['+a:u@99', '~a:u@100'],
    content: ['a:u@100'],
  },
  {
    name: 'a deletion is remembered while a late reply is possible',
    steps: [{ remove: ['u', 5] }, { wait: 119_000 }, { remove: ['v', 6] }, { put: ['a', 'u', 4] }],
    want: [],
    content: [],
  },
  {
    name: 'and forgotten afterwards, so that memory stays bounded',
    steps: [{ remove: ['u', 5] }, { wait: 121_000 }, { remove: ['v', 6] }, { put: ['a', 'u', 4] }],
    want: ['+a:u@4'],
    content: ['a:u@4'],
  },
];

test.each(cases)('$name', ({ steps, want, content }) => {
  const result = run(steps);
  expect(result.changes).toEqual(want);
  expect(result.content).toEqual(content);
});

test('after a step back in history an earlier list refuses nothing', () => {
  const { store } = run([{ replace: [], at: 6 }]);
  store.clear();
  store.put(thing('a', 'u', 4));
  expect(store.size).toBe(1);
});

test('objects are found by name and by uid, and not after their deletion', () => {
  const { store } = run([{ put: ['a', 'u', 1] }, { put: ['b', 'v', 2] }, { remove: ['u', 3] }]);
  expect(store.get('ns', 'a')).toBeUndefined();
  expect(store.byUid('u')).toBeUndefined();
  expect(store.get('ns', 'b')).toBe(store.byUid('v'));
  expect(store.get('other', 'b')).toBeUndefined();
  expect(store.size).toBe(1);
});
