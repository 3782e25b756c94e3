/** Whether an error says that the machine, or the program's share of it, has nothing left: no fault of what was asked. */
import { isError } from './errors.ts';

/** Descriptors: of the program, of the machine. */
const DESCRIPTORS: ReadonlySet<unknown> = new Set(['EMFILE', 'ENFILE']);
/** A process or a thread could not be made for want of: processes, memory. */
const OF_A_START: ReadonlySet<unknown> = new Set(['EAGAIN', 'ENOMEM']);
/** How far causes are followed. */
const MAX_DEPTH = 8;

/** What is lacking, as the system calls it; `undefined` for any other error. */
export function machineLackIn(thrown: unknown): string | undefined {
  let error = thrown;
  for (let depth = 0; depth < MAX_DEPTH && isError(error); depth += 1) {
    const { code, syscall, message, cause } = error as NodeJS.ErrnoException;
    if (DESCRIPTORS.has(code)) return code;
    if (OF_A_START.has(code) && String(syscall).startsWith('spawn')) return code;
    // A thread and the loader of modules say it in words alone.
    if (/too many open files/i.test(message)) return 'EMFILE';
    if (code === 'ERR_WORKER_INIT_FAILED') return /\bE[A-Z]{4,}\b/.exec(message)?.[0] ?? code;
    error = cause;
  }
  return undefined;
}
