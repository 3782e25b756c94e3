/** What of a caller reaches its task, in each host: the asynchronous context, and why it does not want it any more. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, it } from 'vitest';
import { type AgentSystem, createAgentSystem } from '../../src/index.ts';
import { codeOf, silent } from '../kit/rig.ts';

const MODULE = new URL('../fixtures/agents/cancellable.ts', import.meta.url);
const HOSTS = ['in-process', 'thread', 'process'] as const;
type Isolation = (typeof HOSTS)[number];

async function agentIn(isolation: Isolation) {
  const system = await createAgentSystem({ logger: silent });
  const id = await system.agents.register({ module: MODULE, isolation });
  await system.agents.start(id);
  return { system, id };
}

/** A task that has begun, of one caller, is cancelled with this reason. */
async function cancelled({ agents }: AgentSystem, id: string, reason: unknown): Promise<void> {
  const controller = new AbortController();
  const onProgress = () => controller.abort(reason);
  const asked = agents.execute(id, { type: 'wait', signal: controller.signal, onProgress });
  expect(await codeOf(asked)).toBe('TASK_ABANDONED');
}

describe.each(HOSTS)('the caller of a task in a host %s', (isolation) => {
  it('hears of progress in its own asynchronous context, each of two that wait', async () => {
    const { system, id } = await agentIn(isolation);
    await using _ = system;
    const callers = new AsyncLocalStorage<string>();
    const heard: unknown[] = [];
    const asked = ['ada', 'grace'].map((name) =>
      callers.run(name, () => {
        const controller = new AbortController();
        const onProgress = (value: unknown) => {
          heard.push([callers.getStore(), value]);
          controller.abort(new Error(name));
        };
        return codeOf(system.agents.execute(id, { type: 'wait', signal: controller.signal, onProgress }));
      }),
    );
    await Promise.all(asked);
    expect(heard).toEqual([
      ['ada', 'begun'],
      ['grace', 'begun'],
    ]);
  });

  it.each([
    ['the reason that was given', ['obsolete'], 'obsolete'],
    ['that it was cancelled, where none was given', [], 'cancelled by its caller'],
  ] as const)('has its task told, where it cancels it by its id, %s', async (_, reason, message) => {
    const { system, id } = await agentIn(isolation);
    await using _system = system;
    const begun = Promise.withResolvers<void>();
    const asked = codeOf(system.agents.execute(id, { type: 'wait', onProgress: () => begun.resolve() }));
    await begun.promise;
    await system.tasks.cancel(system.tasks.list({ agentId: id })[0]!.id, ...reason);
    expect(await asked).toBe('TASK_ABANDONED');
    expect(await system.agents.execute(id, { type: 'told' })).toMatchObject({ isError: true, message });
  });

  it('hears of progress in its own asynchronous context from a pool', async () => {
    await using system = await createAgentSystem({ logger: silent });
    await system.pools.create({ name: 'p', min: 1, max: 1, spec: { module: MODULE, isolation } });
    const callers = new AsyncLocalStorage<string>();
    const heard: unknown[] = [];
    const asked = ['ada', 'grace'].map((name) =>
      callers.run(name, () => {
        const controller = new AbortController();
        const onProgress = () => {
          heard.push(callers.getStore());
          controller.abort(new Error(name));
        };
        return codeOf(system.pools.execute('p', { type: 'wait', signal: controller.signal, onProgress }));
      }),
    );
    await Promise.all(asked);
    expect(heard).toEqual(['ada', 'grace']);
  });

  it('has its reason in the signal of the task: name, message, code and fields', async () => {
    const { system, id } = await agentIn(isolation);
    await using _ = system;
    const reason = Object.assign(new RangeError('too dear', { cause: new Error('no budget') }), {
      code: 'E_BUDGET',
      status: 402,
    });
    await cancelled(system, id, reason);
    expect(await system.agents.execute(id, { type: 'told' })).toMatchObject({
      isError: true,
      name: 'RangeError',
      message: 'too dear',
      code: 'E_BUDGET',
      data: { status: 402 },
      cause: { message: 'no budget' },
    });
    await cancelled(system, id, undefined);
    expect(await system.agents.execute(id, { type: 'told' })).toMatchObject({
      isError: true,
      name: 'AbortError',
    });
  });
});

describe.each(['thread', 'process'] as const)('beyond a host %s', (isolation) => {
  it('a reason that is data is the same data, and another is told of as an error', async () => {
    const { system, id } = await agentIn(isolation);
    await using _ = system;
    for (const reason of ['enough', 7, null, { why: ['budget'] }, ['a']]) {
      await cancelled(system, id, reason);
      expect(await system.agents.execute(id, { type: 'reason' })).toEqual(reason);
    }
    for (const reason of [() => 1, new Map(), new URL('https://host/'), { at: () => 1 }]) {
      await cancelled(system, id, reason);
      expect(await system.agents.execute(id, { type: 'told' })).toMatchObject({ name: 'NonError' });
    }
  });
});

it('in this program the task has the very reason, whatever it is', async () => {
  const { system, id } = await agentIn('in-process');
  await using _ = system;
  for (const reason of [new Error('mine'), 'enough', null, { why: 'budget' }]) {
    await cancelled(system, id, reason);
    expect(await system.agents.execute(id, { type: 'reason' })).toBe(reason);
  }
});
