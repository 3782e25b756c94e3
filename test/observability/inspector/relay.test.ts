import { describe, expect, it } from 'vitest';
import { createActor, type EventFromLogic, fromPromise, setup } from 'xstate';
import { type ChartOptions, createChart } from '../../../src/runtime/engine/chart.ts';
import { Relay, type RelayOptions } from '../../../src/runtime/observability/inspector/relay.ts';
import { simulatedClock } from '../../../src/testing/index.ts';

interface Counter {
  readonly context: { readonly id: string; readonly n: number; readonly extra?: unknown };
  readonly input: { readonly id: string; readonly extra?: unknown };
}
const counter = setup({
  // oxlint-disable-next-line typescript/no-unnecessary-type-assertion -- it is what types the chart
  types: {} as Counter,
}).createMachine({
  id: 'counter',
  context: ({ input }) => ({ id: input.id, n: 0, extra: input.extra }),
  initial: 'counting',
  states: { counting: { on: { over: 'gone', tick: 'counting' } }, gone: { type: 'final' } },
});

interface Message {
  readonly type: string;
  readonly sessionId: string;
  readonly name?: string;
  readonly createdAt?: string;
  readonly definition?: string;
  readonly snapshot: { readonly value?: unknown; readonly status: string; readonly context?: unknown };
  readonly event?: { readonly type: string };
}

/** What can tell of a chart: whatever drives it for the engine, or XState of its own actor. */
const tellers = ['table', 'interpreter', 'pure', 'xstate'] as const;
type Teller = (typeof tellers)[number];

/** What may wait in the line of a viewer before it is sent nothing more. */
const MOST_WAITING_BYTES = 1_000_000;

/** A viewer that takes all it is sent, unless its line is full. */
function scriptedViewer() {
  const messages: Message[] = [];
  return {
    messages,
    isFull: false,
    /** How often it was asked whether there is room. */
    asked: 0,
    send(text: string) {
      messages.push(JSON.parse(text) as Message);
    },
    waitingBytes() {
      this.asked += 1;
      return MOST_WAITING_BYTES + (this.isFull ? 1 : 0);
    },
    take() {
      return messages.splice(0);
    },
  };
}

function relayWith(teller: Teller, options: Partial<RelayOptions> = {}) {
  const clock = simulatedClock();
  const faults: unknown[] = [];
  const relay = new Relay({
    clock,
    coalesceMs: 50,
    maxActors: 10,
    filter: () => true,
    onFault: (thrown) => faults.push(thrown),
    ...options,
  });
  const start = (id: string, extra?: unknown) => counterOf(teller, relay, { id, extra });
  return { relay, clock, faults, start };
}

function counterOf(teller: Teller, relay: Relay, input: Counter['input']) {
  if (teller === 'xstate') {
    const actor = createActor(counter, { input, inspect: (event) => relay.observe(event) }).start();
    return {
      send: (event: EventFromLogic<typeof counter>) => actor.send(event),
      stop: () => void actor.stop(),
      value: () => actor.getSnapshot().value,
    };
  }
  const options: ChartOptions = {
    clock: simulatedClock(),
    perform: () => {},
    onBug: (error) => {
      throw error;
    },
    observe: (observation) => relay.observe(observation),
  };
  const chart = createChart(counter, input, options, teller);
  return {
    send: (event: EventFromLogic<typeof counter>) => chart.send(event),
    stop: () => chart.stop(),
    value: () => chart.snapshot().value,
  };
}

const inWords = ({ type, name, snapshot }: Message) =>
  `${type}${name === undefined ? '' : ` ${name}`} ${snapshot.status}`;

describe.each(tellers)('told by %s:', (teller) => {
  describe('a viewer', () => {
    it('that comes late is told who everybody is and how they stand now', async () => {
      const { relay, clock, start } = relayWith(teller);
      const one = start('one');
      start('two');
      one.send({ type: 'over' });
      const viewer = scriptedViewer();
      relay.join(viewer);
      await clock.advance(50);
      expect(viewer.messages.map(inWords)).toEqual([
        '@xstate.actor one done',
        '@xstate.snapshot done',
        '@xstate.actor two active',
        '@xstate.snapshot active',
      ]);
      const [introduction] = viewer.messages;
      expect(JSON.parse(introduction!.definition!)).toMatchObject({ id: 'counter', initial: 'counting' });
      expect(introduction!.snapshot.value).toBe('gone');
    });

    it('that comes where there is one actor alone, long silent, is told of it, and another one after that', async () => {
      const { relay, clock, start } = relayWith(teller);
      start('one');
      await clock.advance(1_000);
      for (const viewer of [scriptedViewer(), scriptedViewer()]) {
        relay.join(viewer);
        await clock.advance(50);
        expect(viewer.take().map(inWords)).toEqual(['@xstate.actor one active', '@xstate.snapshot active']);
        expect(clock.pending()).toEqual([]);
      }
    });

    it('is sent the newest snapshot once in 50 ms, however many there were', async () => {
      const { relay, clock, start } = relayWith(teller);
      const viewer = scriptedViewer();
      relay.join(viewer);
      const one = start('one');
      await clock.advance(50);
      viewer.take();
      for (let i = 0; i < 1_000; i++) one.send({ type: 'tick' });
      one.send({ type: 'over' });
      await clock.advance(49);
      expect(viewer.messages).toEqual([]);
      await clock.advance(1);
      expect(viewer.messages.map(inWords)).toEqual(['@xstate.snapshot done']);
      expect(viewer.messages[0]!.event).toEqual({ type: 'over' });
      expect(clock.pending()).toEqual([]);
    });

    it('that does not read misses steps and gets the newest, and holds up no other', async () => {
      const { relay, clock, start } = relayWith(teller);
      const [slow, quick] = [scriptedViewer(), scriptedViewer()];
      slow.isFull = true;
      relay.join(slow);
      relay.join(quick);
      const one = start('one');
      for (let i = 0; i < 5; i++) {
        one.send({ type: 'tick' });
        await clock.advance(50);
      }
      expect(slow.messages).toEqual([]);
      expect(quick.messages).toHaveLength(6);
      one.send({ type: 'over' });
      slow.isFull = false;
      await clock.advance(50);
      expect(slow.messages.map(inWords)).toEqual(['@xstate.actor one done', '@xstate.snapshot done']);
    });

    it('whose line was full is told of an actor that has been silent since', async () => {
      const { relay, clock, start } = relayWith(teller);
      const viewer = scriptedViewer();
      viewer.isFull = true;
      relay.join(viewer);
      start('one');
      await clock.advance(500);
      expect(viewer.messages).toEqual([]);
      viewer.isFull = false;
      await clock.advance(50);
      expect(viewer.take().map(inWords)).toEqual(['@xstate.actor one active', '@xstate.snapshot active']);
      expect(clock.pending()).toEqual([]);
    });

    it('whose line is full has no more waiting for it than is kept', async () => {
      const { relay, clock, start } = relayWith(teller, { maxActors: 2 });
      const viewer = scriptedViewer();
      viewer.isFull = true;
      relay.join(viewer);
      for (let place = 0; place < 20; place++) start(`over ${place}`).send({ type: 'over' });
      viewer.isFull = false;
      viewer.asked = 0;
      await clock.advance(50);
      expect(viewer.messages.flatMap(({ name }) => name ?? [])).toEqual(['over 18', 'over 19']);
      expect(viewer.asked).toBe(2);
    });

    it('whose line fails is a fault that is told, and others are told what it is not', async () => {
      const { relay, clock, faults, start } = relayWith(teller);
      const [broken, sound] = [scriptedViewer(), scriptedViewer()];
      const failure = new Error('the line is cut');
      broken.send = () => {
        throw failure;
      };
      relay.join(broken);
      relay.join(sound);
      start('one');
      start('two');
      await clock.advance(50);
      expect(faults).toEqual([failure, failure]);
      expect(sound.messages.flatMap(({ name }) => name ?? [])).toEqual(['one', 'two']);
      expect(clock.pending()).toEqual([]);
    });

    it('is told when each step was', async () => {
      const { relay, clock, start } = relayWith(teller);
      const viewer = scriptedViewer();
      relay.join(viewer);
      const began = clock.now();
      const one = start('one');
      await clock.advance(1_000);
      one.send({ type: 'tick' });
      await clock.advance(50);
      const steps = viewer.messages.filter(({ type }) => type === '@xstate.snapshot');
      expect(steps.map(({ createdAt }) => Number(createdAt) - began)).toEqual([0, 1_000]);
    });

    it('that has left is sent nothing more, and no timer is armed for nobody', async () => {
      const { relay, clock, start } = relayWith(teller);
      const viewer = scriptedViewer();
      const leave = relay.join(viewer);
      leave();
      start('one').send({ type: 'tick' });
      expect(clock.pending()).toEqual([]);
      expect(viewer.messages).toEqual([]);
    });
  });

  describe('what is kept', () => {
    it('is bounded: those that have ended make room, oldest first, and then nobody new is let in', async () => {
      const { relay, clock, faults, start } = relayWith(teller, { maxActors: 2 });
      const one = start('one');
      const two = start('two');
      two.send({ type: 'over' });
      one.send({ type: 'over' });
      start('three');
      const viewer = scriptedViewer();
      relay.join(viewer);
      await clock.advance(50);
      expect(viewer.take().flatMap(({ name }) => name ?? [])).toEqual(['one', 'three']);
      start('four');
      start('five');
      await clock.advance(50);
      expect(viewer.messages.flatMap(({ name }) => name ?? [])).toEqual(['four']);
      expect(relay.status().actors).toBe(2);
      expect(relay.status().leftOut).toBeGreaterThan(0);
      expect(faults).toEqual([]);
    });

    it('passes the filter, which is asked before anything is done', async () => {
      const { relay, clock, start } = relayWith(teller, {
        filter: ({ snapshot }) => snapshot.context?.['id'] !== 'secret',
      });
      const viewer = scriptedViewer();
      relay.join(viewer);
      start('secret').send({ type: 'tick' });
      start('open').send({ type: 'tick' });
      await clock.advance(50);
      expect(viewer.messages.flatMap(({ name }) => name ?? [])).toEqual(['open']);
    });
  });

  describe('no harm is done', () => {
    it('by a filter that throws: the chart goes on, the fault is told', () => {
      const { faults, start } = relayWith(teller, {
        filter: () => {
          throw new Error('broken filter');
        },
      });
      const one = start('one');
      one.send({ type: 'over' });
      expect(one.value()).toBe('gone');
      expect(faults.length).toBeGreaterThan(0);
    });

    it('by a filter that gives a promise, which is no answer', async () => {
      const { relay, clock, faults, start } = relayWith(teller, {
        filter: (() => Promise.reject(new Error('nobody hears this'))) as never,
      });
      const viewer = scriptedViewer();
      relay.join(viewer);
      start('one');
      await clock.advance(50);
      expect(viewer.messages).toEqual([]);
      expect(faults).toContainEqual(new TypeError('the filter gave a promise, expected true or false'));
    });

    it('by a snapshot that is no JSON, or far too much of it: it is shown without', async () => {
      const { relay, clock, faults, start } = relayWith(teller);
      const viewer = scriptedViewer();
      relay.join(viewer);
      start('cyclic', { big: 1n });
      start('huge', 'x'.repeat(200_000));
      await clock.advance(50);
      expect(viewer.messages.map(({ snapshot }) => snapshot.value)).toEqual(Array(4).fill('counting'));
      expect(JSON.stringify(viewer.messages).length).toBeLessThan(10_000);
      expect(viewer.messages[0]!.snapshot.context).toEqual({ leftOut: expect.stringContaining('BigInt') });
      expect(faults).toEqual([]);
    });

    it('by a viewer that closes the relay while it is told of the first of many', async () => {
      const { relay, clock, faults, start } = relayWith(teller);
      const [closing, other] = [scriptedViewer(), scriptedViewer()];
      const { send } = closing;
      closing.send = (text) => {
        send.call(closing, text);
        relay.close();
      };
      relay.join(closing);
      relay.join(other);
      for (const id of ['one', 'two', 'three']) start(id);
      await clock.advance(50);
      expect(closing.messages.map(inWords)).toEqual(['@xstate.actor one active', '@xstate.snapshot active']);
      expect(other.messages).toEqual([]);
      expect(faults).toEqual([]);
      expect(clock.pending()).toEqual([]);
    });

    it('after it was closed: nothing is armed, kept or sent', async () => {
      const { relay, clock, start } = relayWith(teller);
      const viewer = scriptedViewer();
      relay.join(viewer);
      const one = start('one');
      expect(clock.pending()).toHaveLength(1);
      relay.close();
      expect(clock.pending()).toEqual([]);
      one.send({ type: 'over' });
      await clock.advance(1_000);
      expect(viewer.messages).toEqual([]);
      expect(clock.pending()).toEqual([]);
      expect(relay.status()).toEqual({ actors: 0, viewers: 0, leftOut: 0 });
    });
  });
});

describe('told by XState of its own actors', () => {
  it('shows work that is no chart under the name that it was spawned by', async () => {
    const { relay, clock } = relayWith('xstate');
    const viewer = scriptedViewer();
    relay.join(viewer);
    const { promise, resolve } = Promise.withResolvers<void>();
    const parent = setup({ actors: { work: fromPromise(() => promise) } }).createMachine({
      id: 'parent',
      invoke: { src: 'work', id: 'errand' },
    });
    createActor(parent, { inspect: (event) => relay.observe(event) }).start();
    await clock.advance(50);
    expect(viewer.take().flatMap(({ name }) => name ?? [])).toEqual(
      expect.arrayContaining(['parent', 'errand']),
    );
    resolve();
    await promise;
    await clock.advance(50);
    expect(viewer.messages.map(inWords)).toContain('@xstate.snapshot done');
  });
});

it.each([undefined, null, {}, { type: 'stepping' }, { type: 5 }])(
  'what nobody tells of a chart is refused, and thrown at nobody: %j',
  (told) => {
    const { relay, faults } = relayWith('table');
    relay.observe(told as never);
    expect(faults).toEqual([expect.any(TypeError)]);
    expect(relay.status().actors).toBe(0);
  },
);

it('a chart that is stopped makes room, and is told of once', async () => {
  const { relay, clock, start } = relayWith('table', { maxActors: 1 });
  const viewer = scriptedViewer();
  relay.join(viewer);
  start('one').stop();
  await clock.advance(50);
  expect(viewer.take().map(inWords)).toEqual(['@xstate.actor one stopped', '@xstate.snapshot stopped']);
  start('two');
  await clock.advance(50);
  expect(viewer.messages.map(inWords)).toEqual(['@xstate.actor two active', '@xstate.snapshot active']);
  expect(relay.status().leftOut).toBe(0);
  const three = start('three');
  three.send({ type: 'tick' });
  expect(relay.status()).toEqual({ actors: 1, viewers: 1, leftOut: 2 });
});
