/** An agent of a fleet begins as one of a single program does: nothing done, nothing counted, the same defaults. */
import { expect, test } from 'vitest';
import { defineAgent } from '../../src/index.ts';
import { agentSpec } from '../../src/machines/index.ts';
import { recordOfState } from '../../src/restate/agent/agent-state.ts';
import { AgentTurn } from '../../src/restate/agent/agent-turn.ts';
import { specToKeep } from '../../src/runtime/fleet/spec-reading.ts';
import { manifestOf } from '../../src/runtime/definition/manifest.ts';
import { rig } from '../kit/rig.ts';

const module = defineAgent({
  type: 'worker',
  capabilities: ['write'],
  init: () => ({}),
  tasks: { work: { run: () => 1 } },
});

test('a record says of a new agent what it says in one program', async () => {
  const { agents } = await rig();
  const spec = { id: 'ada', module };
  await agents.register(spec);
  const kept = specToKeep(agentSpec.parse(spec), 'ada', 'worker');
  const turn = AgentTurn.registering(
    { id: 'ada', spec: kept, manifest: manifestOf(module) },
    { now: 0, chance: 0.5 },
  );
  const { spec: asked, ...record } = agents.get('ada');
  // Of a definition only its type is kept.
  const expected = { ...record, spec: { ...asked, module: { type: 'worker' } } };
  expect(recordOfState(turn.state)).toEqual(expected);
  // The first task's time is then the mean of all.
  expect(new Set(Object.values(turn.state.counts))).toEqual(new Set([0]));
});
