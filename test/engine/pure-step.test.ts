import { type AnyStateMachine, assign, createMachine, raise, sendTo, spawnChild, stopChild } from 'xstate';
import { expect, test } from 'vitest';
import { agentMachine } from '../../src/machines/index.ts';
import {
  beginChart,
  type PlainSnapshot,
  type PlainStep,
  stepChart,
} from '../../src/runtime/engine/pure-step.ts';
import { ChartRefused } from '../../src/runtime/engine/refusal.ts';
import { seededDraw } from './differential/draw.ts';
import { machineOf, movesOf } from './differential/generated-machine.ts';

interface There {
  readonly context: { readonly n: number };
}

/** A definition of whatever shape. */
const define = (config: object): AnyStateMachine => createMachine(config as never);

const throughJson = <Value>(value: Value): Value => JSON.parse(JSON.stringify(value ?? null)) as Value;

test('a step gives a snapshot and effects as data, deadlines and children by their ids', () => {
  const machine = define({
    id: 'm',
    context: ({ input }: { input: number }) => ({ n: input }),
    initial: 'a',
    states: {
      a: { on: { go: { target: 'b', actions: assign({ n: ({ context }) => context.n + 1 }) } } },
      b: {
        entry: [{ type: 'hello', params: { to: 'you' } }, sendTo('w', { type: 'early' })],
        exit: raise({ type: 'late' }, { id: 'soon', delay: 5 }),
        invoke: { id: 'w', src: 'work', input: ({ context }: There) => context.n },
        after: { 10: 'a' },
      },
    },
  });
  const started = beginChart(machine, 4);
  expect(started).toEqual({
    snapshot: {
      value: 'a',
      context: { n: 4 },
      status: 'active',
      output: undefined,
      active: ['m', 'm.a'],
      history: {},
      children: {},
    },
    effects: [],
  });
  const entered = stepChart(machine, throughJson(started.snapshot), { type: 'go' });
  expect(entered.snapshot).toMatchObject({ value: 'b', context: { n: 5 }, children: { w: 'work' } });
  expect(entered.effects).toEqual([
    { do: 'perform', effect: { type: 'hello', params: { to: 'you' } } },
    { do: 'arm', id: 'xstate.after.10.m.b', delayMs: 10, event: { type: 'xstate.after.10.m.b' } },
    { do: 'spawn', id: 'w', src: 'work', input: 5 },
    { do: 'send', event: { type: 'early' }, to: 'w' },
  ]);
  const left = stepChart(machine, throughJson(entered.snapshot), { type: 'xstate.after.10.m.b' });
  expect(left.snapshot).toMatchObject({ value: 'a', children: {} });
  expect(left.effects).toEqual([
    { do: 'arm', id: 'soon', delayMs: 5, event: { type: 'late' } },
    { do: 'cancel', id: 'xstate.after.10.m.b' },
    { do: 'stop', id: 'w' },
  ]);
});

test('a snapshot that has been JSON goes on as the one that has not', () => {
  let steps = 0;
  for (let seed = 1; seed <= 150; seed++) {
    const draw = seededDraw(seed);
    const machine = machineOf(draw);
    let at: PlainSnapshot = withoutCalls(() => beginChart(machine, { n: 1 }))?.snapshot ?? ENDED;
    for (const move of movesOf(draw, 30)) {
      if (move.do !== 'send' || at.status !== 'active') continue;
      const [one, other] = [at, throughJson(at)].map((from) =>
        withoutCalls(() => stepChart(machine, from, move.event)),
      );
      expect(throughJson(other), `seed ${seed}`).toEqual(throughJson(one));
      steps += 1;
      at = one?.snapshot ?? ENDED;
    }
  }
  expect(steps).toBeGreaterThan(1_000);
});

const boom = (): never => {
  throw new Error('boom');
};

const ENDED = { status: 'error' } as PlainSnapshot;

/** `undefined` for a bug, and for an action that is no data. */
function withoutCalls(step: () => PlainStep): PlainStep | undefined {
  try {
    return step();
  } catch {
    return undefined;
  }
}

test('the life of an agent, without a runtime', () => {
  const policy = {
    restart: { policy: 'delayed', delayMs: 1_000, maxDelayMs: 60_000, maxRestarts: 5, withinMs: 60_000 },
    startTimeoutMs: 30_000,
    shutdownMs: 5_000,
    maxRuntimeMs: 3_600_000,
    failuresBeforeKill: 3,
  } as const;
  let at = beginChart(agentMachine, { id: 'a', policy }).snapshot;
  const take = (event: Parameters<typeof stepChart<typeof agentMachine>>[2]): string[] => {
    const { snapshot, effects } = stepChart(agentMachine, throughJson(at), event);
    at = snapshot;
    return effects.map((effect) => (effect.do === 'perform' ? effect.effect.type : effect.do));
  };
  expect(take({ type: 'agent.start', at: 1 })).toEqual(['clearAlerts', 'spawn', 'announce', 'arm']);
  expect(take({ type: 'body.ready', at: 2 })).toContain('announce');
  expect(take({ type: 'agent.kill', at: 3 })).toContain('commandBody');
  const exit = { reason: 'killed', at: 4, chance: 0.5 } as const;
  expect(take({ type: 'xstate.done.actor.body', output: exit })).toContain('arm');
  expect(at.value).toEqual({ crashed: 'waiting' });
});

test('a chart that has ended comes back as it is', () => {
  const machine = createMachine({ initial: 'a', states: { a: { type: 'final' } } });
  const { snapshot } = beginChart(machine, undefined);
  expect(snapshot.status).toBe('done');
  expect(stepChart(machine, snapshot, { type: 'x' })).toEqual({ snapshot, effects: [] });
});

test('a bug is thrown, and has changed nothing; at the start it is a snapshot', () => {
  const machine = createMachine({ on: { go: { actions: assign(boom) } } });
  const { snapshot } = beginChart(machine, undefined);
  expect(() => stepChart(machine, snapshot, { type: 'go' })).toThrow('boom');
  expect(beginChart(createMachine({ context: boom }), undefined).snapshot).toMatchObject({
    status: 'error',
    error: new Error('boom'),
  });
});

const W: never = { id: 'w' } as never;

test('a child that is stopped in the step that spawned it is no effect, and its deadlines reach nobody', () => {
  const machine = createMachine({
    on: {
      go: {
        actions: [
          spawnChild('w' as never, W),
          sendTo('w', { type: 'x' }),
          sendTo('w', { type: 'y' }, { delay: 5 }),
          stopChild('w'),
        ],
      },
    },
  });
  const { snapshot } = beginChart(machine, undefined);
  expect(stepChart(machine, snapshot, { type: 'go' }).effects).toEqual([
    { do: 'arm', id: undefined, delayMs: 5, event: { type: 'y' }, to: null },
  ]);
});

test('an action without a name is no data, and refused', () => {
  const machine = createMachine({ id: 'm', entry: () => {} });
  expect(() => beginChart(machine, undefined)).toThrow(
    new ChartRefused('m', 'm', 'an action without a name, as data'),
  );
});
