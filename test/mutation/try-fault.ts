/** Plants one fault in the copy and has tests look for it. */
import type { HeldTo } from './held-to.ts';
import { OUT_OF_TIME } from './switch-job.ts';
import type { TestRunner } from './test-runner.ts';
import { plantIn } from './work-tree.ts';

/** What a test file may use besides what it takes, and how often what it takes; ms. */
const WORK = { besides: 20_000, factor: 3 };
/** By the clock: many programs may share the machine. */
const CLOCK = { besides: 60_000, factor: 10 };
/** A test file that has done nothing for so long, and for as long as it took, waits for what does not come; ms. */
const IDLE_MS = 3_000;

export interface Fault {
  readonly file: string;
  /** The whole file with the fault in it. */
  readonly text: string;
  /** In the order in which they are run. */
  readonly tests: readonly HeldTo[];
}

export type Outcome =
  | {
      readonly verdict: 'killed';
      /** The test and the first line of what it says. */
      readonly by: string;
      /** Its place among those that were to look for it, from 1. */
      readonly place: number;
      /** What these take up to it with nothing planted; ms. */
      readonly usualMs: number;
    }
  | { readonly verdict: 'survived' }
  /** Neither was shown: why. */
  | { readonly verdict: 'undecided'; readonly why: string };

type Found = { readonly by: string; readonly isOutOfTime: boolean; readonly isCut: boolean };

/** Whether a test file passes with nothing planted, by its name: asked of each that finds something. */
const passes = new Map<string, boolean>();

/**
 * A test that ran out of time may have done so because the machine does other things: it has to fail, to pass with
 * nothing planted, and to fail again. What fails with nothing planted finds nothing, and what was cut by the clock shows
 * nothing.
 */
export async function tryFault(runner: TestRunner, { file, text, tests }: Fault): Promise<Outcome> {
  let usualMs = 0;
  let doubt: string | undefined;
  let looked = 0;
  for (const [index, held] of tests.entries()) {
    usualMs += held.tookMs;
    if (passes.get(held.test) === false) continue;
    looked += 1;
    const look = async (): Promise<Found | undefined> => {
      using _planted = plantIn(file, text);
      return await find(runner, file, held);
    };
    const found = await look();
    if (found === undefined) continue;
    if (found.isCut) {
      doubt ??= found.by;
      continue;
    }
    if (found.isOutOfTime || !passes.has(held.test)) {
      passes.set(held.test, (await find(runner, file, held)) === undefined);
      if (passes.get(held.test) === false) {
        looked -= 1;
        continue;
      }
    }
    if (found.isOutOfTime) {
      const again = await look();
      if (again === undefined || again.isCut) {
        doubt ??= `${found.by}, and not the second time`;
        continue;
      }
    }
    return { verdict: 'killed', by: found.by, place: index + 1, usualMs };
  }
  if (looked === 0 && tests.length > 0) {
    return {
      verdict: 'undecided',
      why: `its tests fail with nothing planted: ${tests.map(({ test }) => test).join(', ')}`,
    };
  }
  return doubt === undefined ? { verdict: 'survived' } : { verdict: 'undecided', why: doubt };
}

async function find(runner: TestRunner, file: string, { test, tookMs }: HeldTo): Promise<Found | undefined> {
  const outcome = await runner.run({
    tests: [test],
    changed: [file],
    limitMs: CLOCK.besides + CLOCK.factor * tookMs,
    workMs: WORK.besides + WORK.factor * tookMs,
    idleMs: IDLE_MS + tookMs,
  });
  const by =
    outcome === 'spins'
      ? `${test}: it runs on and on`
      : outcome === 'waits'
        ? `${test}: it waits for what does not come`
        : outcome === 'out of time'
          ? `${test}: cut after ${CLOCK.besides + CLOCK.factor * tookMs} ms`
          : outcome.failed;
  if (by === undefined) return undefined;
  return { by, isOutOfTime: OUT_OF_TIME.test(by), isCut: outcome === 'out of time' };
}
