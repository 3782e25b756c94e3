/** Every move in every state of a small fleet's restarts, through the real system, judged by a model of its own. */
import { describe, expect, it, test } from 'vitest';
import { type AnyAgentDefinition, defineAgent } from '../../src/index.ts';
import { supervisorMachine } from '../../src/machines/index.ts';
import { type PermitTaker, RestartPermits } from '../../src/runtime/limits/restart-permits.ts';
import { simulatedClock } from '../../src/testing/index.ts';
import { plain } from '../fleet/plain.ts';
import { drivenBy, drivers } from '../kit/drivers.ts';
import { awaited, type Rig, rig } from '../kit/rig.ts';
import { chartCoverage } from '../models/life/chart-coverage.ts';
import { PERIOD_MS } from '../models/permits/model.ts';
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

/** Of this type, those whose `initArgs` say so never get ready again. */
function mixed(): AnyAgentDefinition {
  const lives = new Map<string, number>();
  return defineAgent({
    type: 'mixed',
    init: ({ agentId, initArgs }) => {
      lives.set(agentId, (lives.get(agentId) ?? 0) + 1);
      return initArgs === 'hangs' && lives.get(agentId)! > 1 ? new Promise<never>(() => {}) : {};
    },
    tasks: {},
  });
}

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

  it('hold back no other agent of their own type for ever: who has had a permit for a whole period has none', async () => {
    const module = mixed();
    const made = await rig({ limits: { maxConcurrentRestarts: LIMIT } });
    const { agents, clock, system } = made;
    const register = async (count: number, initArgs: string) => {
      for (let n = 0; n < count; n++)
        await agents.start(await agents.register({ module, initArgs, restart, startTimeoutMs: Infinity }));
    };
    await register(2 * LIMIT, 'hangs');
    await register(HEALTHY, 'is well');
    await crashAll(made);
    const counted = (status: 'starting' | 'running') => agents.list({ status }).length;
    expect([counted('starting'), counted('running')]).toEqual([LIMIT, 0]);
    await clock.advance(PERIOD_MS - 1);
    expect([counted('starting'), counted('running')]).toEqual([LIMIT, 0]);
    await clock.advance(1);
    expect([counted('starting'), counted('running')]).toEqual([2 * LIMIT, 0]);
    expect(system.alerts.list().map(({ alert }) => alert)).toEqual(['restart_storm']);
    await clock.advance(2 * PERIOD_MS);
    expect([counted('starting'), counted('running')]).toEqual([2 * LIMIT, HEALTHY]);
    expect(system.alerts.list()).toEqual([]);
  });

  it('of several types lose their permits together, and each that waits gets one', async () => {
    const module = mixed();
    const made = await rig({ limits: { maxConcurrentRestarts: 3 } });
    const { agents, clock, system } = made;
    const types = ['a', 'a', 'b', 'a', 'b', 'b'];
    for (const type of types) {
      const definition = defineAgent({ ...module, type } as never);
      const spec = { module: definition, initArgs: 'hangs', restart, startTimeoutMs: Infinity } as const;
      await agents.start(await agents.register(spec));
    }
    await crashAll(made);
    expect(agents.list({ status: 'starting' }).map(({ type }) => type)).toEqual(['a', 'a', 'b']);
    await clock.advance(PERIOD_MS);
    expect(agents.list({ status: 'starting' })).toHaveLength(types.length);
    expect(system.alerts.list()).toEqual([]);
  });

  it('that end after all give nothing back: no more than the limit restart at once', async () => {
    const module = mixed();
    const made = await rig({ limits: { maxConcurrentRestarts: 1 } });
    const { agents, clock } = made;
    for (const id of ['first', 'second', 'third']) {
      await agents.start(
        await agents.register({ id, module, initArgs: 'hangs', restart, startTimeoutMs: Infinity }),
      );
    }
    await crashAll(made);
    await clock.advance(PERIOD_MS);
    const states = () => ['first', 'second', 'third'].map((id) => agents.get(id).state);
    const starting = 'alive.starting.initializing';
    expect(states()).toEqual([starting, starting, 'crashed.queued']);
    await agents.stop('first', { timeoutMs: 0 });
    expect(states()).toEqual(['stopped', starting, 'crashed.queued']);
    await agents.stop('second', { timeoutMs: 0 });
    expect(states()).toEqual(['stopped', 'stopped', starting]);
  });
});

const fail = (error: unknown): void => {
  throw error;
};

/** Two permits, and agents that note when they are given one. */
function pair() {
  const granted: string[] = [];
  const alerts = { raise: () => {}, clear: () => {} } as never;
  const permits = new RestartPermits({
    maxConcurrentRestarts: 2,
    chart: { clock: simulatedClock(), onBug: fail },
    alerts,
  });
  const taker = (id: string, then = () => {}): PermitTaker => ({
    id,
    kind: 'one',
    permitPeriod: undefined,
    permitGranted: () => {
      granted.push(id);
      then();
    },
  });
  return { permits, granted, taker };
}

describe('an agent that no longer waits', () => {
  it('gets no permit, and costs nobody one, where that had not been decided yet', () => {
    const { permits, granted, taker } = pair();
    const [b, d, e] = [taker('b'), taker('d'), taker('e')];
    // Asked for and withdrawn while another is being given: the chart has not come to it.
    const a = taker('a', () => {
      const gone = taker('gone');
      permits.request(gone);
      permits.request(b);
      permits.withdraw(gone);
    });
    permits.request(a);
    permits.request(d);
    expect(granted).toEqual(['a', 'b']);
    permits.release(a);
    permits.release(b);
    permits.request(e);
    expect(granted).toEqual(['a', 'b', 'd', 'e']);
    permits.close();
  });

  it('is passed over in the queue', () => {
    const { permits, granted, taker } = pair();
    const [a, b, c, d] = [taker('a'), taker('b'), taker('c'), taker('d')];
    for (const one of [a, b, c, d]) permits.request(one);
    permits.withdraw(c);
    permits.withdraw(c);
    expect(granted).toEqual(['a', 'b']);
    permits.release(a);
    permits.release(a);
    expect(granted).toEqual(['a', 'b', 'd']);
    permits.close();
  });
});
