/** When `mabeam run` is done: its fleet's own `run` has returned, or with `--until-done` no agent is left. */
import { expect, it, onTestFinished, vi } from 'vitest';
import { doneBy } from '../../src/cli/run/until-done.ts';

function said() {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const state = { pools: [] as string[], agents: [] as { id: string; status: string; restartAt?: number }[] };
  const listeners = new Set<(event: { type: string }) => void>();
  const list = vi.fn((filter?: { status: string }) =>
    state.agents.filter(({ status }) => filter === undefined || status === filter.status),
  );
  const system = {
    pools: { list: () => state.pools },
    agents: { list },
    events: {
      subscribe: (listener: (event: { type: string }) => void) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
  };
  const stop = new AbortController();
  const begin = (untilDone: boolean, run?: () => Promise<void>) => {
    const seen = { isDone: false };
    const done = doneBy({ run } as never, system as never, { signal: stop.signal, untilDone });
    const told = done.then(
      () => void (seen.isDone = true),
      (thrown: Error) => thrown.message,
    );
    return { told, isDone: () => seen.isDone };
  };
  const tell = async (type: string, waitMs = 50) => {
    for (const listener of listeners) listener({ type });
    await vi.advanceTimersByTimeAsync(waitMs);
  };
  return { state, listeners, list, stop, begin, tell };
}
const turn = () => new Promise(setImmediate);
const failing = () => {
  throw new Error('no luck');
};

it('is done at once where there is nobody, and not before somebody asks for it', async () => {
  const { begin } = said();
  await begin(true).told;
  const never = begin(false);
  await turn();
  expect(never.isDone()).toBe(false);
});

it('is not done while an agent lives, comes back or may be put into a pool', async () => {
  const { state, begin, tell, listeners } = said();
  state.agents = [{ id: 'ada', status: 'running' }];
  state.pools = ['crew'];
  const { told, isDone } = begin(true);
  await tell('agent.stopped');
  expect(isDone()).toBe(false);
  state.agents = [{ id: 'ada', status: 'stopped', restartAt: 7 }];
  state.pools = [];
  await tell('agent.crashed');
  expect(isDone()).toBe(false);
  state.agents = [{ id: 'ada', status: 'stopped' }];
  state.pools = ['crew'];
  await tell('agent.forgotten');
  expect(isDone()).toBe(false);
  state.pools = [];
  await tell('agent.completed');
  await told;
  expect([isDone(), listeners.size, vi.getTimerCount()]).toEqual([true, 0, 0]);
});

it('looks once, 50 ms after the first of many ends, and after nothing else', async () => {
  const { state, begin, tell, list } = said();
  state.agents = [{ id: 'ada', status: 'running' }];
  begin(true);
  const looksAfter = async (...types: string[]) => {
    list.mockClear();
    for (const type of types) await tell(type, 10);
    await vi.advanceTimersByTimeAsync(39 - 10 * (types.length - 1));
    const early = list.mock.calls.length;
    await vi.advanceTimersByTimeAsync(1);
    return [early, list.mock.calls.length > 0];
  };
  expect(await looksAfter('agent.stopped', 'agent.gave_up', 'agent.crashed')).toEqual([0, true]);
  expect(await looksAfter('agent.stopped')).toEqual([0, true]);
  expect(await looksAfter('task.completed', 'agent.started')).toEqual([0, false]);
});

it('names those that crashed for good, unless it was told to end', async () => {
  const { state, begin, stop, listeners, tell } = said();
  state.agents = [
    { id: 'ada', status: 'crashed' },
    { id: 'bob', status: 'stopped' },
    { id: 'eve', status: 'crashed' },
  ];
  expect(await begin(true).told).toBe('done, but crashed for good: ada, eve');
  state.agents.pop();
  expect(await begin(true).told).toBe('done, but crashed for good: ada');
  state.agents.push({ id: 'kim', status: 'running' });
  const heard = vi.spyOn(stop.signal, 'removeEventListener');
  const { told, isDone } = begin(true);
  // A look is due.
  await tell('agent.stopped', 10);
  stop.abort();
  expect(await told).toBeUndefined();
  expect([isDone(), listeners.size, vi.getTimerCount()]).toEqual([true, 0, 0]);
  expect(heard).toHaveBeenCalledWith('abort', expect.any(Function));
});

it('is done as the fleet’s own run is, which is given the system and the signal', async () => {
  const { state, begin } = said();
  state.agents = [{ id: 'ada', status: 'running' }];
  const run = vi.fn(async () => {});
  await begin(true, run).told;
  expect(run).toHaveBeenCalledWith({ system: expect.any(Object), signal: expect.any(AbortSignal) });
  expect(await begin(false, failing).told).toBe('no luck');
});
