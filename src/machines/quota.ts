/**
 * A limit that somebody else sets, like a provider's requests a minute. It is open until a task says that it is
 * reached; then all agents that work under it park until it is reset, and go on one after the other.
 *
 * A known reset is waited for to the millisecond. An unknown one is guessed: 1 s, doubled for every guess in a
 * row, 60 s at most, of which half is fixed and half is random; records say that it is a guess. After the
 * reset one member goes on, then twice as many with every second, and two more with every task that is done meanwhile:
 * the first ones find out whether the limit holds, and no more than a few run into it again.
 *
 * It knows no member: the runtime knows who parks, and whose turn it is.
 *
 * Sources: RFC 9110 `Retry-After`; TCP's slow start.
 */
import { assign, setup } from 'xstate';
import { type Backoff, backoffDelayMs } from './backoff.ts';
import type { EffectParams, EffectsOf } from './effect.ts';

/** What an agent waits for. Times are epoch ms. */
export interface Parked {
  /** Since when, epoch ms. */
  readonly at: number;
  /** When the limit is reset: from then on it goes on, in its turn. */
  readonly until: number;
  /** What the limit was, in words. */
  readonly why: string;
  /** Nobody said when the limit is reset. */
  readonly guessed?: true;
  /** `until` was named as a time of the wall clock: if that clock is set, it is waited for all the same. */
  readonly named?: true;
  /** The group that parks together, where it works in one. */
  readonly quota?: string;
}

export interface QuotaInput {
  /** Its name, where it is shared. */
  readonly quota: string | undefined;
}

export interface QuotaContext {
  readonly quota: string | undefined;
  readonly parked: Parked | undefined;
  readonly resetMs: number;
  /** Guesses in a row. */
  readonly guesses: number;
  /** How many members go on in the next step. */
  readonly batch: number;
}

export type QuotaEvent =
  /**
   * A task has run into it. A reset in the past counts as unknown. `guessed`: an earlier program guessed it. `named`:
   * `until` is the time that was said, not one that was counted from what was said.
   */
  | {
      type: 'quota.limited';
      at: number;
      until?: number;
      why: string;
      chance: number;
      guessed?: true;
      named?: true;
    }
  /** A task that was begun under it is done. */
  | { type: 'quota.passed' }
  /** Somebody says that it is reset. */
  | { type: 'quota.lifted' }
  /** No member waits any more. */
  | { type: 'quota.emptied' };

/** All effects of this chart. */
export type QuotaEffect = EffectsOf<{
  /** Park all members that are not parked like this yet. */
  parkMembers: { readonly parked: Parked };
  /** That many members go on, those with work first; the chart is told when none is left. */
  releaseMembers: { readonly count: number };
}>;

export const GUESS_MS = 1_000;
export const LONGEST_GUESS_MS = 60_000;
export const RELEASE_STEP_MS = 1_000;
/** How many more go on with each task that is done. */
const WITH_EACH_PASS = 2;

const parkMembers = {
  type: 'parkMembers' as const,
  params: ({ context }: { context: QuotaContext }) => ({ parked: context.parked as Parked }),
};
const releaseBatch = {
  type: 'releaseMembers' as const,
  params: ({ context }: { context: QuotaContext }) => ({ count: context.batch }),
};
const releaseMore = { type: 'releaseMembers' as const, params: { count: WITH_EACH_PASS } };
const limit = ['noteLimit' as const, parkMembers];

/** How long to wait for an unknown reset, ms. */
const guess: Backoff = { delayMs: GUESS_MS, maxDelayMs: LONGEST_GUESS_MS };

export const quotaMachine = setup({
  types: {} as { context: QuotaContext; input: QuotaInput; events: QuotaEvent },
  actions: {
    parkMembers: (_, _params: EffectParams<QuotaEffect, 'parkMembers'>) => {},
    releaseMembers: (_, _params: EffectParams<QuotaEffect, 'releaseMembers'>) => {},

    noteLimit: assign(({ context, event }) => {
      if (event.type !== 'quota.limited') return {};
      const { at, until, why, chance, guessed, named } = event;
      const isKnown = until !== undefined && until > at;
      const resetMs = isKnown ? until - at : backoffDelayMs(guess, context.guesses, chance);
      const isGuess = !isKnown || guessed === true;
      const parked: Parked = {
        at,
        until: at + resetMs,
        why,
        ...(isGuess ? { guessed: true as const } : {}),
        ...(isKnown && named ? { named } : {}),
        ...(context.quota === undefined ? {} : { quota: context.quota }),
      };
      return { parked, resetMs, guesses: isGuess ? context.guesses + 1 : context.guesses, batch: 1 };
    }),
    growBatch: assign({ batch: ({ context }) => context.batch * 2 }),
    forgetGuesses: assign({ guesses: 0 }),
  },
  guards: {
    /** It says more than is known: a later reset, or a known one in place of a guess. */
    isBetterKnown: ({ context: { parked }, event }) =>
      event.type === 'quota.limited' &&
      event.until !== undefined &&
      event.until > event.at &&
      (parked?.guessed === true || event.until > (parked?.until ?? 0)),
  },
  delays: {
    reset: ({ context }) => context.resetMs,
    releaseStep: RELEASE_STEP_MS,
  },
}).createMachine({
  id: 'quota',
  context: ({ input }) => ({
    quota: input.quota,
    parked: undefined,
    resetMs: 0,
    guesses: 0,
    batch: 1,
  }),
  initial: 'open',
  states: {
    open: {
      description: 'The limit is not reached: tasks begin.',
      on: {
        'quota.limited': { target: 'parked', actions: limit },
        'quota.passed': { actions: 'forgetGuesses' },
      },
    },
    parked: {
      description: 'The limit is reached: all agents that work under it wait for its reset.',
      after: { reset: 'releasing' },
      on: {
        'quota.limited': [
          { guard: 'isBetterKnown', target: 'parked', reenter: true, actions: limit },
          { actions: parkMembers },
        ],
        'quota.lifted': { target: 'releasing', actions: 'forgetGuesses' },
      },
    },
    releasing: {
      description: 'The limit was reset: agents go on, one at first, then twice as many with every step.',
      entry: releaseBatch,
      after: { releaseStep: { target: 'releasing', reenter: true, actions: 'growBatch' } },
      on: {
        'quota.limited': { target: 'parked', actions: limit },
        'quota.passed': { actions: ['forgetGuesses', releaseMore] },
        'quota.emptied': 'open',
      },
    },
  },
});
