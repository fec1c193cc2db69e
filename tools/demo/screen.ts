/** Full-screen output without flicker: only lines that changed are written. */

const SGR = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const;
export type Style = keyof typeof SGR;

/** A piece of a line in one style. Its text must be printable characters of one column each. */
export interface Span {
  text: string;
  style?: Style;
}
export type Line = readonly Span[];

/** What of a terminal is used. */
export interface Terminal {
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

const ESC = '\x1b[';
/** Alternate buffer, no cursor, no wrapping at the right edge; and all of it back. */
const ENTER = `${ESC}?1049h${ESC}?25l${ESC}?7l${ESC}2J`;
const LEAVE = `${ESC}?7h${ESC}?25h${ESC}?1049l`;
/** What a VT100 has, for terminals that do not say. */
const DEFAULT_SIZE = { columns: 80, rows: 24 };

export class Screen {
  /** What each row shows; undefined: the screen is not ours. */
  private shown: string[] | undefined;

  constructor(
    private readonly terminal: Terminal,
    private readonly colors: boolean,
  ) {}

  get size(): { columns: number; rows: number } {
    const { columns, rows } = this.terminal;
    return { columns: columns || DEFAULT_SIZE.columns, rows: rows || DEFAULT_SIZE.rows };
  }

  /** Takes the whole terminal. */
  open(): void {
    if (this.shown === undefined) this.terminal.write(ENTER);
    this.shown = [];
  }

  /** Gives it back as it was. Safe to call twice. */
  close(): void {
    if (this.shown !== undefined) this.terminal.write(LEAVE);
    this.shown = undefined;
  }

  /** Forgets what is shown: the size has changed, or another program has written over it. */
  clear(): void {
    if (this.shown === undefined) return;
    this.terminal.write(`${ESC}2J`);
    this.shown = [];
  }

  /** Shows `lines` from the top; what does not fit is cut. Nothing is written when nothing has changed. */
  draw(lines: readonly Line[]): void {
    const { shown } = this;
    if (shown === undefined) return;
    const { columns, rows } = this.size;
    const painted = Array.from({ length: rows }, (_, row) => paint(lines[row] ?? [], columns, this.colors));
    const changes = painted.flatMap((text, row) => (text === (shown[row] ?? '') ? [] : [moveTo(row) + text]));
    this.shown = painted;
    if (changes.length > 0) this.terminal.write(changes.join(''));
  }
}

/** A line as the terminal gets it, cut to `width` columns; a cut shows as "…". */
export function paint(line: Line, width: number, colors: boolean): string {
  let left = width;
  let text = '';
  for (const span of line) {
    const isCut = span.text.length > left;
    const shown = isCut ? `${span.text.slice(0, Math.max(0, left - 1))}…` : span.text;
    if (left > 0) text += colors && span.style ? `${ESC}${SGR[span.style]}m${shown}${ESC}0m` : shown;
    left -= span.text.length;
  }
  return text;
}

function moveTo(row: number): string {
  return `${ESC}${row + 1};1H${ESC}K`;
}
