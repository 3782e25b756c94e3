/**
 * A limit that three agents share, as it is to behave: who waits, until when, and who goes on when.
 *
 * Written by hand from the design; it knows nothing of the chart. `world.ts` plays the same moves on the real thing,
 * `tour.ts` makes every move in every state and compares.
 */

export const moves = [
  'limited',
  'limited for long',
  'limited, who knows how long',
  'limited, and reset long ago',
  'passed',
  'lifted',
  'one ends',
  'one starts',
  'due',
  'almost due',
] as const;
export type Move = (typeof moves)[number];

export const RESET_MS = 500;
export const LONG_MS = 90_000;
const STEP_MS = 1_000;
export const CHANCE = 0.5;
/** Of the members, in the order in which they joined: these have work. */
export const LOADS = [0, 1, 1];
/** The one that ends and starts again. */
export const GUEST = 2;

export interface State {
  now: number;
  status: 'open' | 'parked' | 'releasing';
  until: number;
  guessed: boolean;
  guesses: number;
  batch: number;
  dueAt: number | undefined;
  /** By member: whether it is there, and waits. */
  members: { isThere: boolean; waits: boolean; order: number; since: number }[];
  /** How often somebody began to wait. */
  waits: number;
  joined: number;
}

/** What members are told, in order. */
export type Told = readonly (readonly [member: number, told: 'parked' | 'released'])[];

export function first(now: number): State {
  return {
    now,
    status: 'open',
    until: 0,
    guessed: false,
    guesses: 0,
    batch: 1,
    dueAt: undefined,
    members: LOADS.map((_, order) => ({ isThere: true, waits: false, order, since: 0 })),
    waits: 0,
    joined: LOADS.length,
  };
}

export function isPossible(state: State, move: Move): boolean {
  const { isThere } = state.members[GUEST]!;
  switch (move) {
    case 'one ends':
      return isThere;
    case 'one starts':
      return !isThere;
    case 'due':
      return state.dueAt !== undefined;
    case 'almost due':
      return state.dueAt !== undefined && state.dueAt - 1 > state.now;
    default:
      return true;
  }
}

export function play(before: State, move: Move): { state: State; told: Told } {
  const state: State = { ...before, members: before.members.map((member) => ({ ...member })) };
  const told: [number, 'parked' | 'released'][] = [];
  const waiting = () =>
    state.members
      .map((member, index) => ({ ...member, index }))
      .filter(({ waits }) => waits)
      .toSorted((a, b) => LOADS[b.index]! - LOADS[a.index]! || a.since - b.since);
  const wait = (index: number) => {
    const member = state.members[index]!;
    if (!member.waits) {
      state.waits += 1;
      member.since = state.waits;
    }
    member.waits = true;
  };
  const settle = () => {
    if (state.status !== 'releasing' || waiting().length > 0) return;
    state.status = 'open';
    state.dueAt = undefined;
  };
  const release = (count: number) => {
    for (const { index } of waiting().slice(0, count)) {
      state.members[index]!.waits = false;
      told.push([index, 'released']);
    }
    settle();
  };
  const park = (untilKnown: number | undefined) => {
    const isKnown = untilKnown !== undefined && untilKnown > state.now;
    if (state.status === 'parked' && !(isKnown && (state.guessed || untilKnown > state.until))) return;
    const guess = Math.round((Math.min(60_000, 1_000 * 2 ** state.guesses) / 2) * (1 + CHANCE));
    state.until = isKnown ? untilKnown : state.now + guess;
    state.guessed = !isKnown;
    if (!isKnown) state.guesses += 1;
    state.status = 'parked';
    state.dueAt = state.until;
    const inOrder = state.members
      .map((member, index) => ({ ...member, index }))
      .filter(({ isThere }) => isThere);
    for (const { index } of inOrder.toSorted((a, b) => a.order - b.order)) {
      wait(index);
      told.push([index, 'parked']);
    }
  };
  switch (move) {
    case 'limited':
      park(state.now + RESET_MS);
      break;
    case 'limited for long':
      park(state.now + LONG_MS);
      break;
    case 'limited, who knows how long':
      park(undefined);
      break;
    case 'limited, and reset long ago':
      park(state.now - 1);
      break;
    case 'passed':
      if (state.status === 'parked') break;
      state.guesses = 0;
      if (state.status === 'releasing') release(2);
      break;
    case 'lifted':
      if (state.status !== 'parked') break;
      state.guesses = 0;
      state.status = 'releasing';
      state.batch = 1;
      state.dueAt = state.now + STEP_MS;
      release(1);
      break;
    case 'one ends':
      state.members[GUEST] = { isThere: false, waits: false, order: 0, since: 0 };
      settle();
      break;
    case 'one starts': {
      const waits = state.status !== 'open';
      state.members[GUEST] = { isThere: true, waits: false, order: state.joined, since: 0 };
      state.joined += 1;
      if (waits) wait(GUEST);
      if (waits) told.push([GUEST, 'parked']);
      break;
    }
    case 'almost due':
      state.now = state.dueAt! - 1;
      break;
    case 'due':
      state.now = state.dueAt!;
      if (state.status === 'parked') {
        state.status = 'releasing';
        state.batch = 1;
      } else state.batch *= 2;
      state.dueAt = state.now + STEP_MS;
      release(state.batch);
      break;
  }
  return { state, told };
}

export function keyOf({ status, guessed, guesses, batch, members, until, now }: State): string {
  const left = until - now;
  return [
    status,
    status === 'parked' &&
      (guessed ? 'guessed' : left > RESET_MS ? 'long' : left === RESET_MS ? 'fresh' : 'old'),
    `guesses ${Math.min(guesses, 1)}`,
    status === 'releasing' && `batch ${batch}`,
    ...members.map(({ isThere, waits }) => `${isThere ? 'there' : 'gone'}${waits ? ' waits' : ''}`),
    members[1]!.waits &&
      members[GUEST]!.waits &&
      members[GUEST]!.since < members[1]!.since &&
      'the guest first',
  ]
    .filter(Boolean)
    .join(' | ');
}
