import { eventually } from '../../../tools/base/eventually';

/** Dozens of hsds at a time on two cores that others use too: what takes a second alone can take a minute here. */
const PATIENCE_MS = 120_000;

/** `eventually` with a deadline that only says "it hangs". */
export function patiently<T>(check: () => Promise<T> | T): Promise<T> {
  return eventually(check, PATIENCE_MS);
}
