import { BuildProgress } from '../../../tools/base/build-progress';

function progressAt(seconds: number): { progress: BuildProgress; clock: { ms: number } } {
  const clock = { ms: 0 };
  const progress = new BuildProgress('control-plane', () => clock.ms);
  clock.ms = seconds * 1000;
  return { progress, clock };
}

test.each([
  { when: 'nothing was said yet', total: 0, said: '', line: 'control-plane: reading modules, 5 s' },
  {
    when: 'modules come in',
    total: 0,
    said: 'go: downloading k8s.io/api v0.37.2\ngo: downloading k8s.io/client-go v0.37.2\n',
    line: 'control-plane: fetching modules (2 so far), 5 s',
  },
  {
    when: 'packages compile, the last line still incomplete',
    total: 2450,
    said: 'k8s.io/api/core/v1\nk8s.io/klog/v2\nk8s.io/api/ap',
    line: 'control-plane: 2 of at most 2450 packages compiled (cached ones are skipped), 5 s',
  },
  {
    when: 'the program itself was compiled',
    total: 2450,
    said: 'k8s.io/klog/v2\nhotstandby.paia.tech/tools/cluster/binaries/control-plane\n',
    line: 'control-plane: compiled, linking, 5 s',
  },
])('says where the build is when $when', ({ total, said, line }) => {
  const { progress } = progressAt(5);
  progress.total = total;
  progress.read(said);
  expect(progress.line()).toBe(line);
});

test('understands what the go command says however it is cut', () => {
  const { progress } = progressAt(92);
  progress.total = 10;
  for (const letter of 'a.example/one\na.example/two\n') progress.read(letter);
  expect(progress.line()).toBe('control-plane: 2 of at most 10 packages compiled (cached ones are skipped), 1 m 32 s');
});

test('keeps the last eight lines that are no progress: the errors', () => {
  const { progress } = progressAt(1);
  progress.read('k8s.io/api\n# hotstandby/node\n./main.go:25:65: not enough arguments\ngo: downloading x v1\n');
  progress.read('unfinished words here');
  expect(progress.messages()).toEqual([
    '# hotstandby/node',
    './main.go:25:65: not enough arguments',
    'unfinished words here',
  ]);
  for (let line = 0; line < 20; line++) progress.read(`error number ${line}\n`);
  expect(progress.messages()).toHaveLength(8);
});
