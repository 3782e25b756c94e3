/** Laws of what seeds make of a fleet: the same for the same seed, and of every kind. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Deed } from '../../../src/testing/index.ts';
import { fleetFaults } from '../../../src/testing/simulate-fleet/deeds.ts';
import { type FleetOutline, planFleet } from '../../../src/testing/simulate-fleet/fleet-plan.ts';

const tasks = new Map([['add', [1, 2]]]);
const outline: FleetOutline = {
  agents: [
    { id: 'ann', tasks },
    { id: 'bob', tasks },
  ],
  pools: [{ name: 'crew', min: 1, max: 3, tasks }],
  variables: new Map([['rate', [1, 2, 3]]]),
  budgets: ['daily'],
  faults: fleetFaults,
  hours: 0.2,
};
const SEEDS = 60;
const plans = Array.from({ length: SEEDS }, (_, at) => planFleet(at + 1, outline));
const deeds = plans.flatMap(({ script }) => script);
const isTask = (deed: Deed) => 'do' in deed && (deed.do === 'execute' || deed.do === 'submit');

/** Changes with every change of what seeds make: seeds that were noted, and tests that were pasted, then play another fleet. */
const PLANS = '27f6755ab8a05100';

describe('plans of fleets', () => {
  it('of a seed are the same on every machine and in every release, for reports and pasted tests name the seed', () => {
    const outlines: readonly FleetOutline[] = [
      outline,
      { ...outline, pools: [], budgets: [] },
      { ...outline, variables: new Map(), agents: [{ id: 'ann', tasks: new Map([['read', [undefined]]]) }] },
      { ...outline, agents: [], faults: ['crash', 'limited'] },
      { ...outline, agents: [{ id: 'idle', tasks: new Map() }], faults: [] },
    ];
    const hash = createHash('sha256');
    for (const one of outlines) {
      for (let seed = 1; seed <= SEEDS; seed++) {
        const { specs, ...plan } = planFleet(seed, one);
        hash.update(JSON.stringify([plan, [...specs]]));
      }
    }
    expect(hash.digest('hex').slice(0, 16)).toBe(PLANS);
  });

  it('are the same for the same seed, and others for others', () => {
    expect(planFleet(7, outline)).toEqual(plans[6]);
    expect(new Set(plans.map(({ script }) => JSON.stringify(script))).size).toBe(SEEDS);
  });

  it('have no fault that is not allowed, and nothing else is another then', () => {
    const bare = planFleet(7, { ...outline, faults: [] });
    expect(bare.faults).toEqual([]);
    expect([...bare.specs]).toEqual([...plans[6]!.specs]);
    expect(bare.workMs).toEqual(plans[6]!.workMs);
    expect(bare.script.filter((deed) => 'fault' in deed)).toEqual([]);
  });

  it('have every fault in some, and none in all', () => {
    for (const fault of fleetFaults) {
      const having = plans.filter(({ faults }) => faults.includes(fault)).length;
      expect(having, fault).toBeGreaterThan(SEEDS / 5);
      expect(having, fault).toBeLessThan((SEEDS * 4) / 5);
    }
  });

  it('give an urgency to some tasks and to nothing else, and a delay to submitted ones alone', () => {
    const ordered = deeds.filter((deed) => 'priority' in deed);
    expect(ordered.filter((deed) => !isTask(deed))).toEqual([]);
    expect(new Set(ordered.map((deed) => (deed as { priority: number }).priority))).toEqual(
      new Set([-1, 0, 5]),
    );
    const delayed = ordered.filter((deed) => 'delayMs' in deed);
    expect(new Set(delayed.map((deed) => 'do' in deed && deed.do))).toEqual(new Set(['submit']));
    expect(new Set(delayed.map((deed) => (deed as { delayMs: number }).delayMs))).toEqual(
      new Set([50, 2_000, 60_000]),
    );
    // Those that a seed orders least: it has tasks, and hardly one has an urgency.
    const shares = plans.map(({ script }) => {
      const asked = script.filter(isTask);
      return asked.filter((deed) => 'priority' in deed).length / asked.length;
    });
    expect(shares.filter((share) => share === 0).length).toBeGreaterThan(SEEDS / 6);
    expect(shares.filter((share) => share > 0.2 && share < 0.9).length).toBeGreaterThan(SEEDS / 6);
  });

  it('register and start every agent, and open every pool, before anything else', () => {
    for (const { script } of plans) {
      expect(script.slice(0, 6)).toEqual([
        { do: 'open pool', pool: 'crew' },
        { do: 'register', agent: 'ann' },
        { do: 'start', agent: 'ann' },
        { do: 'register', agent: 'bob' },
        { do: 'start', agent: 'bob' },
        { do: 'settle' },
      ]);
    }
  });

  it('set sizes within the bounds of the pool, both included', () => {
    const sizes = deeds.flatMap((deed) => ('do' in deed && deed.do === 'resize' ? [deed.size] : []));
    expect(new Set(sizes)).toEqual(new Set([1, 2, 3]));
  });
});
