/**
 * The tests of one agent: which paths are run, in what order, and under what names.
 *
 * I1  The same seed gives the same tests, the same paths, and the same findings.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as fc from 'fast-check';
import type { Isolation } from '../../machines/index.ts';
import type { AnyAgentDefinition } from '../../runtime/definition/define-agent.ts';
import { chartMoves, chartTours } from './chart-tours.ts';
import { coverageInWords, type CoverageReport, reportOf } from '../../runtime/engine/coverage-report.ts';
import { InterpretedCounts } from '../../runtime/engine/interpreted-counts.ts';
import { type AgentLaw, LawBroken, pathInWords } from './laws.ts';
import { type Edge, longRoutes, shortestRoutes } from './life-model.ts';
import type { LifeMove, Move } from './moves.ts';
import { AgentFinding, regressionName, regressionTest, type Source } from './report.ts';
import { regressionTerms, type RegressionTerms } from './regression-terms.ts';
import { run } from './run.ts';
import { shrink } from './shrink.ts';
import type { StageOptions } from './stage.ts';
import { Subject, type SubjectOptions } from './subject.ts';

export interface SuiteOptions extends SubjectOptions {
  readonly hosts: readonly Isolation[];
  readonly seed: number;
  readonly walks: number;
  readonly walkLength: number;
  readonly patienceMs: number;
  /** The share of a chart's transitions and guard outcomes that has to be taken. */
  readonly coverage: number;
  readonly onCoverage?: ((report: CoverageReport) => void) | undefined;
  readonly source?: Source | undefined;
  readonly writeRegression?: string | URL | undefined;
  readonly runner: 'vitest' | 'node:test';
}

/** One test: to be given to a runner. */
export interface Test {
  readonly name: string;
  readonly run: () => Promise<void>;
}

export interface Group {
  readonly name: string;
  readonly tests: readonly Test[];
}

/** Each task gets a path of its own at every place, up to so many of them; more take turns. */
const MAX_TASKS_APART = 4;
const WALKS_A_TEST = 10;
const MAX_RESTORED = 100;
const SHRINK_RUNS = 300;
const CHILD_SHRINK_RUNS = 12;
/** Runs that look for what the tours of a chart have not taken; where they have taken all, those of one test. */
const SEARCH_RUNS = 400;
const SEARCH_RUNS_A_TEST = 50;
/** How many of the last paths that were new are gone on with. */
const NEAREST = 12;

export function suiteOf(
  definition: AnyAgentDefinition,
  url: URL | undefined,
  options: SuiteOptions,
): readonly Group[] {
  const subject = new Subject(fc, definition, url, options);
  return options.hosts.map((isolation) => ({
    name: isolation,
    tests: new Suite(subject, isolation, options).tests(),
  }));
}

/** One path alone. @throws LawBroken */
export async function replay(
  definition: AnyAgentDefinition,
  url: URL | undefined,
  moves: readonly Move[],
  options: SubjectOptions,
  where: Pick<StageOptions, 'isolation' | 'patienceMs'>,
): Promise<void> {
  const { broken } = await run({ subject: replayed(definition, url, options), ...where }, moves);
  if (broken === undefined) return;
  broken.message += `\n${pathInWords(broken.done)}`;
  throw broken;
}

/** A path says its inputs: none are made up. */
function replayed(definition: AnyAgentDefinition, url: URL | undefined, options: SubjectOptions): Subject {
  const tasks = Object.keys(definition.tasks).map(
    (name) => [name, { ...options.tasks?.[name], inputs: fc.constant(undefined) }] as const,
  );
  return new Subject(fc, definition, url, { ...options, tasks: Object.fromEntries(tasks) });
}

class Suite {
  readonly #subject: Subject;
  readonly #isolation: Isolation;
  readonly #options: SuiteOptions;
  readonly #coverage: InterpretedCounts | undefined;
  readonly #stage: StageOptions;
  readonly #saved = new Set<string>();
  readonly #taken = new Set<string>();
  readonly #answered = new Set<string>();
  readonly #terms = new Map<string, Promise<RegressionTerms>>();

  constructor(subject: Subject, isolation: Isolation, options: SuiteOptions) {
    this.#subject = subject;
    this.#isolation = isolation;
    this.#options = options;
    const { machine } = subject;
    this.#coverage = machine && isolation === 'in-process' ? new InterpretedCounts(machine) : undefined;
    const coverage = this.#coverage;
    this.#stage = {
      subject,
      isolation,
      patienceMs: options.patienceMs,
      observe: coverage && ((event) => coverage.observe(event)),
    };
  }

  tests(): Test[] {
    if (this.#isolation !== 'in-process') return this.#longTests();
    return [...this.#lifeTests(), ...this.#walkTests(), ...this.#chartTests(), this.#restoreTest()];
  }

  /** Every move at every place of a life, by the shortest way. */
  #lifeTests(): Test[] {
    const { tasks } = this.#subject;
    const routes = shortestRoutes(this.#lifeMoves());
    const isApart = tasks.length <= MAX_TASKS_APART;
    return routes.flatMap(({ edge, moves }, at): Test[] => {
      const isOfTask = moves.some((move) => move === 'task' || move.startsWith('begin'));
      const taken = !isOfTask ? [undefined] : isApart ? tasks : [tasks[at % tasks.length]];
      return taken.map((task) => ({
        name: `${edgeInWords(edge)}${task === undefined ? '' : ` (${task})`}`,
        run: () => this.#check(this.#concrete(moves, task, at)),
      }));
    });
  }

  #walkTests(): Test[] {
    const { walks, walkLength, seed } = this.#options;
    const step = this.#step();
    const tests: Test[] = [];
    for (let from = 0; from < walks; from += WALKS_A_TEST) {
      const to = Math.min(walks, from + WALKS_A_TEST);
      tests.push({
        name: `walks ${from + 1} to ${to} of seed ${seed}`,
        run: async () => {
          for (let walk = from; walk < to; walk++) {
            const length = { minLength: walkLength, maxLength: walkLength };
            const [moves] = fc.sample(fc.array(step, length), { numRuns: 1, seed: seed + walk });
            await this.#check([{ move: 'start' }, ...moves!]);
          }
        },
      });
    }
    return tests;
  }

  /** Whatever it was seen to save, it starts from. */
  #restoreTest(): Test {
    return {
      name: 'it starts from every state that it was seen to save',
      run: async () => {
        for (const restored of [...this.#saved].slice(-MAX_RESTORED)) {
          const ran = await run({ ...this.#stage, restored }, [{ move: 'start' }, { move: 'stop' }]);
          if (ran.broken === undefined) continue;
          const { law, problem, cause } = ran.broken;
          await this.#fail(new LawBroken(law, `${problem}, from the saved state ${restored}`, [], cause), 0);
        }
      },
    };
  }

  /** Few tests of many moves, where a start costs a thread or a process. */
  #longTests(): Test[] {
    const routes = longRoutes(this.#lifeMoves());
    return routes.map((moves, at) => ({
      name: `walk ${at + 1} of ${routes.length} over its life`,
      run: () => this.#check(this.#concrete(moves, undefined, at)),
    }));
  }

  #chartTests(): Test[] {
    const coverage = this.#coverage;
    if (coverage === undefined) return [];
    const { seed } = this.#options;
    return [
      {
        name: 'tours of its chart',
        run: async () => {
          for (const moves of chartTours(this.#subject, coverage, seed)) await this.#check(moves);
        },
      },
      ...this.#searchTests(coverage),
      { name: 'its chart is covered', run: () => this.#gate(coverage) },
    ];
  }

  /** Paths that have shown something new are gone on with, until all is covered or the runs are used up. */
  #searchTests(coverage: InterpretedCounts): Test[] {
    const { seed } = this.#options;
    const picks = fc.sample(fc.tuple(fc.nat(), fc.nat(), fc.nat()), { numRuns: SEARCH_RUNS, seed });
    const known: (readonly Move[])[] = [[{ move: 'start' }]];
    const tests: Test[] = [];
    for (let from = 0; from < picks.length; from += SEARCH_RUNS_A_TEST) {
      tests.push({
        name: `search ${tests.length + 1} for what its tours have left`,
        run: async () => {
          if (from === 0) known.push(...chartTours(this.#subject, coverage, seed));
          if (from > 0 && reportOf(coverage.charts()).never.length === 0) return;
          await this.#search(picks.slice(from, from + SEARCH_RUNS_A_TEST), known, coverage);
        },
      });
    }
    return tests;
  }

  async #search(
    picks: readonly (readonly [number, number, number])[],
    known: (readonly Move[])[],
    coverage: InterpretedCounts,
  ): Promise<void> {
    const moves = chartMoves(this.#subject, this.#options.seed);
    for (const [path, move, more] of picks) {
      // Later ones are nearer to what is new.
      const base = known[known.length - 1 - (path % Math.min(known.length, NEAREST))]!;
      const extended = [...base, moves[move % moves.length]!, moves[more % moves.length]!];
      const before = coverage.size;
      await this.#check(extended);
      if (coverage.size > before) known.push(extended);
    }
  }

  async #gate(coverage: InterpretedCounts): Promise<void> {
    const report = reportOf(coverage.charts());
    const { onCoverage, coverage: gate } = this.#options;
    onCoverage?.(report);
    const unanswered = [...this.#taken].filter((task) => !this.#answered.has(task));
    if (unanswered.length > 0)
      await this.#failAll('its tasks are answered', `never: ${unanswered.join(', ')}`);
    const taken = report.transitions.taken + report.guards.taken;
    const all = report.transitions.all + report.guards.all;
    if (taken >= all * gate) return;
    const wayOut =
      'give its tasks examples that lead there, take out what cannot be, or set the option "coverage"';
    const problem = `${coverageInWords(report)}; expected ${Math.round(gate * 100)} %: ${wayOut}`;
    await this.#failAll('its chart is covered', problem);
  }

  /** A law that no single path breaks. */
  async #failAll(law: AgentLaw, problem: string): Promise<void> {
    if (this.#subject.isHeldTo(law)) await this.#fail(new LawBroken(law, problem, []), 0);
  }

  /** Runs a path; a break is shrunk and told. */
  async #check(moves: readonly Move[]): Promise<void> {
    const ran = await run(this.#stage, moves);
    for (const json of ran.saved) this.#saved.add(json);
    for (const { task, isAnswered } of ran.taken) (isAnswered ? this.#answered : this.#taken).add(task);
    if (ran.broken === undefined) return;
    const budget = this.#isolation === 'in-process' ? SHRINK_RUNS : CHILD_SHRINK_RUNS;
    await this.#fail(await shrink({ ...this.#stage, observe: undefined }, ran.broken, budget), moves.length);
  }

  async #fail(broken: LawBroken, foundIn: number): Promise<never> {
    const { seed, source, runner, writeRegression } = this.#options;
    const { type } = this.#subject.manifest;
    const terms = await this.#termsOf(broken);
    const parts = { type, isolation: this.#isolation, broken, seed, foundIn, source, runner, terms };
    if (writeRegression === undefined || broken.moves.length === 0) throw new AgentFinding(parts);
    const folder = writeRegression instanceof URL ? fileURLToPath(writeRegression) : writeRegression;
    const file = join(folder, regressionName(parts));
    await mkdir(folder, { recursive: true });
    await writeFile(file, regressionTest(parts));
    throw new AgentFinding(parts, `\nwritten to ${file}\n`);
  }

  /** What a test of it has to say besides the path; found once for each law, for paths to the same are many. */
  #termsOf(broken: LawBroken): Promise<RegressionTerms> {
    let terms = this.#terms.get(broken.law);
    if (terms === undefined) {
      const { definition, url, options } = this.#subject;
      terms = regressionTerms(options, broken.law, async (given) => {
        const subject = replayed(definition, url, given);
        const again = await run({ ...this.#stage, subject, observe: undefined }, broken.moves);
        return again.broken?.law === broken.law;
      });
      this.#terms.set(broken.law, terms);
    }
    return terms;
  }

  /** The moves of a life that this agent has. */
  #lifeMoves(): ReadonlySet<LifeMove> {
    const { tasks, values } = this.#subject;
    const ofTasks = ['task', 'begin before', 'begin after', 'release', 'cancel', 'expire'] as const;
    const always = ['start', 'stop', 'kill', 'crash', 'wait', 'lose', 'reboot', 'forget', 'health'] as const;
    return new Set<LifeMove>([
      ...always,
      ...(tasks.length > 0 ? ofTasks : []),
      ...(values.size > 0 ? (['variable', 'propose'] as const) : []),
    ]);
  }

  /** Moves with their tasks, inputs and values; without a `task` the agent's tasks take turns. */
  #concrete(moves: readonly LifeMove[], task: string | undefined, at: number): Move[] {
    const { tasks, values } = this.#subject;
    let turn = at;
    const named = [...values];
    return moves.map((move): Move => {
      turn += 1;
      switch (move) {
        case 'task':
        case 'begin before':
        case 'begin after': {
          const taken = task ?? tasks[turn % tasks.length]!;
          const input = this.#input(taken, turn);
          if (move === 'task') return { move, task: taken, input };
          return { move: 'begin', task: taken, input, held: move === 'begin before' ? 'before' : 'after' };
        }
        case 'variable':
        case 'propose': {
          const [name, known] = named[turn % named.length]!;
          return { move, name, value: known[turn % known.length] };
        }
        default:
          return { move };
      }
    });
  }

  #input(task: string, turn: number): unknown {
    const arbitrary = this.#subject.inputs.get(task)!;
    return fc.sample(arbitrary, { numRuns: 1, seed: this.#options.seed + turn })[0];
  }

  /** One move of a walk. What is not possible where it comes is passed over. */
  #step(): fc.Arbitrary<Move> {
    const { inputs, values, machine } = this.#subject;
    const weighted: fc.WeightedArbitrary<Move>[] = [];
    const add = (weight: number, arbitrary: fc.Arbitrary<Move>) => weighted.push({ weight, arbitrary });
    for (const [task, input] of inputs) {
      add(6, fc.record({ move: fc.constant('task' as const), task: fc.constant(task), input }));
      const held = fc.constantFrom('before' as const, 'after' as const);
      add(1, fc.record({ move: fc.constant('begin' as const), task: fc.constant(task), input, held }));
    }
    for (const [name, known] of values) {
      const value = fc.constantFrom(...known);
      for (const move of ['variable', 'propose'] as const) {
        add(2, fc.record({ move: fc.constant(move), name: fc.constant(name), value }) as fc.Arbitrary<Move>);
      }
    }
    const likely = {
      release: 3,
      start: 4,
      wait: 4,
      crash: 2,
      kill: 1,
      stop: 1,
      lose: 2,
      reboot: 1,
      cancel: 1,
      expire: 1,
      health: 1,
    } as const;
    for (const [move, weight] of Object.entries(likely)) add(weight, fc.constant({ move } as Move));
    if (machine !== undefined) {
      add(4, fc.constant({ move: 'pass' }));
      const arranged = chartMoves(this.#subject, this.#options.seed).filter(({ move }) => move === 'arrange');
      if (arranged.length > 0) add(1, fc.constantFrom(...arranged));
    }
    return fc.oneof(...weighted);
  }
}

function edgeInWords({ from, move }: Edge): string {
  return `${from}: ${move}`;
}
