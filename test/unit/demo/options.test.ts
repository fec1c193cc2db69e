import { parseDemoOptions, UsageExit } from '../../../tools/demo/options';

const parse = (line: string, env: NodeJS.ProcessEnv = {}) =>
  parseDemoOptions(line.split(' ').filter(Boolean), env, '/home/me');

const refusal = (line: string, env?: NodeJS.ProcessEnv): UsageExit => {
  try {
    parse(line, env);
  } catch (error) {
    if (error instanceof UsageExit) return error;
    throw error;
  }
  throw new Error(`${line} was not refused`);
};

test('without options the demo is live, on an embedded cluster with the best nodes there can be', () => {
  expect(parse('')).toEqual({
    once: false,
    nodes: 'auto',
    kubeconfig: undefined,
    image: 'registry.k8s.io/pause:3.10',
    yes: false,
  });
});

test('a kubeconfig comes from the flag, else from the environment, as an absolute path', () => {
  const env = { HOTSTANDBY_KUBECONFIG: 'theirs' };
  expect(parse('--kubeconfig mine', env).kubeconfig).toBe('/home/me/mine');
  expect(parse('', env).kubeconfig).toBe('/home/me/theirs');
  expect(parse('', { HOTSTANDBY_KUBECONFIG: '' }).kubeconfig).toBeUndefined();
});

test('help names every option and ends with 0', () => {
  const { exitCode, message } = refusal('--help');
  expect(exitCode).toBe(0);
  for (const option of ['--once', '--nodes', '--kubeconfig', '--image', '--yes']) expect(message).toContain(option);
});

test.each([
  ['--nodes docker', /docker.*kwok, real, auto/],
  ['--fast', /unknown option '--fast'/],
  ['now', /too many arguments/],
  ['--nodes real --kubeconfig mine', /--nodes real is for the embedded cluster/],
])('"%s" is refused in one line', (line, expected) => {
  const { exitCode, message } = refusal(line);
  expect(exitCode).toBe(2);
  expect(message).toMatch(expected);
  expect(message).toMatch(/see npm start -- --help$/);
  expect(message).not.toContain('\n');
});

test('an empty kubeconfig is refused', () => {
  expect(() => parseDemoOptions(['--kubeconfig', ''], {}, '/')).toThrow(/--kubeconfig is empty/);
});
