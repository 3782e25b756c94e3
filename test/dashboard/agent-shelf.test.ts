import { expect, it } from 'vitest';
import { AgentShelf } from '../../src/dashboard/agent-shelf.ts';

function shelf(ids: readonly string[]) {
  const values = new Map(ids.map((id) => [id, `${id} 1`]));
  const read: string[] = [];
  let [open, most] = [0, 0];
  const shelved = new AgentShelf<string>({
    all: () => Promise.resolve(new Map(values)),
    one: async (id) => {
      read.push(id);
      most = Math.max(most, (open += 1));
      await Promise.resolve();
      open -= 1;
      return values.get(id);
    },
  });
  return { shelved, values, read, most: () => most };
}

it('all is read once, and then those alone that an event named', async () => {
  const { shelved, values, read } = shelf(['a', 'b', 'c']);
  shelved.outdate('a');
  expect(await shelved.refresh()).toEqual(['a', 'b', 'c']);
  expect([shelved.isUpToDate, read]).toEqual([true, []]);
  values.set('b', 'b 2');
  values.delete('c');
  for (const id of ['b', 'c', 'd']) shelved.outdate(id);
  values.set('d', 'd 1');
  expect(await shelved.refresh()).toEqual(['b', 'c', 'd']);
  expect([...shelved.values]).toEqual([
    ['a', 'a 1'],
    ['b', 'b 2'],
    ['d', 'd 1'],
  ]);
});

it('of many that have changed some are read at a time, eight at once, until all are', async () => {
  const ids = Array.from({ length: 100 }, (_, place) => `agent-${place}`);
  const { shelved, read, most } = shelf(ids);
  await shelved.refresh();
  for (const id of ids) shelved.outdate(id);
  const rounds: number[] = [];
  while (!shelved.isUpToDate) rounds.push((await shelved.refresh()).length);
  expect([rounds, most(), new Set(read).size]).toEqual([[32, 32, 32, 4], 8, 100]);
});

it('what is emptied while it is read is read again before it counts', async () => {
  const { shelved, values } = shelf(['a']);
  const early = shelved.refresh();
  shelved.empty();
  values.set('a', 'a 2');
  await early;
  expect([shelved.isUpToDate, shelved.values.get('a')]).toEqual([true, 'a 2']);
});

it('says by its version whether anything that it holds may be another', async () => {
  const { shelved, values } = shelf(['a', 'b']);
  const versions = [shelved.version];
  await shelved.refresh();
  versions.push(shelved.version);
  await shelved.refresh();
  shelved.outdate('a');
  expect(shelved.version).toBe(versions[1]);
  values.set('a', 'a 2');
  await shelved.refresh();
  versions.push(shelved.version);
  shelved.empty();
  await shelved.refresh();
  versions.push(shelved.version);
  expect(new Set(versions).size).toBe(4);
});
