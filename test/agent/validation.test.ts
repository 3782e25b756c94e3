import type { StandardSchemaV1 } from '@standard-schema/spec';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineAgent } from '../../src/index.ts';
import { scriptedHost } from '../../src/testing/index.ts';
import { codeOf, gate, refusal, rig } from '../kit/rig.ts';
import { worker } from './worker.ts';

type Validate = StandardSchemaV1<number, number>['~standard']['validate'];
const thenable = (value: unknown) => ({
  // oxlint-disable-next-line unicorn/no-thenable -- a foreign promise is what is tested
  then: (done: (value: unknown) => void) => done(value),
});
const schemaOf = (validate: Validate): StandardSchemaV1<number, number> => ({
  '~standard': { version: 1, vendor: 'test', validate },
});

async function running(input: StandardSchemaV1<number, number> | undefined, output = input) {
  const ran: unknown[] = [];
  const module = defineAgent({
    type: 'checked',
    init: () => null,
    tasks: {
      double: {
        ...(input ? { input } : {}),
        ...(output ? { output } : {}),
        run: ({ input }) => {
          ran.push(input);
          return input * 2;
        },
      },
    },
  });
  const made = await rig();
  const id = await made.agents.register({ module });
  await made.agents.start(id);
  return { ...made, id, ran };
}

describe('what an agent can do', () => {
  it('refuses a task that the agent does not have, naming the ones it has', async () => {
    const { agents } = await rig();
    const id = await agents.register({ module: worker().module });
    await agents.start(id);
    const known: string = id;
    for (const type of ['nope', '', '__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      const error = await refusal(agents.execute(known, { type }));
      expect(error.code).toBe('TASK_INCOMPATIBLE');
      expect(error.message).toContain(JSON.stringify(type));
      expect(error.message).toContain('held, note, see');
    }
    expect(agents.get(id).metrics).toMatchObject({ done: 0, failed: 0, waiting: 0, running: 0 });
  });

  it('refuses a task that an agent elsewhere does not have, by whatever name', async () => {
    // Its manifest has crossed a channel: its tasks are an object like any other, with all that objects inherit.
    const tasks = { go: { requires: [], retry: false } };
    const host = scriptedHost({ isolation: 'process', manifest: { tasks }, onOpen: (body) => body.ready() });
    const { agents } = await rig({ hosts: { process: host } });
    const id: string = await agents.register({ module: new URL('file:///elsewhere.js') });
    await agents.start(id);
    for (const type of ['nope', 'constructor', 'toString', '__proto__', 'hasOwnProperty']) {
      expect(await codeOf(agents.execute(id, { type }))).toBe('TASK_INCOMPATIBLE');
    }
  });

  it('refuses a task that needs a capability the agent lacks, naming it', async () => {
    const { agents } = await rig();
    const id = await agents.register({ module: worker().module });
    await agents.start(id);
    const error = await refusal(agents.execute(id, { type: 'needy' }));
    expect(error).toMatchObject({
      code: 'TASK_INCOMPATIBLE',
      agentId: id,
      details: { missing: ['gpu'], capabilities: ['work'] },
    });
  });

  it('an agent may call a task as every object calls a method of its own', async () => {
    const { agents } = await rig();
    const name = 'constructor';
    const module = defineAgent({ type: 'odd', init: () => null, tasks: { [name]: { run: () => name } } });
    const id = await agents.register({ module });
    await agents.start(id);
    expect(await agents.execute(id as string, { type: name })).toBe(name);
  });
});

describe('what goes into a task, and what comes out', () => {
  it('is what its schemas make of it', async () => {
    const { agents, id, ran } = await running(z.number().transform((n) => n + 1) as never);
    expect(await agents.execute(id, { type: 'double', input: 1 })).toBe(5);
    expect(ran).toEqual([2]);
  });

  it.each([
    ['a schema', z.number()],
    ['an asynchronous schema', z.number().refine(async (n) => n < 10, { error: 'too big' })],
  ])(
    '%s refuses an input, naming the problem and the value, and the work never begins',
    async (_, schema) => {
      const { agents, id, ran, eventsOf } = await running(schema);
      expect(await agents.execute(id, { type: 'double', input: 1 })).toBe(2);
      const error = await refusal(agents.execute(id, { type: 'double', input: 'x' as never }));
      expect(error.code).toBe('TASK_INPUT_INVALID');
      expect(error.message).toContain('"x"');
      expect(ran).toEqual([1]);
      expect(agents.get(id).status).toBe('running');
      expect(eventsOf('task.failed')).toMatchObject([{ code: 'TASK_INPUT_INVALID' }]);
    },
  );

  it('an output that is not as defined fails the task, naming the problem', async () => {
    const { agents, id } = await running(undefined, z.number().max(5));
    expect(await agents.execute(id, { type: 'double', input: 2 })).toBe(4);
    const error = await refusal(agents.execute(id, { type: 'double', input: 3 }));
    expect(error.code).toBe('TASK_FAILED');
    expect(error.message).toMatch(/output.*got 6/);
    expect(await agents.execute(id, { type: 'double', input: 1 })).toBe(2);
  });

  it('the path of a nested problem is named', async () => {
    const { agents } = await rig();
    const module = defineAgent({
      type: 'nested',
      init: () => null,
      tasks: { go: { input: z.object({ at: z.array(z.object({ n: z.int() })) }), run: () => 1 } },
    });
    const id = await agents.register({ module });
    await agents.start(id);
    const error = await refusal(agents.execute(id, { type: 'go', input: { at: [{ n: 1 }, { n: 1.5 }] } }));
    expect(error.message).toMatch(/at\.1\.n: .*got 1\.5/);
  });

  const broken: [string, Validate][] = [
    [
      'throws',
      () => {
        throw new Error('schema bug');
      },
    ],
    ['rejects', () => Promise.reject(new Error('schema bug'))],
    ['rejects with undefined', () => Promise.reject(undefined)],
    ['answers nothing', () => undefined as never],
    ['answers null in the end', () => Promise.resolve(null as never)],
    ['answers issues that are none', () => ({ issues: 7 }) as never],
    ['answers with an issue that is none', () => Promise.resolve({ issues: [null] } as never)],
    [
      'answers with a thenable that throws',
      () =>
        ({
          // oxlint-disable-next-line unicorn/no-thenable -- a foreign promise is what is tested
          then: () => {
            throw new Error('schema bug');
          },
        }) as never,
    ],
  ];
  it.each(broken)('an input schema that %s is a refusal like any other', async (_, validate) => {
    const { agents, id, ran } = await running(schemaOf(validate), z.any());
    expect(await codeOf(agents.execute(id, { type: 'double', input: 1 }))).toBe('TASK_INPUT_INVALID');
    expect(ran).toEqual([]);
    expect(agents.get(id)).toMatchObject({ status: 'running', metrics: { failed: 1, running: 0 } });
  });

  it.each(broken)('an output schema that %s fails the task, and the agent lives on', async (_, validate) => {
    const { agents, id, ran } = await running(z.any(), schemaOf(validate));
    expect(await codeOf(agents.execute(id, { type: 'double', input: 1 }))).toBe('TASK_FAILED');
    expect(ran).toEqual([1]);
    expect(agents.get(id)).toMatchObject({ status: 'running', metrics: { failed: 1, running: 0 } });
  });

  it.each(broken)('a schema of initArgs that %s refuses the registration', async (_, validate) => {
    const { agents } = await rig();
    const module = defineAgent({
      type: 'picky',
      initArgs: schemaOf(validate),
      init: () => null,
      tasks: {},
    });
    expect(await codeOf(agents.register({ id: 'a', module, initArgs: 1 }))).toBe('AGENT_SPEC_INVALID');
    expect(agents.list()).toEqual([]);
    await agents.register({ id: 'a', module: worker().module });
  });

  it('a thenable that is no Promise is awaited like one', async () => {
    const { agents, id } = await running(
      schemaOf((value) => thenable({ value }) as never),
      z.any(),
    );
    expect(await agents.execute(id, { type: 'double', input: 4 })).toBe(8);
  });

  it('a task whose asynchronous schema is still at it counts as running', async () => {
    const { promise, resolve } = gate<{ value: number }>();
    const { agents, id } = await running(
      schemaOf(() => promise),
      z.any(),
    );
    const first = agents.execute(id, { type: 'double', input: 1 });
    await Promise.resolve();
    expect(agents.get(id).metrics).toMatchObject({ running: 1 });
    resolve({ value: 3 });
    expect(await first).toBe(6);
  });
});

describe('an output or a state that no message could carry', () => {
  it('an in-process agent answers with the very value', async () => {
    const { agents } = await rig();
    const answer = new Map([[1, () => 1]]);
    const module = defineAgent({ type: 'odd', init: () => null, tasks: { go: { run: () => ({ answer }) } } });
    const id = await agents.register({ module });
    await agents.start(id);
    expect((await agents.execute(id, { type: 'go' })).answer).toBe(answer);
  });

  const circular: Record<string, unknown> = {};
  circular['self'] = circular;
  it.each([
    ['a BigInt', { n: 1n }],
    ['a circle', circular],
    ['a function', () => 1],
    ['a symbol', Symbol('s')],
    [
      'a toJSON that throws',
      {
        toJSON() {
          throw new Error('no');
        },
      },
    ],
  ])('%s as a state fails the task that left it, saying that it was the state', async (_, bad) => {
    const { agents, eventsOf } = await rig();
    const module = defineAgent({
      type: 'odd',
      init: (): { value: unknown } => ({ value: 1 }),
      save: ({ state }) => state.value,
      tasks: {
        set: {
          run: ({ input, state }) => {
            state.value = input;
            return 'set';
          },
        },
      },
    });
    const id = await agents.register({ module });
    await agents.start(id);
    const error = await refusal(agents.execute(id, { type: 'set', input: bad }));
    expect(error.code).toBe('TASK_FAILED');
    expect(error.message).toMatch(/state/);
    expect(agents.get(id).status).toBe('running');
    expect(await agents.execute(id, { type: 'set', input: { fine: true } })).toBe('set');
    expect(await agents.savedState(id)).toEqual({ fine: true });
    expect(eventsOf('task.failed')).toHaveLength(1);
  });

  it('such a state is not saved at a stop, which ends in order all the same', async () => {
    const { agents } = await rig();
    const module = defineAgent({ type: 'odd', init: () => ({ n: 1n }), tasks: {} });
    const id = await agents.register({ module });
    await agents.start(id);
    expect(await agents.stop(id)).toMatchObject({ status: 'stopped', reason: 'shutdown' });
    expect(await agents.savedState(id)).toBeUndefined();
  });

  it('a save that gives a promise is refused: what it would give is not there yet', async () => {
    const { agents } = await rig();
    const module = defineAgent({
      type: 'odd',
      init: () => ({}),
      save: async ({ state }) => state,
      tasks: { go: { run: () => 1 } },
    });
    const id = await agents.register({ module });
    await agents.start(id);
    expect(await refusal(agents.execute(id, { type: 'go' }))).toMatchObject({
      code: 'TASK_FAILED',
      message: expect.stringContaining('promise'),
    });
  });

  it('a save that throws fails the task, and the stop goes on', async () => {
    const { agents } = await rig();
    const module = defineAgent({
      type: 'odd',
      init: () => ({}),
      save: () => {
        throw new Error('cannot');
      },
      tasks: { go: { run: () => 1 } },
    });
    const id = await agents.register({ module });
    await agents.start(id);
    expect(await refusal(agents.execute(id, { type: 'go' }))).toMatchObject({
      code: 'TASK_FAILED',
      message: expect.stringContaining('cannot'),
    });
    expect(await agents.stop(id)).toMatchObject({ status: 'stopped' });
  });
});
