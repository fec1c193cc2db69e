import { MODES, type Mode } from './markers';

export const KINDS = ['Ready', 'NotReady', 'turning'] as const;
export type Kind = (typeof KINDS)[number];

/** What became of the busy Pods of one cell. */
export interface Outcome {
  sessions: number;
  lost: number;
  /** Beside the count, for example what was refused. */
  note?: string;
}

/** The cell is not run: why. */
export interface LeftOut {
  because: string;
}

/** The matrix as it fills. */
export class Matrix {
  private readonly cells = new Map<string, Map<string, Outcome | LeftOut>>();

  set(row: string, mode: Mode, kind: Kind, outcome: Outcome | LeftOut): void {
    const cells = this.cells.get(row) ?? new Map<string, Outcome | LeftOut>();
    this.cells.set(row, cells.set(`${mode}, ${kind}`, outcome));
  }

  /** What became of the cells of a row that were run. */
  outcomes(row: string): Outcome[] {
    const cells = [...(this.cells.get(row)?.values() ?? [])];
    return cells.filter((cell) => 'lost' in cell);
  }

  /** A Markdown table, busy Pods lost of sessions held, and the reasons of what is left out below it. */
  toMarkdown(): string {
    const columns = MODES.flatMap((mode) => KINDS.map((kind) => `${mode}, ${kind}`));
    const reasons: string[] = [];
    const footnote = (reason: string): string => {
      if (!reasons.includes(reason)) reasons.push(reason);
      return `[${reasons.indexOf(reason) + 1}]`;
    };
    const text = (cell: Outcome | LeftOut | undefined): string => {
      if (cell === undefined) return '';
      if ('because' in cell) return footnote(cell.because);
      const { lost, sessions, note } = cell;
      return `${lost} of ${sessions}${note ? ` (${note})` : ''}`;
    };
    const lines = [...this.cells].map(([row, cells]) => [row, ...columns.map((column) => text(cells.get(column)))]);
    const table = [['busy Pods lost to', ...columns], columns.map(() => '---').concat('---'), ...lines];
    const notes = reasons.map((reason, index) => `[${index + 1}] ${reason}`);
    return [...table.map((cells) => `| ${cells.join(' | ')} |`), '', ...notes, ''].join('\n');
  }
}
