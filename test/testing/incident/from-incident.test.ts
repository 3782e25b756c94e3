/** Laws of `fromIncident`: what a log tells comes about again, by less, and its test fails for as long as it does. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createAgentSystem, defineAgent, memoryStore, type Store } from '../../../src/index.ts';
import { sqliteStore } from '../../../src/sqlite.ts';
import {
  fromIncident,
  IncidentHappened,
  replayIncident,
  seededRandom,
  simulatedClock,
} from '../../../src/testing/index.ts';
import { temporaryDirectory } from '../../journal/stores/temporary-directory.ts';
import { mortalStore } from '../../kit/mortal-store.ts';
import { codeOf, silent } from '../../kit/rig.ts';

const RESTART = { policy: 'delayed', delayMs: 1_000, maxRestarts: 2, withinMs: 600_000 } as const;

/** A day at work of an agent that is not well: what its store has of it. */
async function lived(
  store: Store,
  ends: (live: Awaited<ReturnType<typeof living>>) => Promise<void>,
): Promise<void> {
  const live = await living(store);
  await ends(live);
  const closing = live.system.close({ timeoutMs: 0 });
  await live.clock.advance(60_000);
  await closing;
}

async function living(store: Store) {
  const clock = simulatedClock();
  let isSilent = false;
  const clerk = defineAgent({
    type: 'clerk',
    onTaskError: 'crash',
    init: () => ({ n: 0 }),
    health: () => (isSilent ? new Promise<void>(() => {}) : 'well'),
    tasks: {
      count: { run: ({ state }) => (state.n += 1) },
      fail: {
        run: () => {
          throw new Error('no luck');
        },
      },
    },
  });
  const system = await createAgentSystem({ store, clock, random: seededRandom(3), logger: silent });
  const health = { intervalMs: 10_000, timeoutMs: 1_000, failuresBeforeKill: 2 };
  await system.agents.register({ id: 'other', module: clerk });
  await system.agents.register({ id: 'ada', module: clerk, restart: RESTART, health });
  await system.agents.start('ada');
  for (let n = 0; n < 5; n++) {
    await system.agents.execute('ada', { type: 'count' });
    await clock.advance(500);
  }
  const silence = () => {
    isSilent = true;
  };
  const fail = async (times: number) => {
    for (let n = 0; n < times; n++) {
      await system.agents.execute('ada', { type: 'fail' }).catch(() => undefined);
      await clock.advance(5_000);
    }
  };
  return { system, clock, clerk, silence, fail };
}

describe('an agent that gave up', () => {
  test('gives up again by a script, which is shorter than its life', async () => {
    const store = memoryStore();
    await lived(store, ({ fail }) => fail(3));
    const incident = await fromIncident(store, { agentId: 'ada' });
    expect(incident.outcome.type).toBe('agent.gave_up');
    expect(incident.steps).toBeGreaterThan(15);
    // A start, and three ends; between them it is ready.
    expect(incident.script.length).toBeLessThanOrEqual(7);
    expect(incident.script.filter((step) => step.do === 'exit')).toHaveLength(3);
    const { agent, outcome, script } = incident;
    await expect(replayIncident(agent, outcome, script)).rejects.toBeInstanceOf(IncidentHappened);
    // With a policy that allows more it does not, and its test passes.
    const mended = { ...agent, spec: { ...agent.spec, restart: { ...RESTART, maxRestarts: 5 } } };
    await expect(replayIncident(mended, outcome, script)).resolves.toBeUndefined();
    for (let at = 0; at < script.length; at++) {
      await expect(replayIncident(agent, outcome, script.toSpliced(at, 1))).resolves.toBeUndefined();
    }
  });

  test('is told in words, with a test to paste', async () => {
    const store = memoryStore();
    await lived(store, ({ fail }) => fail(3));
    const incident = await fromIncident(store, { agentId: 'ada' });
    expect(String(incident)).toMatch(
      /^agent ada: agent\.gave_up .*, event \d+, by \d of \d+ steps:\n +0 ms  start\n/,
    );
    expect(incident.test).toContain('replayIncident(');
    const [, ...given] = /replayIncident\(\n\s+(.*),\n\s+(.*),\n\s+(\[[\s\S]*\]),\n\s+\)/.exec(
      incident.test,
    )!;
    // oxlint-disable-next-line no-implied-eval, no-new-func, typescript/no-implied-eval -- it is code to be pasted
    const pasted = given.map((text) => new Function(`return ${text}`)() as unknown);
    expect(pasted).toEqual(JSON.parse(JSON.stringify([incident.agent, incident.outcome, incident.script])));
  });
});

test('an agent that missed its health checks and was killed does so again', async () => {
  const store = memoryStore();
  await lived(store, async ({ silence, clock }) => {
    silence();
    await clock.advance(40_000);
  });
  const incident = await fromIncident(store, { agentId: 'ada' });
  expect(incident.outcome).toEqual({ type: 'agent.crashed', reason: 'unresponsive' });
  expect(incident.script.map((step) => step.do)).toEqual(['start', 'ready', 'falls silent']);
});

test('any event may be the one: `until` says which', async () => {
  const store = memoryStore();
  await lived(store, ({ fail }) => fail(3));
  const crashes = (await eventsOf(store)).filter(({ type }) => type === 'agent.crashed');
  const incident = await fromIncident(store, { agentId: 'ada', until: crashes[0]!.sequence });
  expect(incident).toMatchObject({ sequence: crashes[0]!.sequence, outcome: { type: 'agent.crashed' } });
  expect(incident.script.filter((step) => step.do === 'exit')).toHaveLength(1);
});

async function eventsOf(store: Store) {
  return [...(await store.read({ agentId: 'ada', limit: 1_000 }))];
}

test('a file of a store is read, and is as it was', async () => {
  const file = join(temporaryDirectory(), 'fleet.db');
  await lived(sqliteStore(file), ({ fail }) => fail(3));
  const [one, two] = [
    await fromIncident(file, { agentId: 'ada' }),
    await fromIncident(file, { agentId: 'ada' }),
  ];
  expect(one.outcome.type).toBe('agent.gave_up');
  expect(two.script).toEqual(one.script);
});

test('the loss of the whole program is passed over, and refused where it is asked for', async () => {
  const dying = mortalStore();
  const { clerk, fail, system } = await living(dying);
  await fail(1);
  expect(system.agents.get('ada').status).toBe('running');
  const kept = dying.die();
  await system.close({ timeoutMs: 0 });
  await using next = await createAgentSystem({ store: kept, agents: [clerk], logger: silent });
  await next.agents.stop('ada');
  const lost = (await eventsOf(kept)).findLast(
    (event) => event.type === 'agent.crashed' && event.reason === 'host_lost',
  );
  const incident = await fromIncident(kept, { agentId: 'ada' });
  expect(incident.outcome.type).toBe('agent.crashed');
  expect(incident.outcome.reason).not.toBe('host_lost');
  expect(incident.sequence).toBeLessThan(lost!.sequence);
  const refused = fromIncident(kept, { agentId: 'ada', until: lost!.sequence });
  await expect(refused).rejects.toThrow('tells of the loss of its program');
});

test('what cannot be is refused by name', async () => {
  const store = memoryStore();
  await lived(store, () => Promise.resolve());
  expect(await codeOf(fromIncident(store, { agentId: 'bob' }))).toBe('AGENT_NOT_FOUND');
  expect(await codeOf(fromIncident(store, { agentId: 'ada' }))).toBe('AGENT_SPEC_INVALID');
  expect(await codeOf(fromIncident(store, { agentId: 'ada', until: 999 }))).toBe('AGENT_SPEC_INVALID');
  expect(await codeOf(fromIncident(store, { agentId: 'ada', untill: 1 } as never))).toBe(
    'AGENT_SPEC_INVALID',
  );
  expect(await codeOf(fromIncident({} as never, { agentId: 'ada' }))).toBe('AGENT_SPEC_INVALID');
  const gone = join(temporaryDirectory(), 'gone.db');
  expect(await codeOf(fromIncident(gone, { agentId: 'ada' }))).toBe('STORE_FAILED');
});
