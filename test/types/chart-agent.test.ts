/** What the compiler knows of an agent that is a chart. These laws hold when this file compiles. */
import { expect, expectTypeOf, it } from 'vitest';
import { createMachine, emit, setup } from 'xstate';
import { z } from 'zod';
import {
  type AgentDefinition,
  type ChartAnswer,
  type ChartEvent,
  type ChartInput,
  defineChartAgent,
} from '../../src/index.ts';
import { rig } from '../kit/rig.ts';

const tasks = {
  count: { input: z.string().transform((text) => text.length), output: z.number().transform((n) => ({ n })) },
  reset: { answer: 'taken' },
  any: {},
} as const;

const machine = setup({
  types: {
    context: {} as { n: number },
    events: {} as ChartEvent<typeof tasks>,
    emitted: {} as ChartAnswer<typeof tasks>,
    input: {} as ChartInput<{ readonly from: number }>,
  },
}).createMachine({
  id: 'counter',
  context: ({ input }) => ({ n: input.initArgs.from }),
  on: {
    count: {
      actions: emit(({ context, event }) => {
        expectTypeOf(event.input).toEqualTypeOf<number>();
        expectTypeOf(event.taskId).toEqualTypeOf<string>();
        return { type: 'count.done', output: context.n + event.input };
      }),
    },
    reset: {},
    any: { actions: emit({ type: 'any.done' }) },
  },
});

const counter = defineChartAgent({
  type: 'counter',
  machine,
  tasks,
  initArgs: z.object({ from: z.number().default(1) }),
});
type Calls = typeof counter extends AgentDefinition<infer _Args, infer Tasks> ? Tasks : never;

it('what callers send and get is what the schemas of its tasks say', async () => {
  expectTypeOf<Calls['count']>().toEqualTypeOf<{ input: string; output: { n: number } }>();
  expectTypeOf<Calls['reset']>().toEqualTypeOf<{ input: unknown; output: undefined }>();
  expectTypeOf<Calls['any']>().toEqualTypeOf<{ input: unknown; output: unknown }>();
  const { agents } = await rig();
  const id = await agents.register({ module: counter, initArgs: { from: 2 } });
  await agents.start(id);
  const counted = await agents.execute(id, { type: 'count', input: 'four' });
  expectTypeOf(counted).toEqualTypeOf<{ n: number }>();
  expect(counted).toEqual({ n: 6 });
  expectTypeOf(await agents.next(id)).toEqualTypeOf<readonly ('count' | 'reset' | 'any')[]>();
});

it('a machine that does not take the events of its tasks, or answers otherwise, does not compile', () => {
  const deaf = setup({ types: { events: {} as { type: 'other' } } }).createMachine({ id: 'deaf' });
  // @ts-expect-error -- it has no event `count`
  expect(defineChartAgent({ type: 'deaf', machine: deaf, tasks }).type).toBe('deaf');
  const liar = setup({
    types: { events: {} as ChartEvent<typeof tasks>, emitted: {} as { type: 'count.done'; output: string } },
  }).createMachine({ id: 'liar' });
  // @ts-expect-error -- its answer is no number
  expect(defineChartAgent({ type: 'liar', machine: liar, tasks }).type).toBe('liar');
  // A machine without types is taken at its word.
  expect(defineChartAgent({ type: 'plain', machine: createMachine({ id: 'plain' }), tasks }).type).toBe(
    'plain',
  );
});
