/** Which test files a fault is held to, and in which order. */
import { allTests, type Reach, type Reaching } from './reach.ts';

/** A test file, and how long it took with nothing planted; ms. */
export interface HeldTo {
  readonly test: string;
  readonly tookMs: number;
}

/** What a test is worth that is not about the file at all. */
const EVEN_SHARE = 0.02;
/** A test of the room is worth so many others of its kind. */
const OF_ROOM = 3;
/** One that runs half of the file's blocks is worth so little of one that runs all: a half to the power of this. */
const DEPTH = 3;
/** To start any test file costs this, too; ms. */
const START_MS = 1_000;

export interface Held {
  readonly tests: readonly HeldTo[];
  /** How many test files run the code, those too that the time was not enough for. */
  readonly of: number;
}

/**
 * The file's own test first, then the quickest, where one that is about the file may take longer, and one of its room,
 * too; for as long as the time lasts.
 */
export function heldTo(
  reach: Reach,
  { file, text, position }: { readonly file: string; readonly text: string; readonly position: number },
  testMs: number,
): Held {
  const own = ownTest(file);
  const name = own.slice(own.lastIndexOf('/'));
  const room = roomOf(own);
  const costOf = ({ test, tookMs, share, depth }: Reaching): number => {
    const isOfRoom = test.startsWith(room);
    if (test.endsWith(name)) return isOfRoom ? 0 : 1;
    return (START_MS + tookMs) / ((isOfRoom ? OF_ROOM : 1) * (EVEN_SHARE + share) * depth ** DEPTH);
  };
  const present = new Set(allTests());
  const tests: HeldTo[] = [];
  let spentMs = 0;
  const reaching = reach.testsOf(file, text, position).filter((one) => present.has(one.test));
  for (const { test, tookMs } of reaching.toSorted((a, b) => costOf(a) - costOf(b))) {
    if (tests.length > 0 && spentMs + tookMs > testMs) continue;
    spentMs += tookMs;
    tests.push({ test, tookMs });
  }
  return { tests, of: reaching.length };
}

/** Test files for mutants of these files that are tried together: of their names first, then of their rooms. */
export function inOrder(tests: readonly string[], files: readonly string[]): string[] {
  const own = new Set(files.map(ownTest));
  const rooms = new Set(files.map((file) => roomOf(ownTest(file))));
  const rank = (test: string): number => {
    // Whole models and real servers take the longest.
    const slow = /models|simulation|laws/.test(test) || test.startsWith('test/restate/') ? 2 : 0;
    return own.has(test) ? 0 : slow + (rooms.has(roomOf(test)) ? 1 : 2);
  };
  return tests.toSorted((a, b) => rank(a) - rank(b));
}

/** How much a test file is about a source file, the most first. */
export const NEARNESS = ['it is about it', 'it is about its room', 'it may load it'] as const;
export type Nearness = (typeof NEARNESS)[number];

/** @param imports over how many imports it loads it */
export function nearnessOf(test: string, file: string, imports: number | undefined): Nearness {
  const own = ownTest(file);
  if (imports === 1 || test.endsWith(own.slice(own.lastIndexOf('/')))) return 'it is about it';
  return test.startsWith(roomOf(own)) ? 'it is about its room' : 'it may load it';
}

function ownTest(file: string): string {
  return file.replace(/^src\/(runtime\/)?/, 'test/').replace(/\.ts$/, '.test.ts');
}

function roomOf(test: string): string {
  return `${test.split('/').slice(0, 2).join('/')}/`;
}
