/** Which test files a fault is held to, and in which order. */
import { allTests, type Reach, type Reaching } from './reach.ts';

/** Test time that a fault is held to, unless all of it is asked for; ms. */
const TEST_MS = 45_000;

/** A test file, and how long it took with nothing planted; ms. */
export interface HeldTo {
  readonly test: string;
  readonly tookMs: number;
}

/**
 * The file's own test first, then those of its room, then others, each time those first that are most about the file;
 * for as long as the time lasts.
 */
export function heldTo(
  reach: Reach,
  { file, text, position }: { readonly file: string; readonly text: string; readonly position: number },
  testMs = TEST_MS,
): HeldTo[] {
  const own = file.replace(/^src\/(runtime\/)?/, 'test/').replace(/\.ts$/, '.test.ts');
  const name = own.slice(own.lastIndexOf('/'));
  const room = `${own.split('/').slice(0, 2).join('/')}/`;
  const rank = ({ test, share }: Reaching): number =>
    (test.endsWith(name) ? 2 : 0) + (test.startsWith(room) ? 1 : 0) + share;
  const present = new Set(allTests());
  const tests: HeldTo[] = [];
  let spentMs = 0;
  for (const { test, tookMs } of reach
    .testsOf(file, text, position)
    .filter((one) => present.has(one.test))
    .toSorted((a, b) => rank(b) - rank(a))) {
    if (tests.length > 0 && spentMs + tookMs > testMs) continue;
    spentMs += tookMs;
    tests.push({ test, tookMs });
  }
  return tests;
}
