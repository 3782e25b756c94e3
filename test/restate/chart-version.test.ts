/** A snapshot that another version of the code finds: gone on with, kept, or refused by name. No server. */
import { expect, test } from 'vitest';
import { defineAgent } from '../../src/index.ts';
import { agentSpec } from '../../src/machines/index.ts';
import { recordOfState } from '../../src/restate/agent/agent-state.ts';
import { AgentTurn } from '../../src/restate/agent/agent-turn.ts';
import { lookUnderThisChart } from '../../src/restate/agent/agent-view.ts';
import { ANOTHER, ofAnotherChart } from './another-snapshot.ts';
import { agentChartHash, verdictOn } from '../../src/restate/agent/chart-version.ts';
import { manifestOf } from '../../src/runtime/definition/manifest.ts';
import { specToKeep } from '../../src/runtime/fleet/spec-reading.ts';

const definition = defineAgent({ type: 'worker', init: () => ({}), tasks: {} });
const moment = { now: 1_000, chance: 0 };
const placement = { node: 'n', epoch: 'e' };

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
    turn.state.chart = ANOTHER;
    turn.adoptChart();
    expect(recordOfState(turn.state)).toEqual(before);
    expect(turn.nextDueAt()).toBe(due);
    expect(turn.state.chart).toBe(agentChartHash());
  }
});

test('one that has a body goes on with it where its last event said that it is', () => {
  const turn = running();
  turn.acts.length = 0;
  const before = recordOfState(turn.state);
  ofAnotherChart(turn.state);
  turn.adoptChart();
  expect(recordOfState(turn.state)).toEqual(before);
  expect(turn.state).toMatchObject({ chart: agentChartHash(), seat: { node: 'n', incarnation: 1 } });
  expect(turn.acts).toEqual([]);
});

const refused: readonly (readonly [string, object])[] = [
  ['at a place', { at: 'dreaming' }],
  ['at a place that no body has', { at: 'stopped' }],
  ['started from a place', { startedFrom: 'dreaming' }],
];
test.each(refused)(
  'one whose last event told that it is %s of another chart is refused with both identities, and stays as it is',
  (_, changed) => {
    const turn = running();
    ofAnotherChart(turn.state);
    turn.state.known = { ...turn.state.known!, ...changed };
    const before = structuredClone(turn.state);
    const refusal = {
      code: 'STORE_FAILED',
      message: expect.stringMatching(new RegExp(`${ANOTHER}.*${agentChartHash()}`)),
    };
    expect(turn.isReadable).toBe(false);
    expect(() => turn.adoptChart()).toThrow(expect.objectContaining(refusal));
    expect(turn.state).toEqual(before);
    expect(lookUnderThisChart(turn.state, moment)).toMatchObject({
      refusal: { ...refusal, agentId: 'ada', details: { chart: ANOTHER, wanted: agentChartHash() } },
    });
  },
);

test('a place without a body is known or refused, too', () => {
  const charted = { agentId: 'ada', chart: ANOTHER, hasBody: false };
  const verdicts = [undefined, 'waiting', 'hibernating'].map((at) =>
    verdictOn({
      ...charted,
      known: at === undefined ? at : { at: at as never, startedFrom: 'registered' },
    }),
  );
  expect(verdicts).toEqual(['resumed', 'resumed', 'refused']);
});

test('a look shows one as it would go on, and changes nothing that is kept', () => {
  const turn = running();
  ofAnotherChart(turn.state);
  expect(lookUnderThisChart(turn.state, moment)).toMatchObject({
    value: { chart: agentChartHash(), record: { status: 'running' }, known: { at: 'serving' } },
  });
});

test('one whose node is gone goes on under this chart from its last event, and its task is unknown', () => {
  const turn = running();
  turn.execute({ type: 'work', input: 1, submitted: true, terms: {}, token: 'asked' });
  ofAnotherChart(turn.state);
  expect([
    turn.isReadable,
    turn.isSeatedAt('n', 1),
    turn.isSeatedAt('n', 2),
    turn.isSeatedAt('m', 1),
  ]).toEqual([true, true, false, false]);
  turn.hostLost('n', 1);
  expect(turn.state.chart).toBe(agentChartHash());
  expect(recordOfState(turn.state)).toMatchObject({ status: 'crashed', reason: 'host_lost' });
});
