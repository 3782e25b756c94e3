/** Every move in every state of a small fleet's restarts, through the real system, judged by a model of its own. */
import { describe, expect, it, test } from 'vitest';
import { type AnyAgentDefinition, defineAgent } from '../../src/index.ts';
import { supervisorMachine } from '../../src/machines/index.ts';
import { plain } from '../fleet/plain.ts';
import { drivenBy, drivers } from '../kit/drivers.ts';
import { awaited, type Rig, rig } from '../kit/rig.ts';
import { chartCoverage } from '../models/life/chart-coverage.ts';
import { fleetTours, judgeFleet, smallFleets } from '../models/permits/tour.ts';

const coverage = chartCoverage(supervisorMachine);

describe('permits to restart go out in the order of asking, to kinds in turns, and never too many', () => {
  describe.each(drivers)('driven by %s', (driver) => {
    test.each(smallFleets)('$agents with $permits', async (fleet) => {
      const { tours, states } = fleetTours(fleet);
      expect(states).toBeGreaterThan(2 ** fleet.agents.length);
      for (const moves of tours) await judgeFleet(fleet, moves, drivenBy(driver));
    });
  });

  test('every transition of the supervisor is taken, and every guard answers both yes and no', async () => {
    for (const fleet of smallFleets) {
      for (const moves of fleetTours(fleet).tours) await judgeFleet(fleet, moves, coverage.inspect);
    }
    expect(coverage.total).toBeGreaterThan(8);
    expect(coverage.untaken()).toEqual([]);
  });
});

const crashAll = async ({ agents, clock }: Rig) => {
  for (const { id } of agents.list()) void awaited(agents.kill(id));
  await clock.advance(0);
};

describe('starts that hang', () => {
  const LIMIT = 32;
  const HEALTHY = 20;
  const restart = { policy: 'immediate', delayMs: 0 } as const;

  /** A fleet of which all crash at once, and some never get ready again. */
  async function withHanging(register: (agents: Rig, hanging: AnyAgentDefinition) => Promise<unknown>) {
    let hasCrashed = false;
    const hanging = defineAgent({
      type: 'hanging',
      init: () => (hasCrashed ? new Promise<never>(() => {}) : {}),
      tasks: {},
    });
    const made = await rig({ limits: { maxConcurrentRestarts: LIMIT } });
    await register(made, hanging);
    hasCrashed = true;
    return made;
  }

  it.each([LIMIT, 3 * LIMIT])(
    'of %i agents hold back no other type, whatever their startTimeoutMs',
    async (count) => {
      const made = await withHanging(async ({ agents }, hanging) => {
        for (let n = 0; n < count; n++) {
          const id = await agents.register({ module: hanging, restart, startTimeoutMs: Infinity });
          await agents.start(id);
        }
        for (let n = 0; n < HEALTHY; n++)
          await agents.start(await agents.register({ module: plain, restart }));
      });
      await crashAll(made);
      const { agents, system } = made;
      expect(agents.list({ type: 'hanging', status: 'starting' })).toHaveLength(LIMIT);
      expect(agents.list({ type: 'plain', status: 'running' })).toHaveLength(HEALTHY);
      // Its own kind waits, and the alert says so.
      expect(system.alerts.list().map(({ alert }) => alert)).toEqual(count > LIMIT ? ['restart_storm'] : []);
    },
  );

  it('of one pool hold back no other pool of the same type', async () => {
    const made = await withHanging(async ({ system }, hanging) => {
      const spec = { module: hanging, restart, startTimeoutMs: Infinity } as const;
      await system.pools.create({ name: 'stuck', min: LIMIT, max: LIMIT, spec });
      await system.pools.create({ name: 'well', min: 3, max: 3, spec: { ...spec, module: plain } });
    });
    await crashAll(made);
    const { agents } = made;
    expect(agents.list({ type: 'hanging', status: 'starting' })).toHaveLength(LIMIT);
    expect(agents.list({ type: 'plain', status: 'running' })).toHaveLength(3);
  });

  it('are no more at once than the limit, and one of each other kind', async () => {
    const made = await withHanging(async ({ agents }, hanging) => {
      const others = ['b', 'c', 'd'].map((type) => ({ ...hanging, type }));
      for (const module of [hanging, ...others.map((other) => defineAgent(other as never))]) {
        for (let n = 0; n < LIMIT; n++) {
          await agents.start(await agents.register({ module, restart, startTimeoutMs: Infinity }));
        }
      }
    });
    await crashAll(made);
    expect(made.agents.list({ status: 'starting' })).toHaveLength(LIMIT + 3);
  });
});
