import { expect, it } from 'vitest';
import { assign, emit, fromPromise, setup } from 'xstate';
import { z } from 'zod';
import { rig, codeOf } from '../kit/rig.ts';
import { defineChartAgent, agentOf, type ChartEvent, type ChartAnswer } from '../../src/chart-agent.ts';

const tasks = {
  draft: { input: z.object({ topic: z.string() }), output: z.string() },
  approve: { answer: 'taken' },
} as const;
const machine = setup({
  types: { context: {} as { topic: string; text: string }, events: {} as ChartEvent<typeof tasks>, emitted: {} as ChartAnswer<typeof tasks> },
  actors: { write: fromPromise(async ({ input, system }: { input: string; system: object }) => { agentOf(system).progress('writing'); return `on ${input}`; }) },
}).createMachine({
  id: 'writer', context: { topic: '', text: '' }, initial: 'idle',
  states: {
    idle: { on: { draft: { target: 'drafting', actions: assign({ topic: ({ event }) => event.input.topic }) } } },
    drafting: { invoke: { src: 'write', input: ({ context }) => context.topic, onDone: { target: 'review', actions: [assign({ text: ({ event }) => event.output }), emit(({ event }) => ({ type: 'draft.done', output: event.output }))] } } },
    review: { after: { 1000: 'idle' }, on: { approve: 'published' } },
    published: { type: 'final' },
  },
});
const writer = defineChartAgent({ type: 'writer', machine, tasks });
it('works', async () => {
  const { agents, events, clock } = await rig();
  const id = await agents.register({ module: writer });
  await agents.start(id);
  expect(await agents.next(id)).toEqual(['draft']);
  expect(await codeOf(agents.execute(id, { type: 'approve' }))).toBe('TASK_INCOMPATIBLE');
  const said: unknown[] = [];
  expect(await agents.execute(id, { type: 'draft', input: { topic: 'x' }, onProgress: (p) => said.push(p) })).toBe('on x');
  expect(said).toEqual(['writing']);
  console.log(JSON.stringify(await agents.savedState(id)));
  await agents.kill(id);
  await clock.advance(1000);
  console.log(agents.get(id).status, agents.get(id).state, await agents.next(id));
  await clock.advance(1000);
  console.log(agents.get(id).status, await agents.next(id));
  console.log(JSON.stringify(await agents.savedState(id)));
  console.log(await agents.execute(id, { type: 'draft', input: { topic: 'y' } }));
  expect(await agents.can(id, { type: 'approve' })).toBe(true);
  expect(await agents.can(id, { type: 'draft', input: {topic: 'x'} })).toBe(false);
  console.log(await agents.execute(id, { type: 'approve' }));
  await clock.advance(1000);
  console.log(agents.get(id).status);
  console.log(events.map(({ type }) => type).join(' '));
});
