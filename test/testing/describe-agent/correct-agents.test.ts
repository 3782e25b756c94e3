/** Agents without a fault pass, as a user's file would have it; and everything that is planned is really done. */
import { describe, expect, it } from 'vitest';
import * as fc from 'fast-check';
import { variable } from '../../../src/index.ts';
import { describeAgent } from '../../../src/testing/index.ts';
import { longRoutes, shortestRoutes } from '../../../src/testing/describe-agent/life-model.ts';
import type { LifeMove, Move } from '../../../src/testing/describe-agent/moves.ts';
import { run } from '../../../src/testing/describe-agent/run.ts';
import { Subject } from '../../../src/testing/describe-agent/subject.ts';
import counter from './counter.ts';
import order from './order.ts';

const rate = { rate: variable.float({ min: 0, max: 1, default: 0.5 }) };

describeAgent(counter, {
  describe,
  it,
  variables: rate,
  walks: 20,
  invariants: {
    neverNegative: ({ state }) => state.n >= 0,
    'answers what it holds': ({ state, last }) => last?.task !== 'read' || (last.output as number) <= state.n,
  },
});
describeAgent(order, {
  describe,
  it,
  walks: 20,
  invariants: { owesNothing: ({ state }) => state.context.paid >= 0 },
});
describeAgent(new URL('./counter.ts', import.meta.url), {
  describe,
  it,
  hosts: ['process'],
  variables: rate,
});

const concrete = (route: readonly LifeMove[]): Move[] =>
  route.map((move): Move => {
    if (move === 'task') return { move, task: 'add', input: 1 };
    if (move === 'begin before') return { move: 'begin', task: 'add', input: 2, held: 'before' };
    if (move === 'begin after') return { move: 'begin', task: 'add', input: 3, held: 'after' };
    return move === 'variable' || move === 'propose' ? { move, name: 'rate', value: 0.25 } : { move };
  });

describe('the paths over a life', () => {
  const moves = new Set<LifeMove>(
    'start stop kill crash wait lose reboot forget health release cancel expire variable propose'.split(
      ' ',
    ) as LifeMove[],
  );
  for (const move of ['task', 'begin before', 'begin after'] as const) moves.add(move);
  const stage = {
    subject: new Subject(fc, counter, undefined, { variables: rate }),
    isolation: 'in-process' as const,
    patienceMs: 20,
  };

  it('of the shortest none passes a move over', async () => {
    const routes = shortestRoutes(moves);
    expect(new Set(routes.map(({ edge }) => `${edge.from} ${edge.move}`)).size).toBe(routes.length);
    expect(routes.length).toBeGreaterThan(50);
    for (const { moves: route } of routes) {
      const { done, broken } = await run(stage, concrete(route));
      expect({ broken: broken?.message, done: done.map(({ move }) => move) }).toEqual({
        broken: undefined,
        done: concrete(route),
      });
    }
  });

  it('of the long ones none passes a move over, and together they are all moves at all places', async () => {
    const walks = longRoutes(moves, 25);
    expect(walks.length).toBeLessThan(15);
    for (const walk of walks) {
      expect(walk.length).toBeLessThanOrEqual(25);
      const { done, broken } = await run(stage, concrete(walk));
      expect({ broken: broken?.message, done: done.map(({ move }) => move) }).toEqual({
        broken: undefined,
        done: concrete(walk),
      });
    }
    const steps = walks.reduce((sum, walk) => sum + walk.length, 0);
    expect(steps).toBeGreaterThanOrEqual(shortestRoutes(moves).length);
  });
});
