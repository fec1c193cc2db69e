import { type Action, actionOf, type Key, select } from '../../../tools/demo/keys';

describe('keys', () => {
  test.each<[string, Key, Action | undefined]>([
    ['s starts a session', { name: 's', sequence: 's' }, 'start'],
    ['S does too', { name: 's', sequence: 'S', shift: true }, 'start'],
    ['+ raises the target', { sequence: '+' }, 'more'],
    ['= raises it, as + without shift', { sequence: '=' }, 'more'],
    ['- lowers the target', { sequence: '-' }, 'fewer'],
    ['tab goes on', { name: 'tab', sequence: '\t' }, 'next'],
    ['shift-tab goes back', { name: 'tab', sequence: '\x1b[Z', shift: true }, 'previous'],
    ['arrow up goes back', { name: 'up', sequence: '\x1b[A' }, 'previous'],
    ['Ctrl-C quits', { name: 'c', sequence: '\x03', ctrl: true }, 'quit'],
    ['Ctrl-S is not s', { name: 's', sequence: '\x13', ctrl: true }, undefined],
    ['Alt-e is not e', { name: 'e', sequence: '\x1be', meta: true }, undefined],
    ['a letter without a meaning does nothing', { name: 'x', sequence: 'x' }, undefined],
    ['a key without a name does nothing', {}, undefined],
  ])('%s', (_title, key, action) => {
    expect(actionOf(key)).toBe(action);
  });
});

describe('the selection', () => {
  const hsds = ['rooms', 'sandboxes'];

  test.each<[string, string, Action, readonly string[], string]>([
    ['goes to the next hsd', 'rooms', 'next', hsds, 'sandboxes'],
    ['comes round at the end', 'sandboxes', 'next', hsds, 'rooms'],
    ['comes round at the start', 'rooms', 'previous', hsds, 'sandboxes'],
    ['stays when another key is pressed', 'sandboxes', 'start', hsds, 'sandboxes'],
    ['stays when there is no hsd yet', 'rooms', 'next', [], 'rooms'],
    ['falls to one that exists when its hsd is gone', 'gone', 'next', hsds, 'rooms'],
  ])('%s', (_title, hsd, action, all, expected) => {
    expect(select({ hsd, details: false }, action, all)).toEqual({ hsd: expected, details: false });
  });

  test('shows and hides the Pods', () => {
    const shown = select({ hsd: 'rooms', details: false }, 'details', hsds);
    expect(shown).toEqual({ hsd: 'rooms', details: true });
    expect(select(shown, 'details', hsds).details).toBe(false);
  });
});
