/**
 * Measures other processes, from what Linux says of them in `/proc`.
 *
 * Memory is what is resident and the process's own: heap, Buffers, wasm and stacks; not the code it shares with
 * every other Node. A measurement takes some ten microseconds, and reads two small files.
 */
import { readFileSync } from 'node:fs';
import { endianness } from 'node:os';
import type { Usage } from '../host.ts';

export interface ProcessMeter {
  /** `undefined` once the process is gone. */
  measure(pid: number): Usage | undefined;
}

/** Keys of the auxiliary vector that the kernel gives every program. */
const PAGE_BYTES = 6n;
const TICKS_PER_SECOND = 17n;

/** @returns `undefined` where the system has no such files */
export function processMeter(folder = '/proc'): ProcessMeter | undefined {
  const kernel = kernelUnits(folder);
  if (kernel === undefined) return undefined;
  const { pageBytes, tickMs } = kernel;
  return {
    measure(pid) {
      try {
        const [, resident = 0, shared = 0] = numbersIn(readFileSync(`${folder}/${pid}/statm`, 'latin1'));
        const stat = readFileSync(`${folder}/${pid}/stat`, 'latin1');
        // The name of a program may hold anything, spaces and brackets too: what follows it is counted from there.
        const [, , , , , , , , , , , userTicks = 0, systemTicks = 0] = numbersIn(
          stat.slice(stat.lastIndexOf(')') + 2),
        );
        return { memoryBytes: (resident - shared) * pageBytes, cpuMs: (userTicks + systemTicks) * tickMs };
      } catch {
        return undefined;
      }
    },
  };
}

function numbersIn(text: string): number[] {
  return text.split(' ').map(Number);
}

function kernelUnits(folder: string): { pageBytes: number; tickMs: number } | undefined {
  try {
    const vector = readFileSync(`${folder}/self/auxv`);
    const word = (at: number) =>
      endianness() === 'LE' ? vector.readBigUInt64LE(at) : vector.readBigUInt64BE(at);
    const values = new Map<bigint, bigint>();
    for (let at = 0; at + 16 <= vector.length; at += 16) values.set(word(at), word(at + 8));
    const ticks = Number(values.get(TICKS_PER_SECOND) ?? 100n);
    return { pageBytes: Number(values.get(PAGE_BYTES) ?? 4_096n), tickMs: 1_000 / ticks };
  } catch {
    return undefined;
  }
}
