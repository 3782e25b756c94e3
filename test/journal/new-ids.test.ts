import { describe, expect, it } from 'vitest';
import { defineAgent, variable } from '../../src/index.ts';
import { memoryStore } from '../../src/runtime/journal/stores/memory.ts';
import { NewIds } from '../../src/runtime/journal/new-ids.ts';
import type { Store } from '../../src/runtime/journal/store.ts';
import { rig } from '../kit/rig.ts';

const clerk = defineAgent({
  type: 'clerk',
  capabilities: [],
  init: () => ({}),
  tasks: { note: { requires: [], run: () => undefined } },
});

/** What a program on a store makes: the ids that it gave, in order. */
async function idsOf(store: Store, made: number, eventsBefore = 0) {
  const { system, eventsOf } = await rig({ store, agents: [clerk] });
  await system.variables.define('v', variable.float({ default: 0 }));
  for (let change = 1; change <= eventsBefore; change++) await system.variables.set('v', change);
  for (let value = 1; value <= made; value++) {
    await system.consensus.propose({ variable: 'v', value });
    const id = await system.agents.register({ module: clerk });
    await system.agents.start(id);
    await system.agents.execute(id, { type: 'note' });
    await system.tasks.submit(id, { type: 'note' });
  }
  const known = {
    rounds: eventsOf('round.opened').map(({ roundId }) => roundId),
    agents: eventsOf('agent.registered').map(({ agentId }) => agentId),
    tasks: eventsOf('task.accepted').map(({ taskId }) => taskId),
  };
  await system.close();
  return known;
}

describe('ids of rounds, agents and tasks', () => {
  it('are of the place at which their program began and a count, whatever else has happened since', async () => {
    const expected = {
      rounds: ['round-1-1', 'round-1-2'],
      agents: ['clerk-1-1', 'clerk-1-2'],
      tasks: ['task-1-1', 'task-1-2', 'task-1-3', 'task-1-4'],
    };
    expect(await idsOf(memoryStore(), 2)).toEqual(expected);
    expect(await idsOf(memoryStore(), 2, 50)).toEqual(expected);
  });

  it('are never given twice on one store, however many programs follow one another', async () => {
    const store = memoryStore();
    const ids: string[] = [];
    for (const made of [2, 1, 0, 3]) {
      const { rounds, agents, tasks } = await idsOf(store, made);
      ids.push(...rounds, ...agents, ...tasks);
    }
    expect(ids).toHaveLength(6 * 4);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('pass over an id that a caller has given to an agent', async () => {
    const { system } = await rig();
    await system.agents.register({ id: 'clerk-1-1', module: clerk });
    expect(await system.agents.register({ module: clerk })).toBe('clerk-1-2');
  });

  it('of this program are known from those of others', () => {
    const ids = new NewIds('round', 4);
    expect(ids.next()).toBe('round-5-1');
    const given = ['round-5-1', 'round-5-1/2'].map((id) => ids.wasGiven(id));
    const foreign = ['round-5-2', 'round-5-0', 'round-4-1', 'round-5-x', 'task-5-1', ''];
    expect(given).toEqual([true, true]);
    expect(foreign.map((id) => ids.wasGiven(id))).toEqual(foreign.map(() => false));
  });

  it('count on over every length of their number, beside ids that have a name of their own', () => {
    const ids = new NewIds('task', 0);
    for (let count = 1; count <= 1_001; count++) {
      if (count % 10 === 7) expect(ids.nextOf('own')).toBe(`own-1-${count}`);
      else expect(ids.next()).toBe(`task-1-${count}`);
    }
  });
});
