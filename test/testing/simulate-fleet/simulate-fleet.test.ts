/** Laws of `simulateFleet` as users have it: what it finds, how it says so, and what it refuses. */
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { AgentSystemError, defineAgent, variable } from '../../../src/index.ts';
import {
  type Deed,
  FleetFinding,
  type FleetRun,
  type FleetSeen,
  replayFleet,
  simulateFleet,
  type SimulateFleetOptions,
} from '../../../src/testing/index.ts';

/** Loses what it was given between two saves: it begins anew after every end. */
const forgetful = defineAgent({
  type: 'forgetful',
  init: () => ({ total: 0 }),
  tasks: {
    add: { input: z.number().int().min(1).max(9), run: ({ input, state }) => (state.total += input) },
  },
});

/** What an agent answers only grows. */
function totalsOnlyGrow({ answers, memory }: FleetSeen): boolean {
  return answers.every(({ to, output }) => {
    const last = memory[to as string] ?? 0;
    memory[to as string] = output;
    return (output as number) > last;
  });
}

const counting = { agents: [{ module: forgetful, count: 2 }], invariants: { totalsOnlyGrow } };

/** The first seed that finds something. */
async function firstFinding(
  options: Partial<SimulateFleetOptions> = {},
): Promise<FleetRun & { finding: FleetFinding }> {
  for (let seed = 1; seed <= 20; seed++) {
    const run = await simulateFleet({ ...counting, ...options, seed });
    if (run.finding) return { ...run, finding: run.finding };
  }
  throw new Error('20 seeds have found nothing');
}

function staysBelow({ answers }: FleetSeen): boolean {
  return answers.every(({ output }) => Number(output) < 20);
}

describe('a fleet whose seed has other events in a second run', () => {
  /** It counts in a variable of its module, which outlives every simulation. */
  let total = 0;
  const outside = defineAgent({
    type: 'outside',
    init: () => ({}),
    tasks: { add: { run: () => (total += 1) } },
  });
  const options = { agents: [{ module: outside }], invariants: { staysBelow }, faults: [] };

  test('is told of it, and its script is not shortened by runs that say nothing', async () => {
    total = 0;
    const { finding, deeds } = await simulateFleet(options);
    expect(finding?.message).toContain('A second run of this seed has other events.');
    expect(finding?.script).toHaveLength(deeds);
    // One that comes again is told of as before.
    expect((await firstFinding()).finding.message).not.toContain('second run');
  });
});

describe('a fault of a user, that a restart shows', () => {
  test('is found, by a short script and a test to paste', async () => {
    const { finding, seed, events, deeds } = await firstFinding({ faults: ['crash'] });
    expect(finding).toBeInstanceOf(FleetFinding);
    expect(finding).toMatchObject({ law: 'invariant totalsOnlyGrow', problem: 'does not hold', seed });
    // Register, start, a task, an end, a start, a task; and time, or turns, between them.
    expect(finding.script.length).toBeLessThanOrEqual(12);
    expect([events, deeds].every((count) => count > 10)).toBe(true);
    const words = finding.message.split('\n');
    expect(words[0]).toBe('the fleet breaks the law "invariant totalsOnlyGrow": does not hold');
    expect(words[1]).toMatch(/^after \d+ deeds, shrunk from \d+, seed \d+:$/);
    expect(finding.message).toContain('execute add(');
    expect(finding.test).toContain(`it("fleet: invariant totalsOnlyGrow", () =>`);
  });

  test('breaks its script again, and the script that comes of its test', async () => {
    const { finding, seed } = await firstFinding();
    const again = await replayFleet({ ...counting, seed }, finding.script).catch((thrown: unknown) => thrown);
    expect(again).toBeInstanceOf(FleetFinding);
    expect((again as FleetFinding).script).toEqual(finding.script);
    const [, pasted] = /replayFleet\(\{ \.\.\.fleet, seed: \d+ \}, (\[[\s\S]*\])\)\);/.exec(finding.test)!;
    // oxlint-disable-next-line no-implied-eval, no-new-func, typescript/no-implied-eval -- it is code to be pasted
    const script = new Function(`return ${pasted}`)() as Deed[];
    expect(script).toEqual(finding.script);
  });

  test('breaks its script again without the faults and hours that it was found with, whatever its seed', async () => {
    let found = 0;
    for (let seed = 1; seed <= 12; seed++) {
      const { finding } = await simulateFleet({ ...counting, seed, hours: 0.5, faults: ['crash', 'slow'] });
      if (!finding) continue;
      found += 1;
      const again = await replayFleet({ ...counting, seed }, finding.script).catch(
        (thrown: unknown) => thrown,
      );
      expect((again as FleetFinding).law, `seed ${seed}`).toBe(finding.law);
    }
    expect(found).toBeGreaterThan(5);
  });

  test('and its shortest script is not broken by less', async () => {
    const { finding, seed } = await firstFinding();
    const { script } = finding;
    for (let at = 0; at < script.length; at++) {
      const shorter = script.toSpliced(at, 1);
      const ran = await replayFleet({ ...counting, seed }, shorter).catch((thrown: unknown) => thrown);
      expect(ran instanceof FleetFinding ? ran.law : undefined, String(at)).not.toBe(finding.law);
    }
  });

  test('is not found where nothing ends', async () => {
    const start = [
      { do: 'register', agent: 'forgetful-1' },
      { do: 'start', agent: 'forgetful-1' },
    ] as const;
    const add = { do: 'execute', to: 'forgetful-1', task: 'add', input: 1 } as const;
    const run = await replayFleet(counting, [
      ...start,
      { do: 'settle' },
      add,
      add,
      { do: 'wait', ms: 10_000 },
      add,
    ]);
    expect(run).toMatchObject({ finding: undefined, programs: 1, deeds: 7 });
    expect(run.eventCounts['task.completed']).toBe(3);
  });
});

test('a run is the same each time, whatever was run before, and its hash says so', async () => {
  const steady = defineAgent({
    type: 'steady',
    variables: ['pace'],
    init: ({ restored }): { n: number } => (restored as { n: number } | undefined) ?? { n: 0 },
    vote: () => 'accept',
    tasks: { count: { run: ({ state }) => (state.n += 1) } },
  });
  const options = {
    agents: [
      { module: steady, count: 2 },
      { module: steady, pool: { name: 'hands', min: 1, max: 2 } },
    ],
    variables: { pace: variable.integer({ min: 1, max: 9, default: 1 }) },
  };
  const first = await simulateFleet({ ...options, seed: 5, hours: 2 });
  await simulateFleet({ ...options, seed: 6, hours: 2 });
  expect(await simulateFleet({ ...options, seed: 5, hours: 2 })).toEqual(first);
  expect(first.finding).toBeUndefined();
  expect(first.simulatedMs).toBeGreaterThan(2 * 3_600_000);
  expect(first.hash).toMatch(/^[0-9a-f]{64}$/);
});

test('only the faults that are allowed come about', async () => {
  const steady = defineAgent({ type: 'steady', init: () => ({}), tasks: { work: { run: () => 1 } } });
  for (let seed = 1; seed <= 10; seed++) {
    const { faults, programs } = await simulateFleet({
      agents: [{ module: steady }],
      faults: ['crash', 'hang'],
      seed,
    });
    expect(Object.keys(faults).filter((fault) => fault !== 'crash' && fault !== 'hang')).toEqual([]);
    expect(programs).toBeLessThan(100);
  }
  const quiet = await simulateFleet({ agents: [{ module: steady }], faults: [], seed: 1 });
  expect(quiet.faults).toEqual({});
});

test.each([
  [{}, 'agents'],
  [{ agents: [] }, 'agents'],
  [{ agents: [{ module: {} }] }, 'agents.0.module'],
  [{ agents: [{ module: forgetful }], faults: ['flood'] }, 'faults.0'],
  [{ agents: [{ module: forgetful }], hours: 0 }, 'hours'],
  [{ agents: [{ module: forgetful }], hour: 1 }, 'hour'],
])('options that are none are refused by name: %o', async (options, field) => {
  for (const run of [simulateFleet(options as never), replayFleet(options as never, [])]) {
    const thrown: unknown = await run.catch((error: unknown) => error);
    expect(thrown).toBeInstanceOf(AgentSystemError);
    expect(thrown).toMatchObject({ code: 'AGENT_SPEC_INVALID', message: expect.stringContaining(field) });
  }
});
