/** What of a state JSON would lose is named with its place; what it gives back is kept. */
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { defineAgent } from '../../src/index.ts';
import { assertKept, stateJson } from '../../src/runtime/values/state-json.ts';
import { refusal, rig } from '../kit/rig.ts';

class Client {
  readonly apiKey = 'sk-live-1234567890';
  ask(): string {
    return 'answer';
  }
}
class Point {
  readonly x = 1;
}
class Range {
  readonly from = 1;
  toJSON(): object {
    return { from: this.from };
  }
}

const problemOf = (state: unknown): string | undefined => {
  stateJson(state);
  try {
    assertKept(state);
    return undefined;
  } catch (thrown) {
    return (thrown as TypeError).message;
  }
};

describe('a state', () => {
  it.each([
    ['nothing', undefined],
    ['data', { a: [1, 'b', null, { c: true }, undefined], d: undefined }],
    ['fields of an instance that is all fields', { at: new Point() }],
    [
      'what says itself how it is kept',
      { range: new Range(), when: new Date(0), page: new URL('https://host/') },
    ],
    ['objects without a prototype', Object.assign(Object.create(null), { a: 1 })],
  ])('is kept: %s', (_, state) => {
    expect(problemOf(state)).toBeUndefined();
  });
  it.each([
    [{ model: { client: new Client() } }, 'an instance of Client at state.model.client'],
    [new Client(), 'an instance of Client at state'],
    [{ list: [1, new Client()] }, 'an instance of Client at state.list[1]'],
    [{ server: createServer() }, 'an instance of Server at state.server'],
    [{ headers: new Headers() }, 'an instance of Headers at state.headers'],
    [{ signal: AbortSignal.abort() }, 'an instance of AbortSignal at state.signal'],
    [{ client: { ask: () => 1 } }, 'a function (ask) at state.client.ask'],
    [{ mark: Symbol('s') }, 'Symbol(s) at state.mark'],
    [{ seen: new Set([1]) }, 'a Set at state.seen'],
    [{ seen: new Map() }, 'a Map at state.seen'],
    [{ loss: NaN }, 'NaN at state.loss'],
    [{ dueAt: new Date(NaN) }, 'an invalid date at state.dueAt'],
    [{ weights: new Float32Array(1) }, 'a Float32Array at state.weights'],
    [{ failure: new RangeError('m') }, 'a RangeError at state.failure'],
    [{ rule: /x/ }, 'a RegExp at state.rule'],
    [{ seen: new WeakMap() }, 'a WeakMap at state.seen'],
    [{ seen: new WeakSet() }, 'a WeakSet at state.seen'],
    [{ bytes: new ArrayBuffer(1) }, 'a ArrayBuffer at state.bytes'],
    [{ bytes: new DataView(new ArrayBuffer(1)) }, 'a DataView at state.bytes'],
    [[NaN], 'NaN at state[0]'],
    [{ toJSON: 1, loss: Infinity }, 'Infinity at state.loss'],
    [{ later: Promise.resolve() }, 'a Promise at state.later'],
  ])('is refused by its place (%#)', (state, problem) => {
    expect(problemOf(state)).toBe(`got ${problem}`);
  });
});

describe('a state comes back as it is', () => {
  it.each([
    [true, 'nothing', undefined],
    [true, 'a text', 'text'],
    [true, 'data', { a: [1, [{ b: null }]], c: undefined, toJSON: 1 }],
    [false, 'a list without a value', { a: [1, undefined] }],
    [false, 'what says itself how it is kept', { range: [new Range()] }],
    [false, 'an instance', { at: new Point() }],
    [false, 'an object without a prototype', Object.create(null)],
  ])('%s: %s', (isPlain, _, state) => {
    expect(assertKept(state)).toBe(isPlain);
  });
});

it('of a state its own fields count, whatever a library gave to all objects', () => {
  const everywhere = Object.getPrototypeOf({}) as { loss?: number };
  everywhere.loss = NaN;
  try {
    expect([assertKept({ a: 1 }), stateJson({ a: 1 })]).toEqual([true, '{"a":1}']);
  } finally {
    delete everywhere.loss;
  }
});

describe('a state that JSON cannot write', () => {
  it('is refused in few words, however long its keys are', () => {
    const state = { ['k'.repeat(100_000)]: { ['l'.repeat(100_000)]: NaN } };
    expect(() => assertKept(state)).toThrow(/^got NaN at state\.k{199}\.\.\. \(cut, of 200002 characters\)$/);
  });
  it('as it has no word for it is refused', () => {
    expect(() => stateJson(() => 1)).toThrow(/^got a function$/);
    expect(stateJson(undefined)).toBe('null');
  });
  const nested = Array.from({ length: 20_000 }).reduce<object>((inner) => ({ inner }), {});
  it('as it is nested too deeply is refused in words', () => {
    expect(() => stateJson(nested)).toThrow(/^got what is nested too deeply as JSON$/);
  });
  it('as a getter of it throws is refused with that', () => {
    const thrown = new TypeError('not to be had');
    const state = {
      get it(): never {
        throw thrown;
      },
    };
    expect(() => stateJson(state)).toThrow(thrown);
  });
});

const holder = (save?: (context: { readonly state: { n: number } }) => unknown) =>
  defineAgent({
    type: 'holder',
    init: ({ restored }) => ({ n: (restored as { n: number } | undefined)?.n ?? 0, client: new Client() }),
    tasks: { add: { run: ({ state }) => (state.n += 1) } },
    ...(save ? { save } : {}),
  });

describe('a state that holds a client', () => {
  it('fails its first task and each that follows, and never gets into the store', async () => {
    const { agents, events } = await rig();
    const id = await agents.register({ module: holder() });
    await agents.start(id);
    for (let turn = 0; turn < 2; turn += 1) {
      const { code, message } = await refusal(agents.execute(id, { type: 'add' }));
      expect(code).toBe('TASK_FAILED');
      expect(message).toMatch(
        /its state cannot be saved, expected JSON data: got an instance of Client at state\.client$/,
      );
    }
    await agents.stop(id);
    expect(await agents.savedState(id)).toBeUndefined();
    expect(events.filter(({ type }) => type === 'alert.raised')).toMatchObject([
      { alert: 'state_not_saved' },
    ]);
    expect(JSON.stringify(events)).not.toContain('sk-live');
  });
  it('is kept by what its save says, and comes back in a second life', async () => {
    const { agents } = await rig();
    const id = await agents.register({ module: holder(({ state: { n } }) => ({ n })) });
    await agents.start(id);
    await agents.execute(id, { type: 'add' });
    await agents.stop(id);
    await agents.start(id);
    expect(await agents.execute(id, { type: 'add' })).toBe(2);
    expect(await agents.savedState(id)).toEqual({ n: 2 });
  });
});
