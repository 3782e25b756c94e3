/**
 * Tests of a user's agent in one line: `describeAgent` for a runner, `checkAgent` without one, and
 * `replayAgent` for one path of it.
 *
 * fast-check is loaded only when one of them is called.
 */
import { describe as describeNode, it as itNode } from 'node:test';
import { z } from 'zod';
import type { Isolation } from '../../machines/index.ts';
import type { VariableDefinition } from '../../runtime/coordination/variables/variable.ts';
import {
  type AgentDefinition,
  type AnyAgentDefinition,
  isAgentDefinition,
  type TaskTypes,
} from '../../runtime/definition/define-agent.ts';
import { loadAgentModule } from '../../runtime/definition/load-agent-module.ts';
import type { AgentSpec } from '../../runtime/fleet/spec-reading.ts';
import { AgentSystemError, inWords } from '../../runtime/values/errors.ts';
import { parseInput } from '../../runtime/values/malformed.ts';
import type { CoverageReport } from '../../runtime/engine/coverage-report.ts';
import { type AgentLaw, agentLaws } from './laws.ts';
import type { Move } from './moves.ts';
import { AgentFinding, type Source } from './report.ts';
import type { Invariant } from './subject.ts';
import type * as SuiteModule from './suite.ts';

/** How one kind of task is tested. */
export interface DescribedTask<Input = unknown> {
  /** Inputs to use in place of generated ones. */
  readonly examples?: readonly Input[];
  /** A fast-check arbitrary of inputs, in place of the one made from the schema. */
  readonly inputs?: object;
  /** Whether it may fail on a valid input, or with which errors; default `false`. */
  readonly mayFail?: boolean | ((error: Error) => boolean);
  /** Whether it may crash its agent on purpose; default `false`. */
  readonly mayEnd?: boolean;
}

/** The two functions of a runner by which tests are declared. */
export interface Runner {
  /** The test runner's; default that of `node:test`, or a global one. */
  // oxlint-disable-next-line typescript/no-explicit-any -- each runner types what it returns in its own way
  readonly describe: (name: string, run: () => any) => any;
  /** The test runner's; default that of `node:test`, or a global one. */
  // oxlint-disable-next-line typescript/no-explicit-any -- as above
  readonly it: (name: string, run: () => any) => any;
}

/** What a test needs to know of the agent. */
export interface TriedAgent<Args = unknown, Tasks extends TaskTypes = TaskTypes> {
  /** The `initArgs` of the agent; default `{}`. */
  readonly initArgs?: Args;
  /** Parts of its spec that differ from the defaults. */
  readonly spec?: Pick<AgentSpec, 'tasks' | 'resources' | 'coordination'>;
  /** Of each task: inputs to try, and whether it may fail or end its agent. */
  readonly tasks?: { readonly [Name in keyof Tasks]?: DescribedTask<Tasks[Name]['input']> };
  /** Definitions of the variables that it declares; without them it hears of none. */
  readonly variables?: Readonly<Record<string, VariableDefinition>>;
  /** Invariants of its state, checked after every move; one is broken if it returns `false` or throws. */
  readonly invariants?: Readonly<Record<string, Invariant>>;
  /** Laws that are not checked. */
  readonly except?: readonly AgentLaw[];
  /** Real time after which work that ignores the simulated clock counts as waiting; ms, default 20. */
  readonly patienceMs?: number;
}

/** How much is tested, and where. */
export interface CheckAgentOptions<Args = unknown, Tasks extends TaskTypes = TaskTypes>
  extends TriedAgent<Args, Tasks> {
  /** The isolation of the agent; default `in-process`. The others need the URL of its module. */
  readonly hosts?: readonly Isolation[];
  /** The seed; default 1, so the tests are the same every time. */
  readonly seed?: number;
  /** Number of random walks; default 50. */
  readonly walks?: number;
  /** Moves of each walk; default 20. */
  readonly walkLength?: number;
  /** The share of its chart's transitions and guard outcomes that has to be covered, from 0 to 1; default 1. */
  readonly coverage?: number;
  /** Called with the coverage of its chart. */
  readonly onCoverage?: (report: CoverageReport) => void;
  /** Where a pasted test imports the definition from; default `./TYPE.ts`, its default export. */
  readonly source?: Source;
  /** A folder into which each finding is written as a test. */
  readonly writeRegression?: string | URL;
}

/** Options of the suite: how the agent is tried, and the `describe` and `it` of the test runner. */
export interface DescribeAgentOptions<Args = unknown, Tasks extends TaskTypes = TaskTypes>
  extends CheckAgentOptions<Args, Tasks>,
    Partial<Runner> {}

/** What `checkAgent` found. */
export interface CheckReport {
  /** Number of tests that ran. */
  readonly tests: number;
  /** The laws and invariants that do not hold, each with the shortest paths that show it; a path is listed once. */
  readonly findings: readonly AgentFinding[];
}

const aFunction = z.custom((value) => typeof value === 'function', { error: 'expected a function' });
const isolation = z.enum(['in-process', 'thread', 'process']);
const tried = {
  initArgs: z.unknown().optional(),
  spec: z.looseObject({}).optional(),
  tasks: z
    .record(
      z.string(),
      z.strictObject({
        examples: z.array(z.unknown()).min(1).optional(),
        inputs: z
          .custom((value) => typeof value === 'object' && value !== null && 'generate' in value, {
            error: 'expected a fast-check arbitrary',
          })
          .optional(),
        mayFail: z.union([z.boolean(), aFunction]).optional(),
        mayEnd: z.boolean().optional(),
      }),
    )
    .optional(),
  variables: z.record(z.string(), z.custom<VariableDefinition>()).optional(),
  invariants: z.record(z.string(), aFunction).optional(),
  except: z.array(z.enum(agentLaws)).optional(),
  patienceMs: z.int().min(0).default(20),
};
const checked = {
  ...tried,
  hosts: z.array(isolation).min(1).default(['in-process']),
  seed: z.int().default(1),
  walks: z.int().min(0).default(50),
  walkLength: z.int().min(1).default(20),
  coverage: z.number().min(0).max(1).default(1),
  onCoverage: aFunction.optional(),
  source: z
    .strictObject({
      from: z.string(),
      name: z.string().optional(),
      options: z.strictObject({ from: z.string(), name: z.string().optional() }).optional(),
    })
    .optional(),
  writeRegression: z.union([z.string(), z.instanceof(URL)]).optional(),
};
const runners = { describe: aFunction.optional(), it: aFunction.optional() };
const describeSchema = z.strictObject({
  ...checked,
  ...runners,
});
const checkSchema = z.strictObject({ ...checked, most: z.int().min(1).default(Number.MAX_SAFE_INTEGER) });
const replaySchema = z.strictObject({ ...checked, ...runners, isolation: isolation.default('in-process') });

/**
 * Declares the tests of an agent to a runner: its life, path by path; random walks; and, for a chart agent, every
 * transition and guard outcome of its chart. Each runs the agent in the real runtime on a simulated clock, and
 * holds it to `agentLaws` and to its own invariants after every move.
 *
 * A finding is a short path, a seed, and a test to paste.
 *
 * @param agent a definition, or the URL of a module whose default export is one, which any host takes
 * @throws AgentSystemError `AGENT_SPEC_INVALID` for an invalid agent or invalid options; an Error where no runner is found
 */
export function describeAgent<Args, Tasks extends TaskTypes>(
  agent: AgentDefinition<Args, Tasks> | URL,
  options: DescribeAgentOptions<Args, Tasks> = {},
): void {
  const parsed = parseInput(describeSchema, options, { what: 'describeAgent' });
  assertAgent(agent, parsed.hosts, 'describeAgent');
  const { describe, it, runner } = runnerOf(options);
  const name = agent instanceof URL ? agent.pathname.split('/').at(-1)! : (agent as AnyAgentDefinition).type;
  describe(name, async () => {
    const { suiteOf } = await suite();
    const groups = suiteOf(await definitionOf(agent), urlOf(agent), { ...parsed, runner } as never);
    for (const { name: host, tests } of groups) {
      describe(host, () => {
        for (const test of tests) it(test.name, test.run);
      });
    }
  });
}

/**
 * Runs the tests of `describeAgent` one after the other, without a runner.
 *
 * @param options.most the number of findings after which it ends; default all
 * @throws AgentSystemError `AGENT_SPEC_INVALID` for an invalid agent or invalid options
 */
export async function checkAgent<Args, Tasks extends TaskTypes>(
  agent: AgentDefinition<Args, Tasks> | URL,
  options: CheckAgentOptions<Args, Tasks> & { readonly most?: number } = {},
): Promise<CheckReport> {
  const { most, ...parsed } = parseInput(checkSchema, options, { what: 'checkAgent' });
  assertAgent(agent, parsed.hosts, 'checkAgent');
  const { suiteOf } = await suite();
  const groups = suiteOf(await definitionOf(agent), urlOf(agent), { ...parsed, runner: 'vitest' } as never);
  const findings = new Map<string, AgentFinding>();
  let tests = 0;
  for (const test of groups.flatMap((group) => group.tests)) {
    if (findings.size >= most) break;
    tests += 1;
    try {
      await test.run();
    } catch (thrown) {
      if (!(thrown instanceof AgentFinding)) throw thrown;
      const fault = faultOf(thrown);
      if (!findings.has(fault)) findings.set(fault, thrown);
    }
  }
  return { tests, findings: [...findings.values()] };
}

/** The same for what several tests have found: the law, and the path that shows it or, where there is none, the words. */
function faultOf({ law, isolation, moves, message }: AgentFinding): string {
  return JSON.stringify([law, isolation, moves.length > 0 ? moves : message]);
}

/**
 * Runs one path of an agent and holds it to the laws, as `describeAgent` does.
 *
 * @param options those of the suite; the ones on how much is tested, and where tests go, have no effect here
 * @throws LawBroken, which says what broke and after which moves; AgentSystemError `AGENT_SPEC_INVALID`
 */
export async function replayAgent<Args, Tasks extends TaskTypes>(
  agent: AgentDefinition<Args, Tasks> | URL,
  moves: readonly Move[],
  options: DescribeAgentOptions<Args, Tasks> & { readonly isolation?: Isolation } = {},
): Promise<void> {
  const { isolation, patienceMs, ...rest } = parseInput(replaySchema, options, { what: 'replayAgent' });
  assertAgent(agent, [isolation], 'replayAgent');
  const { replay } = await suite();
  await replay(await definitionOf(agent), urlOf(agent), moves, rest as never, { isolation, patienceMs });
}

async function suite(): Promise<typeof SuiteModule> {
  try {
    return await import('./suite.ts');
  } catch (thrown) {
    const message =
      'describeAgent needs the package fast-check, 4 or newer: npm install --save-dev fast-check';
    throw new Error(message, { cause: thrown });
  }
}

function assertAgent(agent: unknown, hosts: readonly Isolation[], what: string): void {
  const problem =
    agent instanceof URL
      ? undefined
      : !isAgentDefinition(agent)
        ? `expected what defineAgent or defineChartAgent gives, or a URL, got ${inWords(agent)}`
        : hosts.some((host) => host !== 'in-process')
          ? `${hosts.join(', ')}: expected the URL of the agent's module, the definition lives in this program`
          : undefined;
  if (problem !== undefined) throw new AgentSystemError('AGENT_SPEC_INVALID', `${what}: ${problem}`);
}

async function definitionOf(agent: unknown): Promise<AnyAgentDefinition> {
  return agent instanceof URL ? loadAgentModule(agent) : (agent as AnyAgentDefinition);
}

function urlOf(agent: unknown): URL | undefined {
  return agent instanceof URL ? agent : undefined;
}

/** The runner of the options, of the globals, or the one that runs this. */
function runnerOf(options: Partial<Runner>): Runner & { readonly runner: 'vitest' | 'node:test' } {
  const { describe, it } = options;
  const isVitest = process.env['VITEST'] !== undefined;
  const runner = isVitest || process.env['NODE_TEST_CONTEXT'] === undefined ? 'vitest' : 'node:test';
  if (describe && it) return { describe, it, runner };
  const found = globalThis as Partial<Runner>;
  if (found.describe && found.it) return { describe: found.describe, it: found.it, runner };
  if (!isVitest) return { describe: describeNode, it: itNode, runner: 'node:test' };
  throw new Error(
    'describeAgent: expected a test runner: set `globals` in vitest, or pass it: describeAgent(agent, { describe, it })',
  );
}
