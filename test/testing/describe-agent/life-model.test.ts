/** Laws of the ways over an agent's life: all of it is walked, by moves that are there, and nothing twice over. */
import { describe, expect, it } from 'vitest';
import {
  life,
  longRoutes,
  type Place,
  shortestRoutes,
} from '../../../src/testing/describe-agent/life-model.ts';
import type { LifeMove } from '../../../src/testing/describe-agent/moves.ts';

const all = [...new Set(Object.values(life).flatMap((moves) => Object.keys(moves)))] as LifeMove[];
const choices: readonly (readonly LifeMove[])[] = [
  all,
  ['start'],
  ['start', 'forget'],
  ['start', 'stop', 'forget'],
  ['start', 'kill', 'wait', 'task'],
  all.filter((move) => move !== 'reboot' && move !== 'lose'),
];

/** Where a walk leads, and over which moves at which places. */
function walked(moves: readonly LifeMove[]): { readonly edges: readonly string[]; readonly at: Place } {
  let at: Place = 'registered';
  const edges = moves.map((move) => {
    const to: Place | undefined = life[at][move];
    expect({ at, move, to }).toEqual({ at, move, to: expect.any(String) });
    const edge = `${at} ${move}`;
    at = to!;
    return edge;
  });
  return { edges, at };
}

/** Every move at every place that these moves lead to, and how many moves lead there. */
function reached(moves: readonly LifeMove[]): ReadonlyMap<string, number> {
  const away = new Map<Place, number>([['registered', 0]]);
  for (const [place, steps] of away) {
    for (const move of moves) {
      const to = life[place][move];
      if (to !== undefined && !away.has(to)) away.set(to, steps + 1);
    }
  }
  return new Map(
    [...away].flatMap(([place, steps]) =>
      moves.filter((move) => life[place][move] !== undefined).map((move) => [`${place} ${move}`, steps + 1]),
    ),
  );
}

describe.each(choices)('with the moves %s, %s, …', (...moves) => {
  const asked = new Set(moves);
  const lengths = reached(moves);

  it.each([1, 2, 5, 30])(
    'walks of at most %i moves take every one, and each takes one that is new',
    (most) => {
      const taken = new Set<string>();
      for (const walk of longRoutes(asked, most)) {
        const before = taken.size;
        for (const edge of walked(walk).edges) taken.add(edge);
        expect(taken.size).toBeGreaterThan(before);
        // One that is further away than that takes a walk of its own.
        const last = walked(walk).edges.at(-1)!;
        expect(walk.length).toBeLessThanOrEqual(Math.max(most, lengths.get(last)!));
      }
      expect([...taken].toSorted()).toEqual([...lengths.keys()].toSorted());
    },
  );

  it('there is one way to each move at each place, and none that is shorter', () => {
    const routes = shortestRoutes(asked);
    for (const { edge, moves: way } of routes) {
      expect(walked(way)).toMatchObject({ at: edge.to });
      expect(walked(way).edges.at(-1)).toBe(`${edge.from} ${edge.move}`);
      expect(way.length).toBe(lengths.get(`${edge.from} ${edge.move}`));
    }
    expect(routes).toHaveLength(lengths.size);
  });
});

it('no moves give no walks', () => {
  expect(longRoutes(new Set())).toEqual([]);
  expect(shortestRoutes(new Set())).toEqual([]);
});
