/** Whether drivers say the same of one chart, move by move. */
import { inspect, isDeepStrictEqual } from 'node:util';
import type { AnyStateMachine } from 'xstate';
import { ChartWorld, type Maker, type Move } from './chart-world.ts';

export interface Difference {
  /** The move after which they differ; -1 is the start. */
  readonly at: number;
  readonly move: Move | undefined;
  /** What each saw, by name. */
  readonly seen: Readonly<Record<string, unknown>>;
}

/** Steps that were compared, in this program so far. */
export const compared = { steps: 0 };

export function differenceOf(
  definition: AnyStateMachine,
  input: unknown,
  moves: readonly Move[],
  makers: Readonly<Record<string, Maker>>,
  maxIterations = 40,
): Difference | undefined {
  const names = Object.keys(makers);
  const worlds = names.map((name) => new ChartWorld(makers[name]!, definition, input, { maxIterations }));
  /** Moves after the end: nothing comes of them, so a few are enough. */
  let idle = 3;
  for (let at = -1; at < moves.length && idle > 0; at++) {
    const move = moves[at];
    if (move !== undefined) for (const world of worlds) world.move(move);
    if (worlds[0]!.hasEnded) idle -= 1;
    else compared.steps += 1;
    const [reference, ...others] = worlds.map((world) => world.read());
    if (!others.every((other) => isDeepStrictEqual(other, reference))) {
      const seen = Object.fromEntries(names.map((name, i) => [name, [reference, ...others][i]]));
      return { at, move, seen };
    }
  }
  return undefined;
}

/** Where they part, for people. */
export function inWords({ at, move, seen }: Difference): string {
  const views = Object.entries(seen) as [string, { said: unknown[]; standing: unknown; armed: unknown }][];
  const [, first] = views[0]!;
  const lines = [`after move ${at}: ${inspect(move, { breakLength: Infinity })}`];
  for (const [name, view] of views.slice(1)) {
    const part = view.said.findIndex((word, i) => !isDeepStrictEqual(word, first.said[i]));
    const from = part < 0 ? Math.min(view.said.length, first.said.length) : part;
    for (const [who, { said, standing, armed }] of [views[0]!, [name, view] as const]) {
      lines.push(`${who}: ${from} as the others, then`);
      for (const word of said.slice(from, from + 3)) lines.push(`  ${short(word)}`);
      lines.push(`  stands ${short(standing)}, armed ${short(armed)}`);
    }
  }
  return lines.join('\n');
}

const short = (value: unknown): string =>
  inspect(value, { breakLength: Infinity, compact: 99, depth: 8 }).replaceAll(/\s+/g, ' ').slice(0, 400);
