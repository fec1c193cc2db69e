/** From keys to actions. */

/** What a key asks for. */
export type Action =
  | 'start'
  | 'end'
  | 'burst'
  | 'more'
  | 'fewer'
  | 'template'
  | 'details'
  | 'next'
  | 'previous'
  | 'quit';

/** The parts of node:readline's keypress event that matter. */
export interface Key {
  name?: string;
  sequence?: string;
  ctrl?: boolean;
  shift?: boolean;
  meta?: boolean;
}

const BY_NAME: Readonly<Record<string, Action>> = {
  s: 'start',
  e: 'end',
  b: 'burst',
  t: 'template',
  d: 'details',
  q: 'quit',
  down: 'next',
  right: 'next',
  up: 'previous',
  left: 'previous',
};

/** `=` and `_` share their keys with `+` and `-` on most keyboards. */
const BY_SEQUENCE: Readonly<Record<string, Action>> = { '+': 'more', '=': 'more', '-': 'fewer', _: 'fewer' };

/** The action of a key, undefined for keys that mean nothing. */
export function actionOf({ name = '', sequence = '', ctrl, shift, meta }: Key): Action | undefined {
  if (ctrl) return name === 'c' ? 'quit' : undefined;
  if (meta) return undefined;
  if (name === 'tab') return shift ? 'previous' : 'next';
  return BY_NAME[name] ?? BY_SEQUENCE[sequence];
}

/** What a person has chosen to see. */
export interface Selection {
  hsd: string;
  details: boolean;
}

/** The selection after an action; `hsds` are those there are, in the order of the table. */
export function select(current: Selection, action: Action, hsds: readonly string[]): Selection {
  if (action === 'details') return { ...current, details: !current.details };
  const step = action === 'next' ? 1 : action === 'previous' ? -1 : 0;
  const index = hsds.indexOf(current.hsd) + step;
  return { ...current, hsd: hsds.at(index % hsds.length) ?? current.hsd };
}
