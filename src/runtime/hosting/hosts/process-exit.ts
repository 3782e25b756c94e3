/** Why a process ended: from its exit code, its signal and its last output. */
import type { ExitReason } from '../../../machines/index.ts';
import { DISCONNECTED_EXIT_CODE, OUT_OF_MEMORY_LINE } from './protocol.ts';

export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last that it wrote there. */
  readonly stderr: string;
}

/** What V8 says before it aborts for want of memory. */
const OUT_OF_MEMORY = /FATAL ERROR: .*(?:out of memory|allocation failed|invalid table size|invalid size)/i;
/** How a shell, or Windows, tells of an abort. */
const ABORT_CODES: readonly (number | null)[] = [134, 3_221_226_505];

/** The reason of an end that nobody here ordered. Pure. */
export function processExitReason({ code, signal, stderr }: ProcessEnd): ExitReason {
  const isAbort = signal === 'SIGABRT' || signal === 'SIGTRAP' || ABORT_CODES.includes(code);
  if (isAbort && OUT_OF_MEMORY.test(stderr)) return 'out_of_memory';
  if (signal === 'SIGKILL' && stderr.includes(OUT_OF_MEMORY_LINE)) return 'out_of_memory';
  if (signal !== null) return { signal };
  if (code === DISCONNECTED_EXIT_CODE) return 'disconnected';
  // A child that ends on purpose announces it; an exit without an announcement is a crash, 0 included.
  return { exitCode: code ?? 0 };
}
