import { pino } from 'pino';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  type AlertHook,
  type AlertHookOptions,
  createAlertHook,
  type NoticeBatch,
  type SendNotices,
} from '../../src/alerts.ts';
import { type AgentSystem, createAgentSystem, defineAgent } from '../../src/index.ts';
import { simulatedClock } from '../../src/testing/index.ts';
import { gate, refusal } from '../kit/rig.ts';

const silent = pino({ level: 'silent' });
const plain = defineAgent({ type: 'plain', init: () => ({}), tasks: {} });

async function fleet(...ids: string[]): Promise<AgentSystem> {
  const system = await createAgentSystem({ logger: silent });
  onTestFinished(async () => void (await system.close({ timeoutMs: 0 })));
  for (const id of ids) {
    await system.agents.register({ id, module: plain, restart: { policy: 'manual' } });
    await system.agents.start(id);
  }
  return system;
}

const ignore: SendNotices = async () => undefined;

/** A receiver that keeps every batch, and answers when it is let. */
function receiver(answer: SendNotices = ignore) {
  const batches: NoticeBatch[] = [];
  let heard = gate();
  const send: SendNotices = (batch, context): Promise<void> => {
    batches.push(batch);
    heard.resolve();
    return answer(batch, context);
  };
  return {
    batches,
    send,
    /** Resolves when so many batches have come in all. */
    until: async (count: number) => {
      while (batches.length < count) {
        heard = gate();
        await heard.promise;
      }
    },
  };
}

const hook = (system: AgentSystem, options: AlertHookOptions): AlertHook => {
  const opened = createAlertHook(system, { logger: silent, ...options });
  onTestFinished(() => opened.close({ timeoutMs: 0 }));
  return opened;
};

describe('an alert hook', () => {
  it('tells of an alert at once, and of its end', async () => {
    const system = await fleet('ada');
    const { batches, send, until } = receiver();
    const opened = hook(system, { send });
    await system.agents.kill('ada');
    await until(1);
    await system.agents.start('ada');
    await until(2);
    const [raised, cleared] = batches.map(({ notices: [notice] }) => notice!);
    expect(raised).toMatchObject({ state: 'raised', alert: 'restart_required', agentId: 'ada' });
    expect(raised!.message).toMatch(/ada/);
    expect(cleared).toMatchObject({ state: 'cleared', alert: 'restart_required', agentId: 'ada' });
    expect(batches[0]!.text).toBe(`ALERT restart_required ada: ${raised!.message}`);
    expect(batches[1]!.text).toBe('over: restart_required ada');
    await opened.close();
    expect(opened.status()).toEqual({ sent: 2, failed: 0, dropped: 0, waiting: 0 });
  });

  it('names the budget that an alert is about, also when it is over: two of a moment are two notices', async () => {
    const system = await createAgentSystem({ logger: silent, clock: simulatedClock() });
    onTestFinished(async () => void (await system.close({ timeoutMs: 0 })));
    const spender = defineAgent({
      type: 'spender',
      init: () => ({}),
      tasks: { spend: { run: async ({ budget }) => (await budget.reserve({ calls: 1 })).settle({}) } },
    });
    for (const name of ['day', 'month']) system.budgets.define({ name, limits: { calls: 1 } });
    const batches: NoticeBatch[] = [];
    const opened = hook(system, {
      only: ({ alert, budget }) => alert === 'budget_exhausted' && budget !== undefined,
      send: async (batch) => void batches.push(batch),
    });
    await system.agents.start(await system.agents.register({ id: 'ada', module: spender }));
    await system.agents.execute('ada', { type: 'spend' });
    await system.budgets.refill('day');
    await opened.close();
    const notices = batches.flatMap((batch) => batch.notices);
    expect(notices.map(({ state, budget }) => [state, budget])).toEqual([
      ['raised', 'day'],
      ['raised', 'month'],
      ['cleared', 'day'],
    ]);
    expect(new Set(notices.map(({ id }) => id)).size).toBe(3);
    const text = batches.map((batch) => batch.text).join('\n');
    expect(text).toMatch(/^ALERT budget_exhausted budget month: /m);
    expect(text).toMatch(/^over: budget_exhausted budget day$/m);
  });

  it('a storm is a few messages: what happens while one is under way goes out together, in order', async () => {
    const ids = Array.from({ length: 250 }, (_, place) => `agent-${place}`);
    const system = await fleet(...ids);
    const mayGo = gate();
    const { batches, send } = receiver(() => mayGo.promise);
    const opened = hook(system, { send });
    for (const id of ids) await system.agents.kill(id);
    mayGo.resolve();
    await opened.close();
    expect(batches.map(({ notices }) => notices.length)).toEqual([1, 100, 100, 49]);
    expect(batches.flatMap(({ notices }) => notices.map(({ agentId }) => agentId))).toEqual(ids);
  });

  it('begins with what is raised already, under the same id', async () => {
    const system = await fleet('ada');
    const first = receiver();
    hook(system, { send: first.send });
    await system.agents.kill('ada');
    await first.until(1);
    const second = receiver();
    hook(system, { send: second.send });
    await second.until(1);
    expect(second.batches[0]!.notices).toEqual(first.batches[0]!.notices);
  });

  it('drops the oldest when too many wait, and says so', async () => {
    const system = await fleet('a', 'b', 'c', 'd', 'e');
    const mayGo = gate();
    const { batches, send } = receiver(() => mayGo.promise);
    const opened = hook(system, { send, maxWaiting: 2 });
    for (const id of ['a', 'b', 'c', 'd', 'e']) await system.agents.kill(id);
    expect(opened.status()).toEqual({ sent: 0, failed: 0, dropped: 2, waiting: 2 });
    mayGo.resolve();
    await opened.close();
    expect(batches.map(({ notices, dropped }) => [notices.map(({ agentId }) => agentId), dropped])).toEqual([
      [['a'], 0],
      [['d', 'e'], 2],
    ]);
    expect(batches[1]!.text).toMatch(/^\(2 earlier notices were dropped\)\n/);
  });

  it('what cannot be sent is logged and counted, and the next is sent all the same', async () => {
    const system = await fleet('a', 'b');
    const lines: string[] = [];
    const logger = pino({ level: 'error' }, { write: (line: string) => void lines.push(line) });
    let isFirst = true;
    const { send, until } = receiver(async () => {
      if (!isFirst) return;
      isFirst = false;
      throw new Error('nobody answers');
    });
    const opened = hook(system, { send, logger });
    await system.agents.kill('a');
    await until(1);
    await system.agents.kill('b');
    await until(2);
    await opened.close();
    expect(opened.status()).toEqual({ sent: 1, failed: 1, dropped: 0, waiting: 0 });
    expect(JSON.parse(lines[0]!)).toMatchObject({
      msg: 'alerts could not be sent',
      reason: 'nobody answers',
    });
  });

  it('tells of what it is asked for alone; a filter that throws hides nothing', async () => {
    const system = await fleet('a', 'b', 'c');
    const { batches, send } = receiver();
    const opened = hook(system, {
      send,
      only: ({ agentId }) => {
        if (agentId === 'c') throw new Error('broken');
        return agentId === 'b';
      },
    });
    for (const id of ['a', 'b', 'c']) await system.agents.kill(id);
    await opened.close();
    expect(batches.flatMap(({ notices }) => notices.map(({ agentId }) => agentId))).toEqual(['b', 'c']);
  });

  it('a close gives up a sender that never answers, heeding its signal or not, and what waited with it', async () => {
    const system = await fleet('a', 'b', 'c');
    const aborted = gate<unknown>();
    const { batches, send } = receiver((_, { signal }) => {
      signal.addEventListener('abort', () => aborted.resolve(signal.aborted));
      return new Promise(() => undefined);
    });
    const opened = hook(system, { send });
    for (const id of ['a', 'b', 'c']) await system.agents.kill(id);
    await opened.close({ timeoutMs: 20 });
    expect(await aborted.promise).toBe(true);
    expect(batches).toHaveLength(1);
    expect(opened.status()).toEqual({ sent: 0, failed: 1, dropped: 2, waiting: 0 });
  });

  it('a close that may take longer than timers hold waits for what is under way', async () => {
    const system = await fleet('ada');
    const arrives = gate();
    const opened = hook(system, { send: () => arrives.promise });
    await system.agents.kill('ada');
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const closing = opened.close({ timeoutMs: 2 ** 31 });
    // A timer that cannot hold so much fires after a millisecond.
    await vi.advanceTimersByTimeAsync(5);
    arrives.resolve();
    await closing;
    expect(opened.status()).toEqual({ sent: 1, failed: 0, dropped: 0, waiting: 0 });
  });

  it('a close leaves no timer, however long it might have taken', async () => {
    const system = await fleet('ada');
    const { send } = receiver();
    const opened = hook(system, { send });
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const closing = opened.close({ timeoutMs: 60_000 });
    expect(vi.getTimerCount()).toBe(1);
    await closing;
    expect(vi.getTimerCount()).toBe(0);
  });

  it('after a close nothing is heard, and a second close changes nothing', async () => {
    const system = await fleet('ada');
    const { batches, send } = receiver();
    const opened = hook(system, { send });
    await opened.close();
    await opened.close();
    await system.agents.kill('ada');
    expect(batches).toEqual([]);
  });

  it.each([
    [{}, 'send'],
    [{ send: 'https://…' }, 'send'],
    [{ send: ignore, only: 'gave_up' }, 'only'],
    [{ send: ignore, maxWaiting: 0 }, 'maxWaiting'],
    [{ send: ignore, colour: 'red' }, 'colour'],
  ])('refuses %j by name', async (options, named) => {
    const system = await fleet();
    const { code, message } = await refusal(() => createAlertHook(system, options as AlertHookOptions));
    expect({ code, message }).toEqual({
      code: 'AGENT_SPEC_INVALID',
      message: expect.stringContaining(named),
    });
  });
});
