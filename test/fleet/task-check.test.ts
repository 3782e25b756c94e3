/** A caller's own task object: what is done is what was checked, whatever becomes of that object. */
import { describe, expect, test } from 'vitest';
import { type AgentSystem, defineAgent, type TaskRequest } from '../../src/index.ts';
import { codeOf, gate, rig } from '../kit/rig.ts';

type Way = (system: AgentSystem, task: TaskRequest) => Promise<unknown>;

const lastOf = async (stream: { readonly output: Promise<unknown> }): Promise<unknown> => stream.output;
const resultOf: (to: string | { pool: string }) => Way = (to) => async (system, task) => {
  const submitted = system.tasks.submit(to, task);
  // It is changed before its record is there.
  return system.tasks.result((await submitted).id);
};

const ways: Readonly<Record<string, Way>> = {
  'agents.execute': ({ agents }, task) => agents.execute('ada', task),
  'agents.stream': ({ agents }, task) => lastOf(agents.stream('ada', task)),
  'execute of a handle': ({ agents }, task) => agents.handle('ada').execute(task),
  'stream of a handle': ({ agents }, task) => lastOf(agents.handle('ada').stream(task)),
  'pools.execute': ({ pools }, task) => pools.execute('line', task),
  'pools.stream': ({ pools }, task) => lastOf(pools.stream('line', task)),
  'tasks.submit to an agent': resultOf('ada'),
  'tasks.submit to a pool': resultOf({ pool: 'line' }),
};

/** An agent and a pool whose one place each is taken until the test frees it; then it is told what began. */
async function taken() {
  const free = gate();
  const begun: string[] = [];
  const kind = (name: string) => ({
    run: ({ input }: { readonly input: unknown }) => {
      begun.push(`${name} ${String(input)}`);
      return `${name} ${String(input)}`;
    },
  });
  const module = defineAgent({
    type: 'clerk',
    init: () => ({}),
    tasks: { file: kind('file'), shred: kind('shred'), wait: { run: () => free.promise } },
  });
  const made = await rig();
  const { agents, pools } = made.system;
  await agents.register({ id: 'ada', module });
  await agents.start('ada');
  await pools.create({ name: 'line', min: 1, max: 1, spec: { module } });
  const busy = [agents.execute('ada', { type: 'wait' }), pools.execute('line', { type: 'wait' })];
  return {
    ...made,
    begun,
    free: async () => {
      free.resolve();
      await Promise.all(busy);
    },
  };
}

describe.for(Object.entries(ways))('%s', ([, give]) => {
  test('does what was asked, whatever its caller makes of the task meanwhile', async () => {
    const { system, free, begun, clock } = await taken();
    const task: { -readonly [Key in keyof TaskRequest]: TaskRequest[Key] } = {
      type: 'file',
      input: 'it',
      timeoutMs: 60_000,
      priority: 1,
    };
    const done = give(system, task);
    Object.assign(task, { type: 'shred', input: 'all', timeoutMs: 1, priority: -10, whenDown: 'none' });
    await clock.advance(1_000);
    await free();
    expect(await done).toBe('file it');
    expect(begun).toEqual(['file it']);
  });

  test('does what was asked of a task with nothing but type and input, too', async () => {
    const { system, free } = await taken();
    const task = { type: 'file', input: 'it' };
    const done = give(system, task);
    Object.assign(task, { type: 'shred', input: 'all', timeoutMs: 1 });
    await free();
    expect(await done).toBe('file it');
  });

  test('reads a field once: one that changes as it is read is not checked as one thing and done as another', async () => {
    const { system, free } = await taken();
    let reads = 0;
    const task = {
      get type() {
        reads += 1;
        return reads === 1 ? 'file' : 'shred';
      },
      input: 'it',
    };
    const done = give(system, task);
    await free();
    expect([await done, reads]).toEqual(['file it', 1]);
  });
});

test('the fields of a task that a class has made are fields, too', async () => {
  const { system, free, clock } = await taken();
  class Filing {
    get type(): string {
      return 'file';
    }
    get timeoutMs(): number {
      return 10;
    }
  }
  const late = codeOf(system.agents.execute('ada', new Filing()));
  await clock.advance(10);
  expect(await late).toBe('TASK_TIMED_OUT');
  await free();
});

test('a buffer that is added to what is to be moved after the call stays with its caller', async () => {
  const { system, free } = await taken();
  const [given, kept] = [new ArrayBuffer(8), new ArrayBuffer(8)];
  const transfer = [given];
  const done = system.agents.execute('ada', { type: 'file', input: 'it', transfer });
  transfer.push(kept);
  await free();
  await done;
  expect(kept.byteLength).toBe(8);
});
