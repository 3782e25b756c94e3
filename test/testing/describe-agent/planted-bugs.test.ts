/** Bugs as people write them, one in each agent: each is found, by the law that it breaks, on a short path. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type AnyAgentDefinition, defineAgent, variable } from '../../../src/index.ts';
import {
  type AgentLaw,
  checkAgent,
  type CheckAgentOptions,
  replayAgent,
} from '../../../src/testing/index.ts';

interface Bug {
  readonly bug: string;
  readonly agent: () => AnyAgentDefinition;
  readonly options?: CheckAgentOptions;
  readonly law: AgentLaw | `invariant ${string}`;
  /** Moves of the shortest path. */
  readonly moves: number;
}

const rate = { rate: variable.float({ min: 0, max: 1, default: 0.5 }) };
const whole = z.number().int().min(0).max(100);

const bugs: readonly Bug[] = [
  {
    bug: 'init forgets the saved state',
    agent: () =>
      defineAgent({
        type: 'forgetful',
        init: () => ({ n: 0 }),
        tasks: { add: { input: whole.min(1), run: ({ input, state }) => (state.n += input) } },
      }),
    law: 'what is restored is what was saved',
    moves: 3,
  },
  {
    bug: 'save leaves out a field that answers depend on',
    agent: () =>
      defineAgent({
        type: 'sparing',
        init: ({ restored }): { n: number; factor: number } => ({ n: restored?.n ?? 0, factor: 1 }),
        tasks: {
          double: { run: ({ state }) => void (state.factor *= 2) },
          add: { input: whole, run: ({ input, state }) => (state.n += input * state.factor) },
        },
        save: ({ state }) => ({ n: state.n }),
      }),
    law: 'a restart changes nothing',
    moves: 4,
  },
  {
    bug: 'the state is a variable of the module',
    agent: () => {
      let n = 0;
      return defineAgent({
        type: 'global',
        init: () => ({}),
        tasks: { next: { run: () => (n += 1) } },
      });
    },
    law: 'the same tasks have the same answers',
    moves: 2,
  },
  {
    bug: 'an answer goes by chance',
    agent: () =>
      defineAgent({ type: 'dicer', init: () => ({}), tasks: { roll: { run: () => Math.random() } } }),
    law: 'the same tasks have the same answers',
    moves: 2,
  },
  {
    bug: 'the state holds what JSON would lose',
    agent: () =>
      defineAgent({
        type: 'mapper',
        init: () => ({ seen: {} as object }),
        tasks: { note: { run: ({ state }) => void (state.seen = new Map()) } },
      }),
    law: 'a valid input is done',
    moves: 2,
  },
  {
    bug: 'a task throws at the edge of its input',
    agent: () =>
      defineAgent({
        type: 'divider',
        init: () => ({}),
        tasks: {
          share: {
            input: z.object({ of: whole, among: whole }),
            run: ({ input }) => {
              if (input.among === 0) throw new RangeError('nobody to share it among');
              return input.of / input.among;
            },
          },
        },
      }),
    law: 'a valid input is done',
    moves: 2,
  },
  {
    bug: 'an output is not always what its schema says',
    agent: () =>
      defineAgent({
        type: 'namer',
        init: () => ({}),
        tasks: {
          first: { input: z.array(z.string()), output: z.string(), run: ({ input }) => input[0] as string },
        },
      }),
    law: 'a valid input is done',
    moves: 2,
  },
  {
    bug: 'an account can be overdrawn',
    agent: () =>
      defineAgent({
        type: 'account',
        init: ({ restored }): { balance: number } => restored ?? { balance: 0 },
        tasks: {
          deposit: { input: whole, run: ({ input, state }) => (state.balance += input) },
          withdraw: {
            input: whole,
            run: ({ input, state }) => {
              if (state.balance === 0) return 0;
              state.balance -= input;
              return input;
            },
          },
        },
      }),
    options: { invariants: { neverNegative: ({ state }) => state.balance >= 0 } },
    law: 'invariant neverNegative',
    moves: 3,
  },
  {
    bug: 'a task never ends for some input',
    agent: () =>
      defineAgent({
        type: 'waiter',
        init: () => ({}),
        tasks: {
          wait: { input: whole, run: async ({ input }) => (input > 3 ? new Promise(() => {}) : input) },
        },
      }),
    law: 'a task ends',
    moves: 2,
  },
  {
    bug: 'a vote is none for some value',
    agent: () =>
      defineAgent({
        type: 'voter',
        variables: ['rate'],
        init: () => ({}),
        tasks: {},
        vote: ({ proposal }) => (proposal.value === 1 ? ('maybe' as 'abstain') : 'accept'),
      }),
    options: { variables: rate },
    law: 'a vote is a vote',
    moves: 2,
  },
  {
    bug: 'a variable at its bound is more than it bears',
    agent: () =>
      defineAgent({
        type: 'delicate',
        variables: ['rate'],
        init: () => ({}),
        tasks: {},
        onVariable: ({ value }) => {
          if (value === 0) throw new Error('divided by the rate');
        },
      }),
    options: { variables: rate },
    law: 'a variable is borne',
    moves: 2,
  },
  {
    bug: 'its health check throws once it has worked',
    agent: () =>
      defineAgent({
        type: 'hypochondriac',
        init: ({ restored }): { done: number } => restored ?? { done: 0 },
        tasks: { work: { run: ({ state }) => (state.done += 1) } },
        health: ({ state }) => {
          if (state.done > 1) throw new Error('tired');
        },
      }),
    law: 'its health is told',
    moves: 4,
  },
  {
    bug: 'terminate throws where nothing was begun',
    agent: () =>
      defineAgent({
        type: 'clumsy',
        init: (): { file?: { close(): void } } => ({}),
        tasks: {},
        terminate: ({ state }) => state.file!.close(),
      }),
    law: 'it ends in order',
    moves: 2,
  },
  {
    bug: 'terminate never returns',
    agent: () =>
      defineAgent({ type: 'lingerer', init: () => ({}), tasks: {}, terminate: () => new Promise(() => {}) }),
    law: 'it ends in order',
    moves: 2,
  },
  {
    bug: 'init throws on a state that it has saved itself',
    agent: () =>
      defineAgent({
        type: 'picky',
        init: ({ restored }): { names: string[] } => {
          const names = (restored?.names ?? []) as string[];
          if (names.some((name) => name.trim() === '')) throw new Error('a name is empty');
          return { names };
        },
        tasks: { add: { input: z.string(), run: ({ input, state }) => state.names.push(input) } },
      }),
    law: 'it starts',
    moves: 4,
  },
  {
    bug: 'a task that fails leaves half of its work behind',
    agent: () =>
      defineAgent({
        type: 'halfway',
        keepStateOnFailure: true,
        init: ({ restored }): { n: number } => restored ?? { n: 0 },
        tasks: {
          take: {
            input: whole.min(1),
            run: ({ input, state }) => {
              state.n += input;
              if (state.n > 10) throw new Error('too much');
              return state.n;
            },
          },
          count: { run: ({ state }) => state.n },
        },
      }),
    options: { tasks: { take: { mayFail: true } } },
    law: 'a restart changes nothing',
    moves: 4,
  },
  {
    bug: 'something thrown beside a task takes the agent down',
    agent: () =>
      defineAgent({
        type: 'touchy',
        onTaskError: 'crash',
        init: () => ({}),
        tasks: {
          check: {
            input: whole,
            run: ({ input }) => {
              if (input > 50) throw new Error('too large');
              return input;
            },
          },
        },
      }),
    options: { tasks: { check: { mayFail: true } } },
    law: 'it does not break',
    moves: 2,
  },
];

describe('a bug is found', () => {
  it.each(bugs)('$bug', async ({ agent, options = {}, law, moves }) => {
    const subject = agent();
    const { findings } = await checkAgent(subject, { ...options, most: 1 });
    expect(findings.map((finding) => ({ law: finding.law, moves: finding.moves.length }))).toEqual([
      { law, moves },
    ]);
    // Its path breaks it again.
    const { most: _, ...known } = { most: 1, ...options };
    await expect(replayAgent(subject, findings[0]!.moves, known)).rejects.toMatchObject({ law });
  });
});
