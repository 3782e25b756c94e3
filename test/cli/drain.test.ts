import { expect, it, onTestFinished, vi } from 'vitest';
import { drain, endLine, namesOf } from '../../src/cli/run/drain.ts';

it.each([
  [[], [], undefined, 'No agent was left to stop.'],
  [['a'], [], undefined, '1 agent ended in order.'],
  [['a', 'b'], [], 1, '2 agents ended in order; 1 event could not be kept.'],
  [[], ['c'], undefined, '0 agents ended in order, 1 did not: c.'],
  [['a'], ['b', 'c'], 2, '1 agent ended in order, 2 did not: b, c; 2 events could not be kept.'],
])('stopped %j, abandoned %j, unkept %j: "%s"', (stopped, abandoned, unkeptEvents, line) => {
  expect(endLine({ stopped, abandoned, ...(unkeptEvents && { unkeptEvents }) })).toBe(line);
});

const agent = (id: string, running = 0, waiting = 0, shutdownMs = 1_000, status = 'running') => ({
  id,
  status,
  metrics: { running, waiting },
  spec: { shutdownMs },
});

it('names those that still work with what they have yet to do: eight, and how many more there are', () => {
  const many = (count: number) => Array.from({ length: count }, (_, n) => agent(`a${n}`));
  expect(namesOf([])).toBeUndefined();
  expect(namesOf([agent('a'), agent('b', 1), agent('c', 1, 2)] as never)).toBe('a, b (1 task), c (3 tasks)');
  expect(namesOf(many(8) as never)).toBe('a0, a1, a2, a3, a4, a5, a6, a7');
  expect(namesOf(many(10) as never)).toBe('a0, a1, a2, a3, a4, a5, a6, a7 and 2 more');
});

it.each([
  [undefined, 5_000, '5 s'],
  [700, 700, '700 ms'],
])(
  'with a deadline of %s ms it gives %i, and says each second who still works',
  async (deadlineMs, timeoutMs, told) => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
    onTestFinished(() => void vi.useRealTimers());
    vi.advanceTimersByTime(3_000);
    let agents = [agent('ada', 1, 0, 5_000), agent('bob'), agent('old', 0, 0, 9_000, 'stopped')];
    const closed = Promise.withResolvers<never>();
    const close = vi.fn(() => closed.promise);
    const said: string[] = [];
    const system = { agents: { list: () => agents }, close } as never;
    const drained = drain(system, { deadlineMs, say: (line) => said.push(line) });
    expect(close).toHaveBeenCalledWith({ timeoutMs });
    expect(said.splice(0)).toEqual([`Stopping 2 agents, ${told} at the most. Once more to kill them.`]);
    vi.advanceTimersByTime(999);
    expect(said).toEqual([]);
    vi.advanceTimersByTime(1);
    agents = agents.slice(1);
    vi.advanceTimersByTime(1_000);
    agents = [];
    vi.advanceTimersByTime(1_000);
    expect(said).toEqual(['After 1 s still working: ada (1 task), bob', 'After 2 s still working: bob']);
    closed.resolve('how it ended' as never);
    expect(await drained).toBe('how it ended');
    expect(vi.getTimerCount()).toBe(0);
  },
);

it('of one agent it says so, too', async () => {
  const said: string[] = [];
  const system = { agents: { list: () => [agent('ada')] }, close: async () => 'report' } as never;
  await drain(system, { deadlineMs: 10, say: (line) => said.push(line) });
  expect(said).toEqual(['Stopping 1 agent, 10 ms at the most. Once more to kill them.']);
});

it('where nobody is left to stop it says nothing, and waits for nobody', async () => {
  const say = vi.fn();
  const close = vi.fn(async () => 'report');
  const system = { agents: { list: () => [] }, close } as never;
  expect(await drain(system, { deadlineMs: undefined, say })).toBe('report');
  expect([close.mock.calls, say.mock.calls]).toEqual([[[{ timeoutMs: 0 }]], []]);
});
