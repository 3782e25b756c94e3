/** Events that are made by a constructor are the plain objects that a literal would make. */
import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { createAgentSystem, defineAgent, type SystemEvent, variable } from '../../src/index.ts';
import { silent } from '../kit/rig.ts';

const voter = defineAgent({
  type: 'voter',
  variables: ['rate'],
  init: () => ({ done: 0 }),
  tasks: { test: { run: ({ state }) => ++state.done } },
  vote: () => 'accept',
});

const MADE = [
  'task.accepted',
  'task.started',
  'agent.state_saved',
  'task.completed',
  'variable.acknowledged',
  'round.voted',
] as const;

test('events made by a constructor are plain objects, with their place first', async () => {
  await using system = await createAgentSystem({ logger: silent });
  const heard = new Map<string, SystemEvent>();
  system.events.subscribe((event) => heard.set(event.type, event));
  await system.variables.define('rate', variable.float({ default: 0 }));
  const id = await system.agents.register({ module: voter, id: 'ada' });
  await system.agents.start(id);
  await system.agents.execute(id, { type: 'test' });
  await system.variables.set('rate', 1);
  await system.consensus.propose({ variable: 'rate', value: 2 });
  for (const type of MADE) {
    const event = heard.get(type)!;
    expect(Object.getPrototypeOf(event), type).toBe(Object.prototype);
    expect(Object.keys(event).slice(0, 4), type).toEqual(['sequence', 'at', 'type', 'agentId']);
    const literal: unknown = { ...event };
    expect(event).toStrictEqual(literal);
    expect(inspect(event)).toBe(inspect(literal));
    expect(structuredClone(event)).toStrictEqual(literal);
  }
});
