import { type Line, paint, Screen } from '../../../tools/demo/screen';

const text = (...lines: string[]): Line[] => lines.map((line) => [{ text: line }]);

/** A terminal that keeps what it is sent. */
class FakeTerminal {
  columns = 20;
  rows = 3;
  written: string[] = [];

  write(data: string): void {
    this.written.push(data);
  }

  /** What came since the last call. */
  take(): string {
    return this.written.splice(0).join('');
  }
}

describe('a line', () => {
  test('carries its styles when colours are wanted', () => {
    expect(paint([{ text: 'busy', style: 'red' }, { text: ' 2' }], 20, true)).toBe('\x1b[31mbusy\x1b[0m 2');
  });

  test('has no escape sequence at all when they are not', () => {
    expect(paint([{ text: 'busy', style: 'red' }, { text: ' 2' }], 20, false)).toBe('busy 2');
  });

  test.each([
    [6, 'busy 2'],
    [5, 'busy…'],
    [4, 'bus…'],
    [1, '…'],
    [0, ''],
  ])('is cut to %i columns', (width, expected) => {
    expect(paint([{ text: 'busy 2' }], width, false)).toBe(expected);
  });

  test('is cut across spans', () => {
    expect(paint([{ text: 'busy' }, { text: ' two' }, { text: ' more' }], 7, false)).toBe('busy t…');
  });
});

describe('the screen', () => {
  const opened = (): { terminal: FakeTerminal; screen: Screen } => {
    const terminal = new FakeTerminal();
    const screen = new Screen(terminal, false);
    screen.open();
    terminal.take();
    return { terminal, screen };
  };

  test('writes only the lines that changed', () => {
    const { terminal, screen } = opened();
    screen.draw(text('one', 'two', 'three'));
    terminal.take();
    screen.draw(text('one', 'TWO', 'three'));
    expect(terminal.take()).toBe('\x1b[2;1H\x1b[KTWO');
  });

  test('writes nothing when nothing changed', () => {
    const { terminal, screen } = opened();
    screen.draw(text('one'));
    terminal.take();
    screen.draw(text('one'));
    expect(terminal.written).toEqual([]);
  });

  test('empties lines that are no more', () => {
    const { terminal, screen } = opened();
    screen.draw(text('one', 'two'));
    terminal.take();
    screen.draw(text('one'));
    expect(terminal.take()).toBe('\x1b[2;1H\x1b[K');
  });

  test('writes everything again after a resize', () => {
    const { terminal, screen } = opened();
    screen.draw(text('one', 'two'));
    terminal.take();
    screen.clear();
    screen.draw(text('one', 'two'));
    expect(terminal.take()).toContain('\x1b[1;1H\x1b[Kone\x1b[2;1H\x1b[Ktwo');
  });

  test('never writes below the last row', () => {
    const { terminal, screen } = opened();
    screen.draw(text('one', 'two', 'three', 'four'));
    expect(terminal.take()).not.toContain('four');
  });

  test('gives the terminal back once, and draws no more', () => {
    const { terminal, screen } = opened();
    screen.close();
    expect(terminal.take()).toContain('\x1b[?1049l');
    screen.close();
    screen.draw(text('one'));
    expect(terminal.written).toEqual([]);
  });
});
