/** What went wrong with a store's file, in words: its path, what was expected, what came, and the way out. */
import { AgentSystemError, errorInfoOf } from '../../../values/errors.ts';
import { holderOf } from './lock-holder.ts';

export interface Failure {
  readonly expected: string;
  readonly came: string;
  readonly wayOut: string;
  readonly isHeld?: true;
}

export function storeFailed(path: string, failure: Failure, cause?: unknown): AgentSystemError {
  const { expected, came, wayOut } = failure;
  const message = `store ${path}: expected ${expected}, got ${came}; ${wayOut}`;
  return new AgentSystemError('STORE_FAILED', message, { cause, details: { path, ...failure } });
}

/** Any throw while `doing` something with the file, as `STORE_FAILED`. */
export function storeFailureOf(path: string, doing: string, thrown: unknown): AgentSystemError {
  if (thrown instanceof AgentSystemError) return thrown;
  return storeFailed(path, failureOf(path, doing, thrown), thrown);
}

/** A file that SQLite can read, and whose content cannot be. */
export function damaged(path: string, expected: string, came: string, cause?: unknown): AgentSystemError {
  return storeFailed(path, { expected, came, wayOut: FROM_BACKUP }, cause);
}

/** Primary result codes of SQLite. */
const RESULT = {
  busy: 5,
  locked: 6,
  readOnly: 8,
  ioError: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  notADatabase: 26,
} as const;

const FROM_BACKUP = 'restore it from a backup, together with its -wal file where there is one';

const WORDS: Readonly<Record<number, Failure>> = {
  [RESULT.readOnly]: {
    expected: 'a file that can be written',
    came: 'one that is read-only',
    wayOut: 'give this user the right to write the file and its directory, or mount the disk for writing',
  },
  [RESULT.ioError]: {
    expected: 'a disk that reads and writes',
    came: 'an I/O error of the operating system',
    wayOut: 'check the disk, its quota and the limits of this process in the logs of the operating system',
  },
  [RESULT.corrupt]: {
    expected: 'a whole database',
    came: 'a damaged one: truncated, or overwritten',
    wayOut: FROM_BACKUP,
  },
  [RESULT.full]: {
    expected: 'room to write',
    came: 'a full disk, or a file that has reached maxBytes',
    wayOut: 'free some space, or raise maxBytes, or bound the history with retain',
  },
  [RESULT.cannotOpen]: {
    expected: 'a file that can be opened or made, with its -wal file beside it',
    came: 'a refusal of the operating system',
    wayOut: 'check that the directory exists, and that this user may write it and the files in it',
  },
  [RESULT.notADatabase]: {
    expected: 'a store of mabeam',
    came: 'a file that is no SQLite database',
    wayOut: 'give another path; it was left as it is',
  },
};

/** What the operating system says by itself, of files that are not SQLite's. */
const SYSTEM_WORDS: Readonly<Record<string, Failure | undefined>> = {
  ENOSPC: WORDS[RESULT.full],
  EDQUOT: WORDS[RESULT.full],
  EFBIG: WORDS[RESULT.full],
  EACCES: WORDS[RESULT.readOnly],
  EPERM: WORDS[RESULT.readOnly],
  EROFS: WORDS[RESULT.readOnly],
  EIO: WORDS[RESULT.ioError],
};

function failureOf(path: string, doing: string, thrown: unknown): Failure {
  const code = resultCodeOf(thrown);
  if (isBusy(thrown)) return heldBy(holderOf(path));
  const { message } = errorInfoOf(thrown);
  const words = code === undefined ? systemWordsOf(thrown) : WORDS[code];
  if (words === undefined) {
    return {
      expected: `${doing} to succeed`,
      came: message,
      wayOut: 'this is a bug of the store, or of SQLite',
    };
  }
  return { ...words, came: `${words.came} (${doing}: ${message})` };
}

/** Somebody else has the path. */
export function heldElsewhere(path: string, lockedFile: string, cause: unknown): AgentSystemError {
  return storeFailed(path, heldBy(holderOf(lockedFile) ?? holderOf(path)), cause);
}

/** Another system of this program has the path. */
export function heldHere(path: string): AgentSystemError {
  return storeFailed(path, heldBy(process.pid));
}

/** Whether SQLite was refused a lock. */
export function isBusy(thrown: unknown): boolean {
  const code = resultCodeOf(thrown);
  return code === RESULT.busy || code === RESULT.locked;
}

function heldBy(pid: number | undefined): Failure {
  const who =
    pid === process.pid
      ? `this very program (pid ${pid})`
      : `another program${pid === undefined ? '' : ` (pid ${pid})`}`;
  return {
    expected: 'to be the only one who has the file open',
    came: `a file that ${who} has open`,
    wayOut: 'close that one first, or give every system a file of its own',
    isHeld: true,
  };
}

function systemWordsOf(thrown: unknown): Failure | undefined {
  if (!(thrown instanceof Error) || !('syscall' in thrown && 'code' in thrown)) return undefined;
  return SYSTEM_WORDS[String(thrown.code)] ?? WORDS[RESULT.cannotOpen];
}

function resultCodeOf(thrown: unknown): number | undefined {
  if (!(thrown instanceof Error) || !('errcode' in thrown)) return undefined;
  // The low byte is the primary code, what is above it the details.
  return typeof thrown.errcode === 'number' ? thrown.errcode & 0xff : undefined;
}
