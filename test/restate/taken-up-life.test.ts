/**
 * A life that goes on with its body under another chart: starts, and ends that are under way. No server.
 *
 * That one which serves is the same as before in every respect, the tours of a life say (agent-turn.test.ts).
 */
import { expect, test } from 'vitest';
import { defineAgent } from '../../src/index.ts';
import { FINISH_SHARE } from '../../src/machines/index.ts';
import { KeptAgent } from './kept-agent.ts';

const definition = defineAgent({ type: 'worker', init: () => ({}), tasks: { work: { run: () => 1 } } });

const STOP_MS = 5_000;
const START_MS = 30_000;

function agent(): KeptAgent {
  const kept = new KeptAgent(definition, { restart: { policy: 'immediate', delayMs: 1_000 } });
  kept.now = 1_000;
  return kept;
}

function working(): KeptAgent {
  const kept = agent();
  kept.start();
  kept.execute();
  return kept;
}

function starting(): KeptAgent {
  const kept = agent();
  kept.turn((turn) => turn.start('agent.start', { node: 'n', epoch: 'e' }, 'starter'));
  return kept;
}

test('one that starts goes on starting, has its whole time for that again, and its caller is answered', () => {
  const kept = starting();
  kept.now += START_MS - 1;
  expect(kept.upgrade()).toEqual({ events: [], told: [], answers: {} });
  expect(kept.record).toMatchObject({ status: 'starting', incarnation: 1 });
  expect(kept.nextDueAt()).toBe(kept.now + START_MS);
  const { events, answers } = kept.report({ type: 'ready', manifest: kept.manifest });
  expect({ events, answers }).toEqual({ events: ['agent.started'], answers: { starter: 1 } });
});

test('one whose start fails then is back where it began, and a restart that fails is tried again', () => {
  const first = starting();
  first.upgrade();
  first.exit({ error: { name: 'Error', message: 'no' } });
  expect(first.record).toMatchObject({ status: 'registered' });

  const again = working();
  again.exit('killed');
  again.pass(1_000);
  again.turn((turn) => turn.permitGranted({ node: 'n', epoch: 'e' }));
  again.upgrade();
  expect(again.record).toMatchObject({ status: 'starting', incarnation: 2, restarts: 1 });
  again.exit({ error: { name: 'Error', message: 'no' } });
  expect(again.record).toMatchObject({ status: 'crashed', state: 'crashed.waiting', restarts: 1 });
});

test('a start that was cancelled is cancelled again', () => {
  const kept = starting();
  kept.turn((turn) => turn.end({ type: 'agent.kill', at: turn.now }, undefined));
  expect(kept.upgrade().told).toEqual(['kill']);
  kept.exit('killed');
  expect(kept.record).toMatchObject({ status: 'registered' });
});

test('one that drains waits for its task, saves, and stops', () => {
  const kept = working();
  kept.stop();
  kept.now += 1_000;
  expect(kept.upgrade()).toEqual({ events: [], told: [], answers: {} });
  expect(kept.record).toMatchObject({ status: 'stopping' });
  expect(kept.complete(1).told).toEqual(['state.save']);
  expect(kept.report({ type: 'state.saved', state: { json: '1', stateVersion: 1 } }).told).toEqual([
    'terminate',
  ]);
  expect(kept.exit('shutdown').events).toEqual(['agent.stopped']);
  expect(kept.record).toMatchObject({ status: 'stopped', reason: 'shutdown' });
});

test('one that saves, or was told to end, is told so again', () => {
  for (const isSaved of [false, true]) {
    const kept = agent();
    kept.start();
    kept.stop();
    if (isSaved) kept.report({ type: 'state.saved', state: { json: '1', stateVersion: 1 } });
    expect(kept.upgrade()).toEqual({ events: [], told: ['state.save'], answers: {} });
    kept.exit('shutdown');
    expect(kept.record).toMatchObject({ status: 'stopped', reason: 'shutdown' });
  }
});

test('one whose work was aborted aborts it no second time, saves once it has settled, and is killed in the end', () => {
  const kept = working();
  kept.stop();
  kept.pass(STOP_MS * FINISH_SHARE);
  expect(kept.upgrade()).toEqual({ events: [], told: [], answers: {} });
  expect(kept.record).toMatchObject({ status: 'stopping', state: 'alive.stopping.aborting' });
  expect(kept.pass(STOP_MS).told).toContain('kill');
  kept.exit('killed');
  expect(kept.record).toMatchObject({ status: 'stopped', reason: { shutdown: 'timed_out' } });
});

test('one that has finished ends as completed', () => {
  const kept = working();
  kept.report({ type: 'finished' });
  kept.upgrade();
  kept.complete(1);
  kept.exit('normal');
  expect(kept.record).toMatchObject({ status: 'completed' });
});

test.each([
  ['killed', (kept: KeptAgent) => kept.kill(), { status: 'crashed', reason: 'killed' }],
  ['stopped without grace', (kept: KeptAgent) => kept.stop(0), { status: 'stopped' }],
  [
    'killed while it stopped',
    (kept: KeptAgent) => [kept.stop(), kept.kill()],
    { status: 'crashed', state: 'crashed.leftDown', reason: 'killed' },
  ],
] as const)('one that was %s is killed again, and ends as was ordered', (_, end, ended) => {
  const kept = working();
  end(kept);
  expect(kept.upgrade().told).toEqual(['kill']);
  expect(kept.record).toMatchObject({ status: 'stopping', state: 'alive.killing' });
  kept.exit('killed');
  expect(kept.record).toMatchObject(ended);
});

test('the living body has the time of its own spec, and the policy of the newest holds for what comes', () => {
  const kept = new KeptAgent(definition, { resources: { maxRuntimeMs: 60_000 } });
  kept.now = 1_000;
  kept.start();
  kept.now += 10_000;
  kept.update({ resources: { maxRuntimeMs: 5_000 }, shutdownMs: 1_000 });
  kept.upgrade();
  expect(kept.nextDueAt()).toBe(61_000);
  kept.stop();
  expect(kept.nextDueAt()).toBe(kept.now + 1_000);
});
