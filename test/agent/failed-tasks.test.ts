/** What a failed task leaves in the state of its agent, in memory and in its next life. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineAgent, variable } from '../../src/index.ts';
import { settled } from '../../src/testing/index.ts';
import { codeOf, gate, refusal, rig } from '../kit/rig.ts';

interface Ledger {
  entries: string[];
  rate: unknown;
}

type Kind = 'book' | 'date' | 'throw' | 'misfit' | 'unsaveable' | 'slow' | 'read';

async function ledger(
  more: { readonly keepStateOnFailure?: boolean; readonly save?: boolean } = {},
  concurrency = 1,
) {
  const made = await rig();
  const open = new Map<string, PromiseWithResolvers<void>>();
  const module = defineAgent({
    type: 'ledger',
    variables: ['rate'],
    ...(more.keepStateOnFailure === undefined ? {} : { keepStateOnFailure: more.keepStateOnFailure }),
    ...(more.save ? { save: ({ state }: { readonly state: Ledger }) => ({ ...state }) } : {}),
    init: ({ restored }): Ledger => (restored as Ledger | undefined) ?? { entries: [], rate: undefined },
    tasks: {
      book: { run: ({ state, input }) => void state.entries.push(String(input)) },
      date: { run: ({ state }) => void state.entries.push(new Date(0) as never) },
      throw: {
        run: ({ state }) => {
          state.entries.push('bad');
          throw new Error('does not balance');
        },
      },
      misfit: {
        output: z.number(),
        run: ({ state }): number => {
          state.entries.push('bad');
          return 'seven' as never;
        },
      },
      unsaveable: { run: ({ state }) => void state.entries.push(1n as never) },
      /** Goes on until its gate is open, and ends well. */
      slow: {
        run: async ({ state, input }) => {
          state.entries.push(String(input));
          const through = gate();
          open.set(String(input), through);
          await through.promise;
          if (String(input).startsWith('bad')) throw new Error('does not balance');
        },
      },
      read: { run: ({ state }) => state },
    },
    onVariable: ({ state, value }) => void (state.rate = value),
  });
  const id = await made.agents.register({ module, tasks: { concurrency } });
  await made.agents.start(id);
  const execute = (type: Kind, input?: unknown, request: object = {}) =>
    made.agents.execute(id, { type, input, ...request });
  return {
    ...made,
    id,
    execute,
    open: (input: string) => open.get(input)!.resolve(),
    entries: async () => ((await execute('read')) as Ledger).entries,
    restart: async () => {
      await made.agents.stop(id);
      await made.agents.start(id);
    },
  };
}

describe('a task that fails', () => {
  it.each(['throw', 'misfit', 'unsaveable'] as const)(
    'by %s leaves the state as it was, again and in its next life',
    async (task) => {
      const { execute, entries, restart } = await ledger();
      for (const before of [[], ['good']]) {
        expect(await codeOf(execute(task))).toBe('TASK_FAILED');
        expect(await codeOf(execute(task))).toBe('TASK_FAILED');
        expect(await entries()).toEqual(before);
        if (before.length === 0) await execute('book', 'good');
      }
      expect(await codeOf(execute(task))).toBe('TASK_FAILED');
      await restart();
      expect(await entries()).toEqual(['good']);
    },
  );

  it.each(['timeout', 'cancel'])(
    'by a %s leaves the state as it was, though its work ends well',
    async (how) => {
      const { execute, entries, restart, open, clock } = await ledger();
      await execute('book', 'good');
      const cancel = new AbortController();
      const asked = execute(
        'slow',
        'late',
        how === 'timeout' ? { timeoutMs: 10 } : { signal: cancel.signal },
      );
      const refused = refusal(asked);
      await settled();
      if (how === 'timeout') await clock.advance(10);
      else cancel.abort();
      await refused;
      open('late');
      expect(await entries()).toEqual(['good']);
      await restart();
      expect(await entries()).toEqual(['good']);
    },
  );

  it('leaves what it changed with keepStateOnFailure', async () => {
    const { execute, entries } = await ledger({ keepStateOnFailure: true });
    await codeOf(execute('throw'));
    expect(await entries()).toEqual(['bad']);
  });

  it.each(['throw', 'misfit', 'unsaveable'] as const)(
    'by %s leaves the state as it was where a save says what is kept, again and in its next life',
    async (task) => {
      const { execute, entries, restart } = await ledger({ save: true });
      await execute('book', 'good');
      for (let round = 0; round < 2; round += 1) {
        expect(await codeOf(execute(task))).toBe('TASK_FAILED');
        expect(await entries()).toEqual(['good']);
      }
      expect(await codeOf(execute(task))).toBe('TASK_FAILED');
      await restart();
      expect(await entries()).toEqual(['good']);
    },
  );

  it('that leaves what cannot be saved beside a Date takes no later task with it', async () => {
    const { execute, entries } = await ledger();
    await execute('date');
    expect(await codeOf(execute('unsaveable'))).toBe('TASK_FAILED');
    await execute('book', 'good');
    expect(await entries()).toEqual([new Date(0), 'good']);
  });

  it('takes nothing back of what a variable has changed before it or beside it', async () => {
    const { system, execute, open } = await ledger();
    await system.variables.define('rate', variable.integer({ default: 1 }));
    await execute('book', 'good');
    const asked = refusal(execute('slow', 'bad'));
    await settled();
    await system.variables.set('rate', 2);
    await settled();
    open('bad');
    await asked;
    expect(await execute('read')).toEqual({ entries: ['good'], rate: 2 });
  });
});

describe('two tasks of one agent at once', () => {
  it.each([
    ['bad', 'good', 'bad'],
    ['bad', 'good', 'good'],
    ['good', 'bad', 'bad'],
    ['good', 'bad', 'good'],
  ])(
    'begun as %s and %s, of which %s ends first: what succeeded stays, and nothing else',
    async (one, two, first) => {
      const { execute, entries, open, restart } = await ledger({}, 2);
      const asked = [one, two].map((input) => execute('slow', input).catch(() => 'failed'));
      await settled();
      open(first);
      await settled();
      open(first === one ? two : one);
      await Promise.all(asked);
      expect(await entries()).toEqual(['good']);
      await restart();
      expect(await entries()).toEqual(['good']);
    },
  );
});
