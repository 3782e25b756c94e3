/**
 * Simulates a whole fleet from one seed: `simulateFleet`, and `replayFleet` for a single script.
 *
 * The whole runtime is real. Time, hosts and the store are simulated, and fail as the seed says.
 */
import type * as FastCheck from 'fast-check';
import { z } from 'zod';
import type { BudgetSpecInput } from '../../machines/index.ts';
import type { VariableDefinition } from '../../runtime/coordination/variables/variable.ts';
import { type AnyAgentDefinition, isAgentDefinition } from '../../runtime/definition/define-agent.ts';
import type { AgentSpec } from '../../runtime/fleet/spec-reading.ts';
import { parseInput } from '../../runtime/values/malformed.ts';
import type { AnySchema } from '../../runtime/values/schema.ts';
import { valuesOf } from '../variable-values.ts';
import { shortest } from '../shortest.ts';
import { type Deed, type FleetFault, fleetFaults } from './deeds.ts';
import { type FleetOutline, planFleet, type TaskInputs } from './fleet-plan.ts';
import type { FleetLawBroken } from './laws.ts';
import { FleetFinding } from './report.ts';
import { type Simulated, simulate } from './simulation.ts';
import type { FleetInvariant, SimulationOptions } from './simulation-options.ts';

/** Agents of one definition. */
export interface SimulatedAgents {
  readonly module: AnyAgentDefinition;
  /** How many; default 1. Their ids are the type and a number: `writer-1`. */
  readonly count?: number;
  /** A pool of them instead, with its bounds. */
  readonly pool?: { readonly name: string; readonly min: number; readonly max: number };
  /** Parts of their spec that the seed does not draw: restart, health, coordination, times, … */
  readonly spec?: Omit<Partial<AgentSpec>, 'id' | 'module' | 'isolation'>;
  /** Inputs of their tasks. For a task that is not named they are generated from its schema, which needs fast-check. */
  readonly tasks?: Readonly<Record<string, { readonly examples: readonly unknown[] }>>;
}

export interface SimulatedFleet {
  /** Its agents: a definition, and how many. */
  readonly agents: readonly SimulatedAgents[];
  /** Its variables, by name. */
  readonly variables?: Readonly<Record<string, VariableDefinition>>;
  /** Budgets that its programs define. */
  readonly budgets?: readonly BudgetSpecInput[];
  /** Kinds of fault that a seed may draw; default all. */
  readonly faults?: readonly FleetFault[];
  /** What has to hold whenever nothing moves; `false`, or a throw, breaks it. */
  readonly invariants?: Readonly<Record<string, FleetInvariant>>;
}

/** A fleet to simulate, for how long, and from which seed. */
export interface SimulateFleetOptions extends SimulatedFleet {
  /** The same seed gives the same events, to the byte; default 1. */
  readonly seed?: number;
  /** How long the fleet lives, in simulated hours; default 1. */
  readonly hours?: number;
  /** How many simulations may be spent on shortening a finding; default 500, 0 leaves it as it is. */
  readonly shrinkRuns?: number;
}

export interface FleetRun {
  readonly seed: number;
  /** SHA-256 of all events, stacks of errors left out. */
  readonly hash: string;
  readonly events: number;
  /** How many there were of each type. */
  readonly eventCounts: Readonly<Record<string, number>>;
  readonly deeds: number;
  /** How many programs followed each other on the store. */
  readonly programs: number;
  readonly simulatedMs: number;
  /** Faults that came about, by kind. */
  readonly faults: Readonly<Partial<Record<FleetFault, number>>>;
  readonly finding: FleetFinding | undefined;
}

const aFunction = z.custom<FleetInvariant>((value) => typeof value === 'function', {
  error: 'expected a function',
});
const fleetSchema = {
  agents: z
    .array(
      z.strictObject({
        module: z.custom<AnyAgentDefinition>(isAgentDefinition, {
          error: 'expected what defineAgent or defineChartAgent gives',
        }),
        count: z.int().min(1).default(1),
        pool: z
          .strictObject({ name: z.string().min(1), min: z.int().min(0), max: z.int().min(1) })
          .optional(),
        spec: z.looseObject({}).default({}),
        tasks: z.record(z.string(), z.strictObject({ examples: z.array(z.unknown()).min(1) })).default({}),
      }),
    )
    .min(1),
  variables: z.record(z.string(), z.custom<VariableDefinition>()).default({}),
  budgets: z.array(z.custom<BudgetSpecInput>()).default([]),
  faults: z.array(z.enum(fleetFaults)).default([...fleetFaults]),
  invariants: z.record(z.string(), aFunction).default({}),
  seed: z.int().default(1),
  hours: z.number().positive().default(1),
};
const simulateSchema = z.strictObject({ ...fleetSchema, shrinkRuns: z.int().min(0).default(500) });
type Parsed = z.output<typeof simulateSchema>;

/**
 * Runs a fleet through hours of its life in seconds, and does to it what its seed says: commands that overlap, faults
 * of bodies, of the store, of coordination and of the whole program. After every deed it is held to `fleetLaws` and to
 * your invariants, by its events and by what callers were told.
 *
 * What is found is made short, and is a script and a test to paste; unless a second run of the seed has other events,
 * which the finding then says. Nothing of what an agent does may go by real time: give it stand-ins.
 *
 * @throws AgentSystemError `AGENT_SPEC_INVALID` for invalid options; an Error for a task whose inputs cannot be made up
 */
export async function simulateFleet(options: SimulateFleetOptions): Promise<FleetRun> {
  const parsed = parseInput(simulateSchema, options, { what: 'simulateFleet' });
  const { setting, script } = await settingOf(parsed);
  const ran = await simulate(setting, script);
  const { broken } = ran;
  if (broken === undefined) return runOf(parsed.seed, ran, undefined);
  const { seed, shrinkRuns } = parsed;
  const foundIn = broken.deeds.length;
  // What other runs do would only show what earlier ones have left behind, if this one does not come again.
  const isRepeatable = (await simulate(setting, script)).hash === ran.hash;
  const { best, tail } = await shrunk(setting, ran, isRepeatable ? shrinkRuns : 0);
  return runOf(seed, ran, new FleetFinding({ broken: best, seed, foundIn, tail, isRepeatable }));
}

/**
 * Does one script to the fleet that a seed makes, as `simulateFleet` does.
 *
 * @throws FleetFinding for a law, or an invariant, that breaks; AgentSystemError `AGENT_SPEC_INVALID`
 */
export async function replayFleet(options: SimulateFleetOptions, script: readonly Deed[]): Promise<FleetRun> {
  const parsed = parseInput(simulateSchema, options, { what: 'replayFleet' });
  const { setting } = await settingOf(parsed);
  const ran = await simulate(setting, script);
  const { broken, tail } = ran;
  const { seed } = parsed;
  if (broken)
    throw new FleetFinding({ broken, seed, foundIn: broken.deeds.length, tail, isRepeatable: true });
  return runOf(seed, ran, undefined);
}

function runOf(seed: number, ran: Simulated, finding: FleetFinding | undefined): FleetRun {
  const { hash, events, eventCounts, deeds, programs, simulatedMs, faults } = ran;
  return {
    seed,
    hash,
    events,
    eventCounts: Object.fromEntries(eventCounts),
    deeds,
    programs,
    simulatedMs,
    faults: Object.fromEntries(faults),
    finding,
  };
}

/** The shortest script that breaks the same law. */
async function shrunk(
  setting: SimulationOptions,
  ran: Simulated,
  runs: number,
): Promise<{ readonly best: FleetLawBroken; readonly tail: readonly string[] }> {
  let best = ran.broken!;
  let { tail } = ran;
  let left = runs;
  await shortest(best.deeds, async (deeds) => {
    if (left <= 0) return undefined;
    left -= 1;
    const again = await simulate(setting, deeds);
    if (again.broken?.law !== best.law) return undefined;
    ({ tail } = again);
    best = again.broken;
    return best.deeds;
  });
  return { best, tail };
}

async function settingOf(parsed: Parsed): Promise<{ setting: SimulationOptions; script: readonly Deed[] }> {
  const { agents, variables, budgets, faults, invariants, seed, hours } = parsed;
  const members: SimulationOptions['members'][number][] = [];
  const pools: SimulationOptions['pools'][number][] = [];
  const outlined: FleetOutline['agents'][number][] = [];
  const outlinedPools: FleetOutline['pools'][number][] = [];
  for (const { module, count, pool, spec, tasks } of agents) {
    const inputs = await inputsOf(module, tasks, seed);
    if (pool) {
      pools.push({ ...pool, module, spec: spec });
      outlinedPools.push({ ...pool, tasks: inputs });
      continue;
    }
    const before = members.filter((member) => member.module.type === module.type).length;
    for (let n = 1; n <= count; n++) {
      const id = `${module.type}-${before + n}`;
      members.push({ id, module, spec: spec });
      outlined.push({ id, tasks: inputs });
    }
  }
  const values = new Map(Object.entries(variables).map(([name, known]) => [name, valuesOf(known)]));
  const plan = planFleet(seed, {
    agents: outlined,
    pools: outlinedPools,
    variables: values,
    budgets: budgets.map(({ name }) => name),
    faults,
    hours,
  });
  const definitions = [...new Set(agents.map(({ module }) => module))];
  return {
    setting: { plan, members, pools, definitions, variables, budgets, invariants },
    script: plan.script,
  };
}

/** Inputs that are tried of a task whose schema makes them up. */
const MADE_UP = 20;

async function inputsOf(
  module: AnyAgentDefinition,
  tasks: Parsed['agents'][number]['tasks'],
  seed: number,
): Promise<TaskInputs> {
  const inputs = new Map<string, readonly unknown[]>();
  for (const [name, { input, requires = [] }] of Object.entries(module.tasks)) {
    if (!requires.every((one) => module.capabilities.includes(one))) continue;
    const { examples } = tasks[name] ?? {};
    if (examples) inputs.set(name, examples);
    else inputs.set(name, input === undefined ? [undefined] : await madeUp(name, input, seed));
  }
  return inputs;
}

async function madeUp(task: string, schema: AnySchema, seed: number): Promise<readonly unknown[]> {
  let fc: typeof FastCheck;
  try {
    fc = await import('fast-check');
  } catch (thrown) {
    const message = `inputs of ${task} are made up by the package fast-check, 4 or newer: npm install --save-dev fast-check, or give it examples`;
    throw new Error(message, { cause: thrown });
  }
  const { inputsOf: arbitraryOf } = await import('../describe-agent/inputs.ts');
  return fc.sample(arbitraryOf(fc, task, schema, {}), { numRuns: MADE_UP, seed });
}
