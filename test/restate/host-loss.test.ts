/** What an agent makes of the loss of its node, and of the place that it is offered with it: turns, and no engine. */
import { expect, test } from 'vitest';
import { defineAgent } from '../../src/index.ts';
import { agentSpec } from '../../src/machines/index.ts';
import type { Act } from '../../src/restate/agent/agent-acts.ts';
import { type AgentState, positionOfState } from '../../src/restate/agent/agent-state.ts';
import type { LossOffer } from '../../src/restate/agent/agent-places.ts';
import { AgentTurn } from '../../src/restate/agent/agent-turn.ts';
import type { Placement } from '../../src/restate/nodes/placement.ts';
import { manifestOf } from '../../src/runtime/definition/manifest.ts';
import { specToKeep } from '../../src/runtime/fleet/spec-reading.ts';

const definition = defineAgent({
  type: 'worker',
  init: () => ({}),
  tasks: { work: { run: () => undefined } },
});
const manifest = manifestOf(definition);
const LOST: Placement = { node: 'a', epoch: 'first of a' };
const NEXT: Placement = { node: 'b', epoch: 'first of b' };
let now = 1_000;

function turnOf(state: AgentState): AgentTurn {
  now += 1;
  return new AgentTurn(state, { now, chance: 0.5 });
}

function registered(spec: object = {}): AgentState {
  const kept = specToKeep(agentSpec.parse({ id: 'ada', module: definition, ...spec }), 'ada', 'worker');
  return AgentTurn.registering({ id: 'ada', spec: kept, manifest }, { now, chance: 0.5 }).state;
}

/** It runs on the node that is about to be lost. */
function running(spec: object = {}): AgentState {
  const state = registered(spec);
  turnOf(state).start('agent.start', LOST, undefined);
  turnOf(state).reported(1, 1, [{ type: 'ready', manifest }]);
  return state;
}

function offerOf(state: AgentState, place: LossOffer['place']): LossOffer {
  return { occupant: turnOf(state).occupant(2), place };
}

/** What the loss made it do, of what its nodes and its body hear. */
function lose(state: AgentState, offer?: LossOffer): string[] {
  const turn = turnOf(state);
  turn.hostLost(LOST.node, 1, offer);
  return turn.acts.map((act: Act) => (act.do === 'tell' ? act.message.type : act.do));
}

const pathOf = (state: AgentState): string => positionOfState(state).path;

test('it takes the place that it is offered, in the turn that tells it of the loss', () => {
  const state = running();
  expect(lose(state, offerOf(state, NEXT))).toEqual(['withdrawPermit', 'open']);
  expect(state).toMatchObject({ placement: NEXT, seat: { node: 'b', incarnation: 2 }, hasPermit: true });
  const ready = turnOf(state);
  ready.reported(2, 1, [{ type: 'ready', manifest }]);
  expect(ready.acts.map((act) => act.do)).toContain('releasePermit');
  expect(state.hasPermit).toBeUndefined();
});

test('it waits, and asks for nothing, where it is told that it is in the queue', () => {
  const state = running();
  expect(lose(state, offerOf(state, 'queued'))).toEqual([]);
  expect(pathOf(state)).toBe('crashed.queued');
  turnOf(state).permitGranted(NEXT);
  expect(state.seat).toMatchObject({ node: 'b', incarnation: 2 });
});

test.each(['never', 'manual'])(
  'one whose policy is %s comes back all the same: it has not failed',
  (policy) => {
    const state = running({ restart: { policy } });
    expect(lose(state, offerOf(state, NEXT))).toEqual(['withdrawPermit', 'open']);
  },
);

test('one that was being stopped gives it back, and is stopped', () => {
  const state = running();
  turnOf(state).end({ type: 'agent.stop', at: now }, undefined);
  expect(lose(state, offerOf(state, NEXT))).toEqual(['declineOffer']);
  expect(pathOf(state)).toBe('stopped');
});

test('one whose start was asked for, and failed so, gives it back, and is where it was', () => {
  const state = registered();
  turnOf(state).start('agent.start', LOST, 'caller');
  expect(lose(state, offerOf(state, NEXT))).toEqual(['answer', 'declineOffer']);
  expect(pathOf(state)).toBe('registered');
});

test('one whose next body needs another place asks for that itself', () => {
  const state = running();
  const { occupant } = offerOf(state, NEXT);
  const smaller = { ...occupant, memoryBytes: occupant.memoryBytes + 1 };
  expect(lose(state, { occupant: smaller, place: NEXT })).toEqual(['requestPermit']);
  expect(state.seat).toBeUndefined();
});

test('one that moves begins in the place that it is offered', () => {
  const state = running();
  turnOf(state).move();
  expect(lose(state, offerOf(state, NEXT))).toEqual(['withdrawPermit', 'open']);
  turnOf(state).reported(2, 1, [{ type: 'ready', manifest }]);
  expect(state).toMatchObject({ isMoving: false, seat: { node: 'b', incarnation: 2 } });
});

/** It has ended where it was, to begin elsewhere. */
function between(spec?: object): AgentState {
  const state = running(spec);
  turnOf(state).adopt({ id: 'child', rule: 'stop' });
  turnOf(state).move();
  const ended = turnOf(state);
  ended.reported(1, 2, [{ type: 'exited', reason: 'shutdown' }]);
  expect(ended.acts.map((act) => act.do)).toContain('startElsewhere');
  return state;
}

test('one that moves keeps its children: they end with it, and not with its body', () => {
  const state = running();
  turnOf(state).adopt({ id: 'child', rule: 'stop' });
  turnOf(state).move();
  const ended = turnOf(state);
  ended.reported(1, 2, [{ type: 'exited', reason: 'shutdown' }]);
  expect(ended.acts.map((act) => act.do)).not.toContain('endChildren');
  expect(turnOf(state).adopt({ id: 'another', rule: 'stop' })).toBe(true);
});

test.each(['agent.stop', 'agent.kill'] as const)(
  'one that moves, and has no body just then, can be ended for good (%s): it begins nowhere, and its children end',
  (type) => {
    const state = between();
    const turn = turnOf(state);
    turn.refuseUnless(type === 'agent.stop' ? 'stop' : 'kill');
    turn.end({ type, at: now }, 'caller');
    expect(turn.acts.map((act) => act.do).toSorted()).toEqual(['answer', 'endChildren', 'withdrawPermit']);
    expect(pathOf(state)).toBe('stopped');
    expect(turnOf(state).isWaitingFor(2)).toBe(false);
    expect(() => turnOf(state).refuseUnless('stop')).toThrow(/is stopped/);
  },
);

test('one that moves goes on to a third node when the second is lost before it serves there', () => {
  const state = between();
  turnOf(state).permitGranted(NEXT);
  const turn = turnOf(state);
  turn.hostLost(NEXT.node, 2);
  expect(turn.acts.map((act) => act.do)).toContain('requestPermit');
  expect(() => turnOf(state).refuseUnless('execute')).not.toThrow();
  turnOf(state).permitGranted({ node: 'c', epoch: 'first of c' });
  turnOf(state).reported(3, 1, [{ type: 'ready', manifest }]);
  expect(state).toMatchObject({ isMoving: false, seat: { node: 'c', incarnation: 3 } });
});

test('one that moves to a node that drains before it runs there moves on once it does', () => {
  const state = between();
  turnOf(state).permitGranted(NEXT);
  turnOf(state).move();
  turnOf(state).reported(2, 1, [{ type: 'ready', manifest }]);
  expect([pathOf(state).startsWith('alive.stopping'), state.isMoving]).toEqual([true, true]);
  const ended = turnOf(state);
  ended.reported(2, 2, [{ type: 'exited', reason: 'shutdown' }]);
  expect(ended.acts.map((act) => act.do)).toContain('startElsewhere');
});

test.each([
  ['immediate', 'crashed.waiting'],
  ['never', 'crashed.leftDown'],
  ['manual', 'crashed.awaitingOperator'],
] as const)(
  'one that moves, and whose start fails on the other node, is where its policy has it: %s, %s',
  (policy, path) => {
    const state = between({ restart: { policy, delayMs: 1 } });
    const arriving = turnOf(state);
    arriving.permitGranted(NEXT);
    expect(arriving.events.map(({ type }) => type)).toEqual(['agent.starting']);
    const turn = turnOf(state);
    turn.reported(2, 1, [{ type: 'exited', reason: { exitCode: 1 } }]);
    expect(turn.acts.map((act) => act.do)).not.toContain('startElsewhere');
    expect([pathOf(state), state.isMoving]).toEqual([path, false]);
    if (policy !== 'immediate') return;
    now += 10;
    const again = turnOf(state);
    again.wake();
    expect(again.acts.map((act) => act.do)).toContain('requestPermit');
    turnOf(state).permitGranted({ node: 'c', epoch: 'first of c' });
    turnOf(state).reported(3, 1, [{ type: 'ready', manifest }]);
    expect(state.seat).toMatchObject({ node: 'c', incarnation: 3 });
    expect(turnOf(state).record.restarts).toBe(1);
  },
);

test('a move is no restart: none is counted, and what is told of it is its end and its start', () => {
  const state = between();
  const arriving = turnOf(state);
  arriving.permitGranted(NEXT);
  const ready = turnOf(state);
  ready.reported(2, 1, [{ type: 'ready', manifest }]);
  const told = [...arriving.events, ...ready.events].map(({ type }) => type);
  expect(told).toEqual(['agent.starting', 'agent.started']);
  expect(turnOf(state).record).toMatchObject({ status: 'running', restarts: 0 });
});

test('one whose body fails while it ends begins elsewhere all the same, and its tasks wait for that', () => {
  const state = running();
  turnOf(state).move();
  turnOf(state).execute({ type: 'work', submitted: false, token: 'caller' });
  const ended = turnOf(state);
  ended.reported(1, 2, [{ type: 'exited', reason: { exitCode: 1 } }]);
  expect(ended.acts.map((act) => act.do)).toContain('startElsewhere');
  expect(ended.acts.map((act) => act.do)).not.toContain('answer');
  turnOf(state).permitGranted(NEXT);
  turnOf(state).reported(2, 1, [{ type: 'ready', manifest }]);
  expect(state).toMatchObject({ isMoving: false, seat: { node: 'b', incarnation: 2 } });
});

test.each(['never', 'manual'])(
  'one that fails so, and whose policy is %s, stays down: its tasks are abandoned, as nobody may start it',
  (policy) => {
    const state = running({ restart: { policy } });
    turnOf(state).move();
    turnOf(state).execute({ type: 'work', submitted: false, token: 'caller' });
    const ended = turnOf(state);
    ended.reported(1, 2, [{ type: 'exited', reason: { exitCode: 1 } }]);
    expect(pathOf(state)).toBe('crashed.leftDown');
    expect(ended.acts).toContainEqual(
      expect.objectContaining({ do: 'answer', token: 'caller', answer: { refusal: expect.anything() } }),
    );
    expect(state).toMatchObject({ isMoving: false, tasks: [] });
  },
);

test('one whose body had ended, and that is down, gives it back; one that is on its way back keeps its own', () => {
  const down = running({ restart: { policy: 'never' } });
  turnOf(down).reported(1, 2, [{ type: 'exited', reason: 'killed' }]);
  expect(lose(down, offerOf(down, NEXT))).toEqual(['declineOffer']);
  const back = running({ restart: { policy: 'immediate', delayMs: 1 } });
  turnOf(back).reported(1, 2, [{ type: 'exited', reason: 'killed' }]);
  now += 10;
  turnOf(back).wake();
  expect(pathOf(back)).toBe('crashed.queued');
  expect(lose(back, offerOf(back, NEXT))).toEqual([]);
  turnOf(back).permitGranted(NEXT);
  expect(lose(back, { occupant: turnOf(back).occupant(2), place: LOST })).toEqual([]);
  expect(back.seat).toMatchObject({ node: 'b', incarnation: 2 });
});
