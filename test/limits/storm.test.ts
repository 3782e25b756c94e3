/** What becomes of a fleet that crashes all at once: ordinary agents in this very program, on simulated time. */
import { pino } from 'pino';
import { afterEach, describe, expect, test } from 'vitest';
import { type AgentSystem, createAgentSystem, defineAgent, type SystemEvent } from '../../src/index.ts';
import { settled, type SimulatedClock, simulatedClock } from '../../src/testing/index.ts';

const AGENTS = 60;
const PERMITS = 4;

interface Storm {
  readonly system: AgentSystem;
  readonly clock: SimulatedClock;
  readonly ids: readonly string[];
  readonly events: SystemEvent[];
  /** Lets the oldest init that is under way return; false when there is none. */
  readonly finishOneStart: () => Promise<boolean>;
}

let open: AgentSystem | undefined;
afterEach(async () => {
  await open?.close({ timeoutMs: 0 });
  open = undefined;
});

/** A fleet of which all have crashed at the same moment, a restart being due for each. */
async function storm(): Promise<Storm> {
  const clock = simulatedClock();
  const initializing: (() => void)[] = [];
  let isSlow = false;
  const fragile = defineAgent({
    type: 'fragile',
    onTaskError: 'crash',
    init: async () => {
      if (isSlow) await new Promise<void>((resolve) => initializing.push(resolve));
      return {};
    },
    tasks: {
      crash: {
        run: () => {
          throw new Error('all at once');
        },
      },
    },
  });
  const system = await createAgentSystem({
    clock,
    logger: pino({ level: 'silent' }),
    limits: { maxConcurrentRestarts: PERMITS },
  });
  open = system;
  const ids: string[] = [];
  for (let index = 0; index < AGENTS; index++) {
    const id = await system.agents.register({
      module: fragile,
      restart: { policy: 'immediate', delayMs: 1_000 },
      health: { intervalMs: Infinity },
    });
    await system.agents.start(id);
    ids.push(id);
  }
  isSlow = true;
  const events: SystemEvent[] = [];
  system.events.subscribe((event) => events.push(event));
  await Promise.allSettled(ids.map((id) => system.agents.execute(id, { type: 'crash' })));
  expect(system.agents.list({ status: 'crashed' })).toHaveLength(AGENTS);
  const finishOneStart = async () => {
    const finish = initializing.shift();
    finish?.();
    await settled();
    return finish !== undefined;
  };
  return { system, clock, ids, events, finishOneStart };
}

function typed<Type extends SystemEvent['type']>(events: readonly SystemEvent[], type: Type) {
  return events.filter((event): event is Extract<SystemEvent, { type: Type }> => event.type === type);
}

describe('after a mass crash', () => {
  test('no more agents start at once than there are permits, until all run again', async () => {
    const { system, clock, finishOneStart } = await storm();
    await clock.advance(1_000);
    let starts = 0;
    for (;;) {
      const starting = system.agents.list({ status: 'starting' }).length;
      const running = system.agents.list({ status: 'running' }).length;
      expect(starting).toBe(Math.min(PERMITS, AGENTS - running));
      if (!(await finishOneStart())) break;
      starts += 1;
    }
    expect(starts).toBe(AGENTS);
    expect(system.agents.list({ status: 'running' })).toHaveLength(AGENTS);
  });

  test('agents restart in the order in which they crashed', async () => {
    const { clock, ids, events, finishOneStart } = await storm();
    await clock.advance(1_000);
    while (await finishOneStart());
    expect(typed(events, 'agent.starting').map(({ agentId }) => agentId)).toEqual(ids);
  });

  test('one alert is raised for the storm, and cleared when nobody waits any more', async () => {
    const { system, clock, events, finishOneStart } = await storm();
    await clock.advance(1_000);
    for (let left = AGENTS - PERMITS; left > 0; left--) {
      expect(system.alerts.list().map(({ alert }) => alert)).toEqual(['restart_storm']);
      await finishOneStart();
    }
    expect(system.alerts.list()).toEqual([]);
    expect(typed(events, 'alert.raised')).toHaveLength(1);
    expect(typed(events, 'alert.cleared')).toHaveLength(1);
  });

  test('an agent that is stopped while it waits for its turn is passed over', async () => {
    const { system, clock, ids, events, finishOneStart } = await storm();
    await clock.advance(1_000);
    const passedOver = ids[AGENTS - 1]!;
    expect((await system.agents.stop(passedOver)).status).toBe('stopped');
    while (await finishOneStart());
    expect(typed(events, 'agent.starting').map(({ agentId }) => agentId)).toEqual(ids.slice(0, -1));
    expect(system.agents.get(passedOver).status).toBe('stopped');
  });

  test('an agent that somebody starts takes no permit', async () => {
    const { system, clock, ids, finishOneStart } = await storm();
    await clock.advance(1_000);
    const started = system.agents.start(ids[AGENTS - 1]!);
    await settled();
    expect(system.agents.list({ status: 'starting' })).toHaveLength(PERMITS + 1);
    while (await finishOneStart());
    expect((await started).incarnation).toBe(2);
  });

  test('a close ends those that start and those that wait, and reports every one', async () => {
    const { system, clock, ids } = await storm();
    await clock.advance(1_000);
    const { stopped, abandoned } = await system.close();
    expect(stopped.toSorted()).toEqual(ids.toSorted());
    expect(abandoned).toEqual([]);
    expect(clock.pending()).toEqual([]);
  });
});
