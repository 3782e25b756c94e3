/** What a chart's data refers to is what it referred to, in every life. */
import { expect, it } from 'vitest';
import {
  type AnyActorLogic,
  type AnyActorRef,
  assign,
  type AnyStateMachine,
  fromPromise,
  raise,
  sendTo,
  setup,
  stopChild,
} from 'xstate';
import { type ChartSnapshot, defineChartAgent } from '../../../src/index.ts';
import { rig } from '../../kit/rig.ts';
import { health, restart } from './patient.ts';

/** The contexts that one run of tasks leaves: of the chart, and of its children by their ids. */
async function contextsAfter(
  machine: AnyStateMachine,
  script: readonly (string | number)[],
  killedAfter: number | undefined,
): Promise<unknown> {
  const { agents, clock } = await rig();
  const names = script.filter((step) => typeof step === 'string');
  const tasks = Object.fromEntries(names.map((name) => [name, { answer: 'taken' }] as const));
  await agents.register({
    id: 'ada',
    module: defineChartAgent({ type: 't', machine, tasks }),
    restart,
    health,
  });
  await agents.start('ada');
  for (const [n, step] of script.entries()) {
    if (typeof step === 'number') await clock.advance(step);
    else await agents.execute('ada', { type: step });
    if (n !== killedAfter) continue;
    await agents.kill('ada');
    await clock.advance(restart.delayMs);
    expect(agents.get('ada')).toMatchObject({ status: 'running', incarnation: 2 });
  }
  await clock.advance(100);
  const told = ({ context, children }: ChartSnapshot): unknown => ({
    context,
    children: Object.entries(children).map(([id, { snapshot }]) => [
      id,
      'context' in snapshot ? told({ children: {}, ...snapshot } as never) : snapshot['status'],
    ]),
  });
  return told(((await agents.savedState('ada')) as { snapshot: ChartSnapshot }).snapshot);
}

interface Heard {
  readonly heard: readonly string[];
  readonly to: AnyActorRef;
}

interface Told {
  readonly type: string;
  readonly by?: string;
  readonly to?: AnyActorRef;
}

const types = {} as { context: Heard; events: Told; input: { readonly to: AnyActorRef } };

/** Charts that hear, and that tell whoever they were given. */
function hearing(actors: Readonly<Record<string, AnyActorLogic>>) {
  return setup({
    types,
    actors,
    actions: {
      hear: assign({
        heard: ({ context, event: { type, by } }) => [...context.heard, `${type} ${by ?? ''}`.trim()],
      }),
      answer: sendTo(
        ({ context }) => context.to,
        ({ self }) => ({ type: 'poked', by: self.id }),
      ),
    },
  });
}

const kid = hearing({}).createMachine({
  id: 'kid',
  context: ({ input: { to } }) => ({ heard: [], to }),
  on: { poke: { actions: ['hear', 'answer'] }, poked: { actions: 'hear' } },
});

/** Its own child has the id of what it was given. */
const parent = hearing({ kid }).createMachine({
  id: 'parent',
  context: ({ spawn, self, input: { to } }) => {
    spawn('kid', { id: 'a', input: { to: self } });
    return { heard: [], to };
  },
  on: {
    poke: { actions: ['hear', 'answer', sendTo('a', { type: 'poke' })] },
    poked: { actions: 'hear' },
  },
});

const family = hearing({ kid, parent }).createMachine({
  id: 'family',
  context: ({ spawn, self }) => {
    const to = spawn('kid', { id: 'a', input: { to: self } });
    spawn('kid', { id: 'b', input: { to } });
    spawn('parent', { id: 'c', input: { to } });
    return { heard: [], to };
  },
  on: {
    poked: { actions: 'hear' },
    toParent: { actions: sendTo('a', { type: 'poke' }) },
    toSibling: { actions: sendTo('b', { type: 'poke' }) },
    toNephew: { actions: sendTo('c', { type: 'poke' }) },
    later: { actions: raise(({ context: { to } }) => ({ type: 'due', to }), { delay: 50 }) },
    due: { actions: sendTo(({ event }) => event.to!, { type: 'poke' }) },
    stop: { actions: stopChild('a') },
    again: { actions: stopChild(({ context }) => context.to) },
    toEnded: { actions: sendTo(({ context }) => context.to, { type: 'poke' }) },
  },
}) as unknown as AnyStateMachine;

it.each([
  ['a parent', ['toParent', 'toParent']],
  ['a sibling', ['toSibling', 'toSibling']],
  ['another than the child of the same id', ['toNephew', 'toNephew']],
  ['one in an event that is delayed', ['later', 20, 30]],
  ['one that has ended', ['stop', 'toEnded', 'toSibling', 'again', 'toEnded']],
] as const)('a reference to %s leads there after a crash, too', async (_, script) => {
  const whole = await contextsAfter(family, script, undefined);
  expect(JSON.stringify(whole)).toContain('poke');
  for (const n of script.keys()) expect(await contextsAfter(family, script, n)).toEqual(whole);
});

it('work that is done again finds the actors of its input', async () => {
  const tell = fromPromise(({ input }: { input: { to: AnyActorRef } }) => {
    input.to.send({ type: 'poked', by: 'work' });
    return new Promise(() => {});
  });
  const machine = hearing({ tell }).createMachine({
    id: 'asking',
    context: ({ self }) => ({ heard: [], to: self }),
    invoke: { src: 'tell', input: ({ self }) => ({ to: self }) },
    on: { poked: { actions: 'hear' }, go: { actions: 'hear' } },
  }) as unknown as AnyStateMachine;
  expect(await contextsAfter(machine, ['go'], 0)).toMatchObject({
    context: { heard: ['poked work', 'go', 'poked work'] },
  });
});
