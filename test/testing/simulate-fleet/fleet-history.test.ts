import { expect, it } from 'vitest';
import { defineAgent, type SystemEvent } from '../../../src/index.ts';
import { FleetHistory } from '../../../src/testing/simulate-fleet/fleet-history.ts';
import { rig } from '../../kit/rig.ts';

it('an agent is held from its event until the one that lets it go on; an unknown one changes nothing', async () => {
  const { agents, events } = await rig();
  const module = defineAgent({ type: 'held', init: () => ({}), tasks: {} });
  await agents.register({ id: 'a', module });
  const history = new FleetHistory();
  for (const event of events) history.note(event);
  let sequence = events.length;
  const held = (type: string, more: object = {}) => {
    for (const agentId of ['nobody', 'a']) {
      sequence += 1;
      history.note({ sequence, at: 0, type, agentId, incarnation: 1, ...more } as SystemEvent);
    }
    const { isPaused, parkedUntil } = history.told.agents.get('a')!;
    return [isPaused, parkedUntil];
  };
  expect(held('agent.parked', { until: 9, why: 'full' })).toEqual([false, 9]);
  expect(held('agent.unparked')).toEqual([false, undefined]);
  expect(held('agent.pausing')).toEqual([true, undefined]);
  expect(held('agent.resumed')).toEqual([false, undefined]);
  expect([...history.told.agents.keys()]).toEqual(['a']);
});

it('a history of nothing has nothing; what is done is counted, of all and of each agent', () => {
  const history = new FleetHistory();
  expect(history.told).toMatchObject({ lastSequence: 0, lastAt: 0, term: 0, allDone: 0 });
  for (const [index, agentId] of ['a', 'b', 'a'].entries()) {
    const [sequence, taskId] = [index + 1, `${agentId}-${index}`];
    history.note({ sequence, at: 7, type: 'task.completed', agentId, taskId } as SystemEvent);
  }
  expect(history.told).toMatchObject({ lastSequence: 3, lastAt: 7, allDone: 3 });
  expect([...history.told.done]).toEqual([
    ['a', 2],
    ['b', 1],
  ]);
  expect(history.resumed().told).toMatchObject({ lastSequence: 3, allDone: 3 });
});
