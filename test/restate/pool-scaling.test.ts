/** Laws of the autoscaler of a pool of a fleet, between whose steps its state is data. */
import { describe, expect, it } from 'vitest';
import { scalingPolicy } from '../../src/machines/index.ts';
import { type KeptScaling, PoolScaling } from '../../src/restate/pools/pool-scaling.ts';

const policy = scalingPolicy.parse({
  intervalMs: 1_000,
  up: { cooldownMs: 5_000 },
  down: { cooldownMs: 9_000 },
});
const bounds = { min: 1, max: 4 };

/** The pool and its time: each step is that of another object over the same kept state. */
function rig() {
  const told: unknown[][] = [];
  const world = { now: 10_000, order: 0, size: 2, waiting: 0 };
  let kept: KeptScaling = PoolScaling.kept(policy, undefined, world.now);
  const scaling = () =>
    new PoolScaling(kept, {
      name: 'crew',
      now: world.now,
      nextOrder: () => (world.order += 1),
      load: () => ({ size: world.size, waiting: world.waiting, isSettled: true }),
      measure: (look) => told.push(['measure', look]),
      scaleTo: (wanted, why) => told.push(['scale', wanted, why]),
      raise: (alert, message) => told.push(['raise', alert, message]),
      clear: (alert) => told.push(['clear', alert]),
    });
  return {
    world,
    scaling,
    /** What was told since it was asked last. */
    told: () => told.splice(0),
    /** The next deadline comes. */
    due: () => {
      const [deadline] = scaling().deadlines;
      world.now = deadline!.dueAt;
      scaling().take(deadline!);
    },
    look: () => kept.look,
    /** It is kept and read again: data. */
    keep: () => (kept = structuredClone(kept)),
  };
}

describe('the autoscaler of a pool of a fleet', () => {
  it('looks after each interval, one look at a time, and has a number for each', () => {
    const { scaling, told, due, look } = rig();
    scaling().begin(bounds);
    scaling().meter(1, 2);
    expect(scaling().record()).toEqual({ status: 'watching', policy });
    expect(scaling().deadlines.map(({ dueAt }) => dueAt)).toEqual([11_000]);
    due();
    expect(told()).toEqual([['measure', 1]]);
    expect(scaling().record().status).toBe('reading');
    scaling().measured({ look: 1, admissible: 2, strain: {} });
    expect(told()).toEqual([
      ['clear', 'scaling_signal_failed'],
      ['clear', 'scaling_blocked'],
    ]);
    due();
    expect(told()).toEqual([['measure', 2]]);
    expect(look()).toBe(2);
  });

  it('drops the answer to a look that is no longer open', () => {
    const { scaling, told, due } = rig();
    scaling().begin(bounds);
    due();
    due(); // nobody answered in time
    due();
    told();
    scaling().measured({ look: 1, admissible: 2, strain: {} });
    scaling().measured({ look: 1, why: 'late' });
    scaling().measured({ look: 3, why: 'early' });
    expect(told()).toEqual([]);
    expect(scaling().record().status).toBe('reading');
    scaling().measured({ look: 2, why: 'no node answered' });
    expect(told()).toEqual([
      [
        'raise',
        'scaling_signal_failed',
        'pool crew is not sized by its signal, which could not be read: no node answered',
      ],
    ]);
  });

  it('asks for no first member while no node says that there is room for it, and looks again', () => {
    const { scaling, told, due, world } = rig();
    scaling().begin({ ...bounds, min: 0 });
    Object.assign(world, { size: 0, waiting: 3 });
    due();
    scaling().measured({ look: 1, why: 'no node answered' });
    due();
    due(); // nobody answered in time
    due();
    expect(told().filter(([what]) => what !== 'raise')).toEqual([
      ['measure', 1],
      ['measure', 2],
      ['measure', 3],
    ]);
    scaling().measured({ look: 3, admissible: 2, strain: {} });
    expect(told().at(-1)).toEqual(['scale', 1, '0 % busy, 3 waiting']);
  });

  it('decides on its own load, on how busy it was since the last look, and on what the nodes say', () => {
    const { scaling, told, due, world, keep } = rig();
    scaling().begin(bounds);
    scaling().meter(4, 4);
    world.now = 10_500;
    scaling().meter(3, 4);
    keep();
    due();
    told();
    world.waiting = 5;
    scaling().measured({ look: 1, admissible: 3, strain: { memoryPressure: 0.01 } });
    const record = scaling().record();
    expect(record.metrics).toEqual({
      size: 2,
      waiting: 5,
      isSettled: true,
      busyShare: 0.875,
      admissible: 3,
      memoryPressure: 0.01,
    });
    expect(record).toMatchObject({ status: 'scaling', decidedAt: 11_000 });
    expect(told().at(-1)).toEqual(['scale', 3, record.decision!.why]);
    scaling().send({ type: 'pool.settled' });
    expect(scaling().record().status).toBe('cooling_down');
  });

  it('says which pool should grow and must not', () => {
    const { scaling, told, due, world } = rig();
    scaling().begin(bounds);
    due();
    told();
    world.waiting = 5;
    scaling().measured({ look: 1, admissible: 0, strain: {} });
    const { decision } = scaling().record();
    expect(told().at(-1)).toEqual([
      'raise',
      'scaling_blocked',
      `pool crew should grow, and must not: ${decision!.why}`,
    ]);
  });

  it.each([
    ['grows', 1, 2, 5, 15_000, 3],
    ['shrinks', 3, 2, 0, 19_000, 1],
  ])(
    '%s only when its cooldown since the size that a caller has set is over',
    (_, from, to, waiting, at, size) => {
      const { scaling, told, due, world } = rig();
      scaling().begin(bounds);
      scaling().sizeSet(from, to);
      expect(scaling().record().status).toBe('cooling_down');
      world.waiting = waiting;
      const scaled = () => told().find((one) => (one as string[])[0] === 'scale');
      for (let look = 1; scaling().record().status !== 'scaling'; look++) {
        expect(world.now).toBeLessThan(at);
        expect(scaled()).toBeUndefined();
        due();
        scaling().measured({ look, admissible: 2, strain: {} });
      }
      expect(world.now).toBe(at);
      expect(scaled()).toEqual(['scale', size, scaling().record().decision!.why]);
    },
  );

  it('looks at once when a task waits and no member is wanted, and never again once it is closed', () => {
    const { scaling, told } = rig();
    scaling().begin(bounds);
    scaling().send({ type: 'demand.rose' });
    expect(told()).toEqual([['measure', 1]]);
    scaling().send({ type: 'autoscaler.close' });
    expect(told()).toEqual([
      ['clear', 'scaling_blocked'],
      ['clear', 'scaling_signal_failed'],
    ]);
    expect(scaling().deadlines).toEqual([]);
    expect(scaling().record().status).toBe('closed');
  });
});
