import { expect, it } from 'vitest';
import { newestSequence, tailOf } from '../../src/dashboard/event-tail.ts';
import { createAgentSystem, memoryStore, type SystemEvent } from '../../src/index.ts';
import { running, silent, system } from '../kit/dashboard.ts';

/** Events of a history, some of them of one agent, the oldest ones dropped. */
function historyOf(sequences: readonly number[], isOfAda: (sequence: number) => boolean) {
  const events = sequences.map(
    (sequence) =>
      ({
        type: 'agent.forgotten',
        sequence,
        at: 1,
        agentId: isOfAda(sequence) ? 'ada' : 'bob',
        incarnation: 1,
      }) as const,
  );
  const read = async function* ({
    agentId,
    after = 0,
    limit = Infinity,
  }: {
    agentId?: string;
    after?: number;
    limit?: number;
  } = {}) {
    let left = limit;
    for (const event of events) {
      if (left <= 0) return;
      if (event.sequence <= after || (agentId !== undefined && event.agentId !== agentId)) continue;
      left -= 1;
      yield event as SystemEvent;
    }
  };
  return { read, subscribe: () => () => {}, replay: async () => [] };
}

it.each([
  ['nothing', [], 0],
  ['one event', [1], 1],
  ['two', [1, 2], 2],
  ['only the end of a history', [99_998, 99_999, 100_000], 100_000],
  ['gaps', [3, 17, 4_096, 70_001], 70_001],
])('the newest sequence of a store with %s', async (_, sequences, newest) => {
  expect(await newestSequence(historyOf(sequences, () => true))).toBe(newest);
});

/** Ada was busy long ago, and hardly since. */
const isAda = (sequence: number) => sequence < 1_000 || sequence % 4_000 === 0;

it.each([1, 10, 400, 5_000])(
  'the newest %i events of one agent, however far back they are',
  async (limit) => {
    const sequences = Array.from({ length: 30_000 }, (_, place) => place + 1);
    const history = historyOf(sequences, isAda);
    const expected = sequences.filter(isAda).slice(-limit);
    const tail = await tailOf(history, { agentId: 'ada', until: 30_000, limit });
    expect(tail.map(({ sequence }) => sequence)).toEqual(expected);
  },
);

it('goes no further than it is told', async () => {
  const history = historyOf([1, 2, 3, 4, 5], () => true);
  const tail = await tailOf(history, { until: 3, limit: 2 });
  expect(tail.map(({ sequence }) => sequence)).toEqual([2, 3]);
});

it('reads a real store, that of an earlier program too', async () => {
  const store = memoryStore();
  const first = await createAgentSystem({ store, logger: silent });
  await running(first, 'ada');
  await first.close();
  const later = await createAgentSystem({ store, logger: silent });
  const all: number[] = [];
  for await (const { sequence } of later.events.read()) all.push(sequence);
  expect(await newestSequence(later.events)).toBe(all.at(-1));
  await later.close();
  const empty = await system();
  for await (const _ of empty.events.read()) throw new Error('not empty');
  expect(await newestSequence(empty.events)).toBe(0);
});
