/**
 * Tours that make every possible move in every state of a flat model, found on the model's graph.
 *
 * The graph is `@xstate/graph`'s, of the model as actor logic; states of one key count as one, so that it is
 * finite. A tour is planned against the model itself, since two states of one key may be years apart.
 */
import { getAdjacencyMap } from '@xstate/graph';
import { fromTransition } from 'xstate';

export interface TourModel<State, Move extends string> {
  readonly name: string;
  readonly moves: readonly Move[];
  readonly first: State;
  readonly isPossible: (state: State, move: Move) => boolean;
  /** Pure. */
  readonly after: (state: State, move: Move) => State;
  /** All that decides what can follow, and no more: states of one key behave alike. */
  readonly keyOf: (state: State) => string;
}

export interface Tours<Move> {
  readonly tours: readonly (readonly Move[])[];
  readonly states: number;
  /** Pairs of a state and a move that is possible in it: all of them are made. */
  readonly pairs: number;
}

/** A tour that grew longer than this begins anew: failures are read by people. */
const LONG = 100;

/**
 * Tours that together make every possible move in every state that can be reached.
 *
 * @throws Error when a move of some state can no longer be reached: the keys tell too little
 */
export function coveringTours<State, Move extends string>(model: TourModel<State, Move>): Tours<Move> {
  const map = new StateMap(model);
  map.explore(model.first);
  const tours: (readonly Move[])[] = [];
  while (map.untried > 0) {
    const before = map.untried;
    tours.push(walk(model, map));
    if (map.untried === before) throw new Error(`${model.name}: no way to\n${map.missing()}`);
  }
  return { tours, states: map.states, pairs: map.pairs };
}

function walk<State, Move extends string>(
  model: TourModel<State, Move>,
  map: StateMap<State, Move>,
): readonly Move[] {
  const tour: Move[] = [];
  let state = model.first;
  while (tour.length <= LONG) {
    const way = map.wayToUntried(model.keyOf(state));
    if (way === undefined) break;
    // A way leads where it should as long as the keys are met that it was planned by.
    for (const { move, leadsTo } of way) {
      const from = model.keyOf(state);
      map.tried(from, move);
      tour.push(move);
      state = model.after(state, move);
      const to = model.keyOf(state);
      if (to === leadsTo) continue;
      map.explore(state);
      map.correct(from, move, to);
      break;
    }
  }
  return tour;
}

interface Step<Move> {
  readonly move: Move;
  leadsTo: string;
  /** The place of that key, once a search went there. */
  place: Place<Move> | undefined;
}

/** A step as the adjacency map has it. */
interface Transition<State, Move> {
  readonly event: { readonly move: Move };
  readonly state: { readonly context: State };
}

interface Place<Move> {
  readonly key: string;
  readonly steps: readonly Step<Move>[];
  readonly untried: Set<Move>;
  /** The last search that came here, and how it did. */
  search: number;
  cameFrom: Place<Move> | undefined;
  cameBy: Step<Move> | undefined;
}

/** The states of a model, as far as they were explored. */
class StateMap<State, Move extends string> {
  readonly #model: TourModel<State, Move>;
  readonly #places = new Map<string, Place<Move>>();
  #searches = 0;
  untried = 0;
  pairs = 0;

  constructor(model: TourModel<State, Move>) {
    this.#model = model;
  }

  get states(): number {
    return this.#places.size;
  }

  /** Adds what can be reached from a state, up to what is known already. */
  explore(from: State): void {
    const { moves, isPossible, after, keyOf } = this.#model;
    if (this.#places.has(keyOf(from))) return;
    const logic = fromTransition(
      (state: State, { move }: { readonly type: 'moved'; readonly move: Move }) => after(state, move),
      () => from,
    );
    const adjacency = getAdjacencyMap(logic, {
      events: ({ context }) =>
        moves.filter((move) => isPossible(context, move)).map((move) => ({ type: 'moved' as const, move })),
      serializeState: ({ context }) => keyOf(context),
      serializeEvent: ({ move }) => move,
      stopWhen: ({ context }) => this.#places.has(keyOf(context)),
      limit: 100_000,
    });
    for (const [key, { transitions }] of Object.entries(adjacency)) {
      if (this.#places.has(key)) continue;
      const steps = Object.values<Transition<State, Move>>(transitions).map(({ event, state }) => ({
        move: event.move,
        leadsTo: keyOf(state.context),
        place: undefined,
      }));
      const untried = new Set(steps.map(({ move }) => move));
      this.#places.set(key, { key, steps, untried, search: 0, cameFrom: undefined, cameBy: undefined });
      this.untried += steps.length;
      this.pairs += steps.length;
    }
  }

  tried(key: string, move: Move): void {
    if (this.#places.get(key)?.untried.delete(move)) this.untried -= 1;
  }

  /** A step led elsewhere than its like did before. */
  correct(key: string, move: Move, leadsTo: string): void {
    const step = this.#places.get(key)?.steps.find((step) => step.move === move);
    if (step) Object.assign(step, { leadsTo, place: undefined });
  }

  /** A shortest way to a move that was not made yet, that one included. */
  wayToUntried(from: string): readonly Step<Move>[] | undefined {
    const search = ++this.#searches;
    const start = this.#places.get(from)!;
    Object.assign(start, { search, cameFrom: undefined, cameBy: undefined });
    const met = [start];
    for (const place of met) {
      const { key, steps, untried } = place;
      if (untried.size === 0) {
        for (const step of steps) {
          const next = (step.place ??= this.#places.get(step.leadsTo)!);
          if (next.search === search) continue;
          next.search = search;
          next.cameFrom = place;
          next.cameBy = step;
          met.push(next);
        }
        continue;
      }
      // What leads nowhere comes first: one need not come back for it.
      const last =
        steps.find(({ move, leadsTo }) => leadsTo === key && untried.has(move)) ??
        steps.find(({ move }) => untried.has(move))!;
      const way = [last];
      for (let back = place; back.cameFrom !== undefined; back = back.cameFrom) way.unshift(back.cameBy!);
      return way;
    }
    return undefined;
  }

  missing(): string {
    const missing = [...this.#places].filter(([, { untried }]) => untried.size > 0);
    return missing.map(([key, { untried }]) => `${key}: ${[...untried].join(', ')}`).join('\n');
  }
}
