import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** Enough for the last words of any program; log files of long runs reach hundreds of megabytes. */
const TAIL_BYTES = 64 * 1024;
const MAX_LINE = 400;

/** klog's error and fatal lines, etcd's zap JSON, cobra's and kwok's plain ones, Go panics. */
const TELLING = /^[EF]\d{4} |"level":"(error|fatal|panic|ERROR|FATAL)"|^Error:|^error:|^panic:|^fatal|^\S+: /;

/** The last `count` lines of a log file that look like an error, or else its last `count` lines. */
export function logTail(file: string, count = 5): string[] {
  const lines = readEnd(file)
    .split('\n')
    .filter((line) => line.trim() !== '');
  if (lines.length === 0) return ['(the log is empty)'];
  const telling = lines.filter((line) => TELLING.test(line));
  return (telling.length > 0 ? telling : lines).slice(-count).map((line) => line.slice(0, MAX_LINE));
}

function readEnd(file: string): string {
  let descriptor: number;
  try {
    descriptor = openSync(file, 'r');
  } catch {
    return '';
  }
  try {
    const { size } = fstatSync(descriptor);
    const buffer = Buffer.alloc(Math.min(size, TAIL_BYTES));
    readSync(descriptor, buffer, 0, buffer.length, size - buffer.length);
    return buffer.toString('utf8');
  } finally {
    closeSync(descriptor);
  }
}
