/** Agents that are charts: all of the chart is taken, a bug in it is found, and what is never taken is named. */
import { describe, expect, it } from 'vitest';
import { type AnyStateMachine, emit, fromPromise, setup } from 'xstate';
import { z } from 'zod';
import { type ChartAnswer, type ChartEvent, defineChartAgent } from '../../../src/chart-agent.ts';
import { variable } from '../../../src/index.ts';
import { checkAgent, type CheckAgentOptions, type CoverageReport } from '../../../src/testing/index.ts';
import { orderWith, type Parts } from './order.ts';

describe('a correct chart', () => {
  it('passes, with every transition and guard outcome taken', async () => {
    let report: CoverageReport | undefined;
    const { findings, tests } = await checkAgent(orderWith(), {
      walks: 10,
      onCoverage: (told) => (report = told),
    });
    expect(findings).toEqual([]);
    expect(report).toEqual({
      transitions: { taken: 9, all: 9 },
      guards: { taken: 1, all: 1 },
      never: [],
    });
    expect(tests).toBeGreaterThan(100);
  });
});

interface Bug {
  readonly bug: string;
  readonly parts: Partial<Parts>;
  readonly options?: CheckAgentOptions;
  readonly finding: RegExp;
}

const bugs: readonly Bug[] = [
  {
    bug: 'a guard that nothing passes',
    parts: { isLarge: (pieces) => pieces > 5 },
    finding:
      /8 of 9 transitions, 1 of 1 guard outcomes; never: order\.none: place → placed\.large if isLarge \(1 of 2\); expected 100 %/,
  },
  {
    bug: 'a guard that everything passes',
    parts: { isLarge: () => true },
    finding:
      /never: order\.none: place → placed\.small \(2 of 2\); order\.none: place → placed\.large if isLarge \(1 of 2\), refused/,
  },
  {
    bug: 'a state that nothing leads to',
    parts: { hasOrphan: true },
    finding: /9 of 10 transitions.*never: order\.refunded: cancel → none/,
  },
  {
    bug: 'work that fails for some orders, where nothing handles it',
    parts: {
      hasError: false,
      charge: async (pieces) => {
        if (pieces === 4) throw new Error('no such price');
        return pieces;
      },
    },
    finding: /breaks the law "it does not break": no such price\nafter 3 moves/,
  },
  {
    bug: 'a context that JSON would lose',
    parts: { paid: (paid, charged) => (charged > 8 ? Number.NaN : paid + charged) },
    finding:
      /breaks the law "what is answered is kept": .*got NaN at state\.snapshot\.context\.paid\nafter 3 moves/,
  },
  {
    bug: 'an answer that is not what its task says',
    parts: { answer: (pieces) => (pieces === 2 ? undefined : 'some') },
    finding: /breaks the law "a valid input is done": .*the output of place is not as defined/,
  },
  {
    bug: 'a task that is never answered',
    parts: { hasAnswer: false },
    finding: /breaks the law "a task ends": place has no answer, and never gets one/,
  },
  {
    bug: 'a task that is never answered, where its agent has room for another',
    parts: { hasAnswer: false },
    options: { spec: { tasks: { concurrency: 9 } } },
    finding: /breaks the law "its tasks are answered": never: place/,
  },
  {
    bug: 'an invariant of its context',
    parts: { paid: (paid, charged) => paid - charged },
    options: { invariants: { neverOwes: ({ state }) => state.context.paid >= 0 } },
    finding: /breaks the law "invariant neverOwes": does not hold of .*\nafter 3 moves/,
  },
  {
    bug: 'a guard that throws for some input',
    parts: {
      isLarge: (pieces) => {
        if (pieces === 5) throw new Error('too many to tell');
        return pieces > 3;
      },
    },
    finding: /breaks the law "a valid input is done": [^]*too many to tell\nafter 2 moves/,
  },
];

describe('a bug in a chart is found', () => {
  it.each(bugs)('$bug', async ({ parts, options, finding }) => {
    const { findings } = await checkAgent(orderWith(parts), { walks: 20, ...options, most: 1 });
    expect(findings[0]?.message).toMatch(finding);
    expect(findings[0]?.moves.length).toBeLessThan(5);
  });
});

it('a finding of a chart says in which state each move has left it', async () => {
  const { findings } = await checkAgent(orderWith({ paid: (paid, charged) => paid - charged }), {
    walks: 20,
    invariants: { neverOwes: ({ state }) => state.context.paid >= 0 },
    most: 1,
  });
  const path = [
    '  start → none',
    '  place({"pieces":1}): gives "1 pieces" → placed.small',
    '  pay(): gives undefined → none',
  ];
  expect(findings[0]!.message).toContain(`\n${path.join('\n')}\n`);
});

const told = (output: string) => ({ actions: { type: 'tell', params: output } });

/** Takes orders, and answers them as `states` say; tells where it stands at any time. */
function waiterWith(states: (answer: object) => object, more: object = {}) {
  const tasks = {
    order: { output: z.string() },
    ready: { answer: 'taken' },
    where: { output: z.string() },
  } as const;
  const machine = setup({
    types: { events: {} as ChartEvent<typeof tasks>, emitted: {} as ChartAnswer<typeof tasks> },
    actors: { ask: fromPromise(async () => 'tea') },
    actions: {
      answer: emit({ type: 'order.done', output: 'tea' }),
      tell: emit((_, output: string) => ({ type: 'where.done' as const, output })),
    },
  }).createMachine({
    initial: 'idle',
    on: { where: told('at work') },
    states: {
      idle: { on: { order: 'asking', where: told('idle') } },
      ...states({ target: 'idle', actions: 'answer' }),
    },
  } as never);
  return defineChartAgent({ type: 'waiter', machine: machine as unknown as AnyStateMachine, tasks, ...more });
}

describe('a task of a chart', () => {
  const laws = { walks: 3, coverage: 0, except: ['its tasks are answered'] } satisfies CheckAgentOptions;

  it('that is not answered where its work fails is found, with the way there', async () => {
    const waiter = waiterWith((answer) => ({
      asking: { invoke: { src: 'ask', onDone: answer, onError: 'idle' } },
    }));
    const [finding] = (await checkAgent(waiter, { walks: 10, most: 1 })).findings;
    expect(finding?.law).toBe('a task ends');
    expect(finding?.moves).toContainEqual({ move: 'arrange', work: 'ask', as: 'failing' });
    expect(finding?.moves.length).toBeLessThan(6);
  });

  it.each([
    [
      'work',
      {},
      (answer: object) => ({ asking: { invoke: { src: 'ask', onDone: answer, onError: answer } } }),
    ],
    ['a delay', {}, (answer: object) => ({ asking: { after: { 60_000: answer } } })],
    [
      'another task, and others are answered meanwhile',
      { tasks: { concurrency: 99 } },
      (answer: object) => ({ asking: { on: { ready: answer } } }),
    ],
  ])('may wait for %s', async (_, spec, states) => {
    const { findings } = await checkAgent(waiterWith(states), { ...laws, spec });
    expect(findings).toEqual([]);
  });

  it('may wait for a variable', async () => {
    const waiter = waiterWith((answer) => ({ asking: { on: { 'variable.changed': answer } } }), {
      variables: ['menu'],
    });
    const variables = { menu: variable.choice({ options: ['tea', 'ale'], default: 'tea' }) };
    expect((await checkAgent(waiter, { ...laws, variables })).findings).toEqual([]);
  });
});

it('less than all of a chart is enough where that was said', async () => {
  const { findings } = await checkAgent(orderWith({ hasOrphan: true }), { walks: 5, coverage: 0.9 });
  expect(findings).toEqual([]);
});
