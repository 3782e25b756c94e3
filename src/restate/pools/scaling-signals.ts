/**
 * The scaling signals of a fleet: pools know them by their names, and what each measures is code that nodes are given.
 *
 * I1  What a signal said is kept with the call: a call that is repeated, on another node too, goes on by it.
 * I2  A node that was not given a signal says so; the pool keeps its size, as with any signal that fails.
 */
import { type Context, TimeoutError } from '@restatedev/restate-sdk';
import type { PoolLoad, ScalingSignal } from '../../machines/index.ts';
import {
  askSignal,
  type NamedScalingSignal,
  type ScalingSignalSource,
} from '../../runtime/pools/scaling-signal.ts';
import { errorInfoOf, inWords } from '../../runtime/values/errors.ts';

/** What a signal said, or why it said nothing. */
export type Said = { readonly signal: ScalingSignal } | { readonly why: string };

/** The engine takes a node that is silent in a call for longer than its `inactivityTimeout` (service-options.ts) for lost. */
const LONGEST_MS = 8_000;

export class SignalCode {
  readonly #sources: ReadonlyMap<string, ScalingSignalSource>;

  constructor(given: readonly NamedScalingSignal[]) {
    this.#sources = new Map(given.map(({ name, measure }) => [name, measure]));
  }

  /** Why no pool can be sized by it, if this node was not given it. */
  async problem(ctx: Context, name: string): Promise<string | undefined> {
    const isGiven = await ctx.run('given', () => this.#sources.has(name));
    return isGiven ? undefined : missing(name);
  }

  /** @param withinMs later answers count for nothing */
  async ask(ctx: Context, name: string, load: PoolLoad, withinMs: number): Promise<Said> {
    const asked = ctx.run('signal', async (): Promise<Said> => {
      const source = this.#sources.get(name);
      if (source === undefined) return { why: missing(name) };
      try {
        return { signal: await askSignal(source, load) };
      } catch (thrown) {
        return { why: errorInfoOf(thrown).message };
      }
    });
    try {
      return await asked.orTimeout(Math.min(withinMs, LONGEST_MS));
    } catch (thrown) {
      if (thrown instanceof TimeoutError) return { why: 'it gave no answer in time' };
      throw thrown;
    }
  }
}

function missing(name: string): string {
  return `the scaling signal ${inWords(name)} is not known to the node that answers for the fleet: give it to every node, createAgentNode({ scalingSignals })`;
}
