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
