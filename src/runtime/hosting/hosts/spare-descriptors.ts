/**
 * Whether enough descriptors are left to start a process.
 *
 * Where they run out in the midst of a start, Node keeps the streams that it has made for the process: three sockets,
 * which nobody is given and nobody can close. So it is looked before each start.
 */
import { closeSync, openSync } from 'node:fs';
import { devNull } from 'node:os';
import { machineLackIn } from '../../values/machine-lack.ts';

/** Two for each of three streams, two by which a fork tells of its failure, and some for threads that open files. */
const NEEDED = 12;

/** The error of a start for which too few are left; `undefined` where there are enough, or it cannot be known. */
export function descriptorLack(): NodeJS.ErrnoException | undefined {
  const opened: number[] = [];
  try {
    while (opened.length < NEEDED) opened.push(openSync(devNull, 'r'));
    return undefined;
  } catch (thrown) {
    const code = machineLackIn(thrown);
    if (code === undefined) return undefined;
    const message = `spawn ${code}: a process takes ${NEEDED} descriptors to start, and ${opened.length} are left`;
    return Object.assign(new Error(message), { code, syscall: 'spawn' });
  } finally {
    for (const descriptor of opened) closeSync(descriptor);
  }
}
