/**
 * Every move in every state of an agent's life, as its virtual object lives it: the mapping from the chart's effects to
 * calls is judged by the flat model that judges the agent of one program.
 */
import { describe, expect, test } from 'vitest';
import { assertSeen } from '../models/life/comparison.ts';
import { bodyOf, firstLife, isPossible, legalOf, places, play, viewOf } from '../models/life/life-model.ts';
import type { Life, Move, Profile } from '../models/life/life-state.ts';
import { agentSpec } from '../../src/machines/index.ts';
import { defineAgent } from '../../src/index.ts';
import { AgentTurn } from '../../src/restate/agent/agent-turn.ts';
import { manifestOf } from '../../src/runtime/definition/manifest.ts';
import { specToKeep } from '../../src/runtime/fleet/spec-reading.ts';
import { lifeTours, START_AT } from '../models/life/life-tours.ts';
import { profiles } from '../models/life/profiles.ts';
import { isPlayable, ObjectWorld } from './object-world.ts';

const LIMIT_MS = 300_000;

/** What the fleet's own services tell, and the object does not. */
function isOfAgent(event: object): boolean {
  const { alert, type } = event as { alert?: string; type: string };
  return alert !== 'restart_storm' && !type.startsWith('coordination.');
}

/** A node numbers its checks anew for every body. */
function withoutNumber(request: object): object {
  const { checkId: _, ...rest } = request as { checkId?: number };
  return rest;
}

/** A node does not tell that a check said the same as the last: when that was, a record does not know. */
function withoutChecks(answers: ReadonlyMap<number, object>): ReadonlyMap<number, object> {
  return new Map(
    [...answers].map(([command, answer]) => {
      const { value } = answer as {
        readonly value?: { readonly health?: { status: string; misses: number } };
      };
      if (value?.health === undefined) return [command, answer];
      const { status, misses } = value.health;
      return [command, { value: { ...value, health: { status, misses } } }];
    }),
  );
}

function lookedUp(life: Life) {
  const view = viewOf(life);
  return {
    now: life.now,
    view: view && { ...view, health: { status: view.health.status, misses: view.health.misses } },
    legal: legalOf(life).toSorted(),
    deadlines: [...life.deadlines.values()].toSorted((a, b) => a - b),
    liveBodies: bodyOf(life) ? 1 : 0,
    alerts: life.alert === undefined ? [] : [life.alert],
    savedState: life.savedState === undefined ? undefined : (JSON.parse(life.savedState) as unknown),
  };
}

async function judge(
  profile: Profile,
  moves: readonly Move[],
  seenPlaces: Set<string>,
  isUpgraded = false,
): Promise<number> {
  const world = new ObjectWorld(profile, START_AT, isUpgraded);
  let life = firstLife(START_AT);
  const trail: string[] = [];
  let made = 0;
  for (const move of moves) {
    if (!isPossible(life, move)) continue;
    const { life: after, outcome } = play(profile, life, move);
    trail.push(`${life.place}: ${move}`);
    const seen = await world.play(move);
    const events = outcome.events.filter(isOfAgent);
    const { incarnation, savedState, reason } = after;
    const expected = {
      events,
      times: events.map(() => after.now),
      requests: outcome.requests.map(withoutNumber),
      answers: withoutChecks(outcome.answers),
      opened:
        incarnation > life.incarnation ? [{ incarnation, restored: savedState, previousStop: reason }] : [],
      ...lookedUp(after),
    };
    const actual = {
      ...seen,
      requests: seen.requests.map(withoutNumber),
      answers: withoutChecks(seen.answers),
      now: world.now(),
      view: world.view(),
      legal: world.legal(),
      deadlines: world.deadlines(),
      liveBodies: world.liveBodies(),
      alerts: world.alerts(),
      savedState: world.savedState(),
    };
    assertSeen(actual, expected, profile.name, trail);
    life = after;
    made += 1;
    seenPlaces.add(life.place);
  }
  return made;
}

/** Nodes give out permits, and an agent keeps its own for as long as its start takes. */
const playable = profiles.map((profile) => ({
  ...profile,
  moves: profile.moves.filter(isPlayable),
  permitPeriodMs: Infinity,
}));

const visited = new Set<string>();

describe('an agent as a virtual object does in every state what its life says, and nothing else', () => {
  test.each(playable)(
    '$name',
    async (profile) => {
      let made = 0;
      for (const moves of lifeTours(profile).tours) made += await judge(profile, moves, visited);
      expect(made).toBeGreaterThan(20);
    },
    LIMIT_MS,
  );

  test('and every place of a life was visited', () => {
    expect([...visited].toSorted()).toEqual([...Object.keys(places), 'forgotten'].toSorted());
  });
});

/** In these it does all that an agent does while it serves. */
const SERVING = [
  'at work on two tasks at once',
  'checked for its health',
  'ended after its time',
  'paused at work',
];

describe('and so does one that gets another chart before each move while it serves', () => {
  test.each(playable.filter(({ name }) => SERVING.includes(name)))(
    '$name',
    async (profile) => {
      for (const moves of lifeTours(profile).tours) await judge(profile, moves, new Set(), true);
    },
    LIMIT_MS,
  );
});

test('a changed spec is told with what has changed and by whom, and is that of the agent from then on', () => {
  const definition = defineAgent({ type: 'worker', init: () => ({}), tasks: {} });
  const manifest = manifestOf(definition);
  const specWith = (intervalMs: number) =>
    specToKeep(agentSpec.parse({ module: definition, health: { intervalMs } }), 'ann', 'worker');
  const moment = { now: START_AT, chance: 0.5 };
  const turn = AgentTurn.registering({ id: 'ann', spec: specWith(1_000), manifest }, moment);
  const changes = [{ field: 'health.intervalMs', from: 1_000, to: 2_000 }];
  turn.follow(specWith(2_000), manifest, changes, 'bob');
  turn.follow(specWith(2_000), manifest, [], undefined);
  const told = {
    type: 'agent.updated',
    at: START_AT,
    agentId: 'ann',
    incarnation: 0,
    agentType: 'worker',
    spec: specWith(2_000),
    manifest,
    changes,
    // In the log of a fleet nothing is found by the sequence of a registration.
    registered: 0,
  };
  expect(turn.events.slice(1)).toEqual([
    { ...told, by: 'bob' },
    { ...told, changes: [] },
  ]);
  expect(turn.state).toMatchObject({ spec: specWith(2_000), revision: 2 });
});
