/** A snapshot that another version of the code finds: gone on with, kept, or refused by name. No server. */
import { expect, test } from 'vitest';
import { defineAgent } from '../../src/index.ts';
import { agentSpec } from '../../src/machines/index.ts';
import { recordOfState } from '../../src/restate/agent/agent-state.ts';
import { AgentTurn } from '../../src/restate/agent/agent-turn.ts';
import { lookUnderThisChart } from '../../src/restate/agent/agent-view.ts';
import { agentChartHash } from '../../src/restate/agent/chart-version.ts';
import { manifestOf } from '../../src/runtime/definition/manifest.ts';
import { specToKeep } from '../../src/runtime/fleet/spec-reading.ts';

const definition = defineAgent({ type: 'worker', init: () => ({}), tasks: {} });
const moment = { now: 1_000, chance: 0 };
const placement = { node: 'n', epoch: 'e' };
const OLD = 'of an older version';

function registered(): AgentTurn {
  const given = { id: 'ada', module: definition, restart: { policy: 'immediate', delayMs: 500 } };
  const spec = specToKeep(agentSpec.parse(given), 'ada', 'worker');
  return AgentTurn.registering({ id: 'ada', spec, manifest: manifestOf(definition) }, moment);
}

function running(): AgentTurn {
  const turn = registered();
  turn.start('agent.start', placement, undefined);
  turn.reported(1, 1, [{ type: 'ready', manifest: manifestOf(definition) }]);
  return turn;
}

test('one of this very chart is as it was', () => {
  const turn = running();
  const before = structuredClone(turn.state.life.value);
  turn.adoptChart();
  expect(turn.state.life.value).toEqual(before);
});

test('one that has no body goes on from its last event, with its deadlines', () => {
  for (const make of [registered, running] as const) {
    const turn = make();
    if (make === running) turn.reported(1, 2, [{ type: 'exited', reason: 'killed' }]);
    const before = recordOfState(turn.state);
    const due = turn.nextDueAt();
    turn.state.chart = OLD;
    turn.adoptChart();
    expect(recordOfState(turn.state)).toEqual(before);
    expect(turn.nextDueAt()).toBe(due);
    expect(turn.state.chart).toBe(agentChartHash());
  }
});

test('one that has a body is kept where this chart has its place, and refused with both identities where it has none', () => {
  const kept = running();
  kept.state.chart = OLD;
  kept.adoptChart();
  expect(recordOfState(kept.state)).toMatchObject({ status: 'running' });

  const refused = running();
  refused.state.chart = OLD;
  refused.state.life = {
    ...refused.state.life,
    active: [...refused.state.life.active, 'agent.alive.dreaming'],
  };
  const before = structuredClone(refused.state);
  expect(() => refused.adoptChart()).toThrow(
    expect.objectContaining({
      code: 'STORE_FAILED',
      message: expect.stringMatching(new RegExp(`${OLD}.*agent\\.alive\\.dreaming.*${agentChartHash()}`)),
    }),
  );
  expect(refused.state).toEqual(before);
});

test('a look shows it as it would go on, or refuses it with both identities', () => {
  const resumed = registered();
  resumed.state.chart = OLD;
  expect(lookUnderThisChart(resumed.state, moment)).toMatchObject({
    value: { chart: agentChartHash(), record: { status: 'registered' } },
  });
  const refused = running();
  refused.state.chart = OLD;
  refused.state.life = {
    ...refused.state.life,
    value: { alive: 'dreaming' } as never,
    active: ['agent', 'agent.alive', 'agent.alive.dreaming'],
  };
  expect(lookUnderThisChart(refused.state, moment)).toMatchObject({
    refusal: { code: 'STORE_FAILED', agentId: 'ada', details: { chart: OLD, wanted: agentChartHash() } },
  });
});

test('one that is refused goes on under this chart from its last event once its node is gone, and its task is unknown', () => {
  const turn = running();
  turn.execute({ type: 'work', input: 1, submitted: true, terms: {}, token: 'asked' });
  turn.state.chart = OLD;
  turn.state.life = {
    ...turn.state.life,
    value: { alive: 'dreaming' } as never,
    active: ['agent', 'agent.alive', 'agent.alive.dreaming'],
  };
  expect([
    turn.isReadable,
    turn.isSeatedAt('n', 1),
    turn.isSeatedAt('n', 2),
    turn.isSeatedAt('m', 1),
  ]).toEqual([false, true, false, false]);
  turn.hostLost('n', 1);
  expect(turn.isReadable).toBe(true);
  expect(turn.state.chart).toBe(agentChartHash());
  expect(recordOfState(turn.state)).toMatchObject({ status: 'crashed', reason: 'host_lost' });
});
