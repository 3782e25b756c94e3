/**
 * The experiment: does a fleet that decides together find a better recipe than the same trainers alone?
 *
 * Four trainers scout, each on its own share of the digits. From what they then know, each goes on alone; and from
 * the very same, each goes on in a team, which shares the variable `recipe`, proposes better values and votes.
 * Both get as many trials. One trainer alone runs out of memory and one of the team exits, on purpose. In the end
 * all train in full, and are judged on digits that nobody has seen.
 *
 * Nothing is printed but through `out` and `onProgress`, and no figure is returned that was not measured.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import { type AgentSystem, createAgentSystem, type Isolation, variable } from '../../src/index.ts';
import { majorityClass, nearestMean } from './baseline.ts';
import { loadDigits, splitOf } from './data.ts';
import { Fleet, type SabotagePlan } from './fleet.ts';
import { Ledger } from './ledger.ts';
import { type Recipe, recipeSchema } from './model.ts';
import { type Findings, type Finish, percent, reportOf, type RoundFound } from './report.ts';
import { isSame, START } from './search.ts';
import { type Suggestion, type TrainerArgs, type TrainerState } from './trainer.ts';

const DEFAULTS = {
  seed: 1,
  digits: 10_000,
  trainers: 4,
  /** Digits of one trial. */
  trialDigits: 2_000,
  /** Trials that look anywhere, the start among them. */
  scouting: 4,
  /** Trials after that, alone and in the team each; a vote follows every second. */
  trials: 12,
  /** Of the final training. */
  epochs: 2,
  restartDelayMs: 250,
  maxMemoryBytes: 320 * 1_048_576,
  /** Where the trainers live: `process` gives each its own memory, and all of them all cores. */
  isolation: 'process' as Isolation,
  /** Whether two trainers are made to die. */
  sabotage: true,
};
type Settings = typeof DEFAULTS;

export interface DigitsOptions extends Partial<Settings> {
  readonly out: (text: string) => void;
  readonly onProgress?: (line: string) => void;
  /** How a heading of the report is set off; as it is, by default. */
  readonly heading?: (text: string) => string;
  readonly signal?: AbortSignal;
  readonly logger?: Logger;
}

/** Runs it all and reports through `out`; what went wrong is listed in `problems` of what comes back. */
export async function runDigits(options: DigitsOptions): Promise<Findings> {
  await using system = await createAgentSystem(options.logger ? { logger: options.logger } : {});
  const findings = await new Experiment(system, options).run();
  options.out(reportOf(findings, options.heading));
  return findings;
}

interface Arm {
  readonly ids: readonly string[];
  readonly states: readonly TrainerState[];
}

class Experiment {
  readonly #system: AgentSystem;
  readonly #options: DigitsOptions;
  readonly #settings: Settings;
  readonly #ledger = new Ledger();
  readonly #sabotage: readonly SabotagePlan[];
  readonly #fleet: Fleet;
  #phase = 'starting';

  constructor(system: AgentSystem, options: DigitsOptions) {
    const { signal } = options;
    this.#system = system;
    this.#options = options;
    this.#settings = { ...DEFAULTS, ...options };
    const { restartDelayMs, maxMemoryBytes, isolation, trainers, scouting, sabotage } = this.#settings;
    this.#sabotage = sabotage
      ? [
          { agentId: 'alone-1', trial: scouting, how: 'out_of_memory' },
          { agentId: `team-${trainers}`, trial: scouting + 1, how: 'exit' },
        ]
      : [];
    this.#fleet = new Fleet({
      system,
      isolation,
      restartDelayMs,
      maxMemoryBytes,
      signal,
      sabotage: this.#sabotage,
      onWork: (work) => this.#showProgress(work.done + work.underWay),
    });
  }

  async run(): Promise<Findings> {
    const startedAt = performance.now();
    this.#system.events.subscribe((event) => this.#ledger.note(event));
    const alone = await this.#searchAlone();
    const { recipe, rounds, ...team } = await this.#searchTogether(alone);
    return this.#findings(alone, team, recipe, rounds, startedAt);
  }

  /** Each scouts, goes on by itself from there, and trains its own best recipe in full. */
  async #searchAlone(): Promise<Arm> {
    const { scouting, trials, epochs } = this.#settings;
    const ids = this.#idsOf('alone');
    this.#phase = 'starting';
    await all(ids, (id, index) => this.#fleet.begin(id, this.#initArgs(index)));
    this.#phase = 'searching alone';
    await all(ids, async (id) => {
      for (let trial = 0; trial < scouting + trials; trial++) {
        await this.#fleet.trial(id, trial, trial === 0 ? START : undefined);
      }
      await this.#fleet.learn(id, epochs);
    });
    return { ids, states: await all(ids, (id) => this.#fleet.end(id)) };
  }

  /** The same trainers know what they knew after scouting, and from then on decide together. */
  async #searchTogether(alone: Arm): Promise<Arm & { recipe: Recipe; rounds: RoundFound[] }> {
    const { scouting, trials, epochs } = this.#settings;
    const ids = this.#idsOf('team');
    this.#phase = 'starting';
    await this.#system.variables.define('recipe', variable.json({ schema: recipeSchema, default: START }));
    await all(ids, (id, index) => {
      const scouted = alone.states[index]!.trials.filter(({ trial }) => trial < scouting);
      return this.#fleet.begin(id, { ...this.#initArgs(index), trials: scouted });
    });
    const voted: Recipe[] = [];
    for (let trial = scouting; trial < scouting + trials; trial += 2) {
      this.#phase = `deciding together, round ${(trial - scouting) / 2 + 1} of ${trials / 2}`;
      await this.#round(ids, trial, voted);
    }
    this.#phase = 'the final training';
    await all(ids, (id) => this.#fleet.learn(id, epochs));
    const recipe = recipeSchema.parse(this.#system.variables.get('recipe').value);
    const states = await all(ids, (id) => this.#fleet.end(id));
    return { ids, states, recipe, rounds: this.#roundsFound(states) };
  }

  /** Two trials each: one to look around, one to measure what the one with the most to gain suggests. Then a vote. */
  async #round(ids: readonly string[], trial: number, voted: Recipe[]): Promise<void> {
    await all(ids, (id) => this.#fleet.trial(id, trial));
    const suggestions = await all(ids, (id) => this.#fleet.suggest(id, voted));
    const strongest = strongestOf(suggestions);
    if (strongest === undefined) {
      await all(ids, (id) => this.#fleet.trial(id, trial + 1));
      return;
    }
    const { recipe, gain } = suggestions[strongest]!;
    const proposer = ids[strongest]!;
    await all(ids, (id) => this.#fleet.trial(id, trial + 1, id === proposer ? undefined : recipe));
    voted.push(recipe);
    await this.#system.consensus.propose({
      variable: 'recipe',
      value: recipe,
      by: proposer,
      why: `${(gain * 100).toFixed(1)} points better on its own digits`,
      deadlineMs: 10_000,
    });
  }

  #idsOf(arm: string): string[] {
    return Array.from({ length: this.#settings.trainers }, (_, index) => `${arm}-${index + 1}`);
  }

  #initArgs(index: number): TrainerArgs {
    const { seed, digits, trainers, trialDigits, scouting } = this.#settings;
    return {
      fold: index,
      deal: { seed, digits, folds: trainers },
      seed: seed * 100 + index,
      trialDigits,
      scouting,
    };
  }

  #roundsFound(states: readonly TrainerState[]): RoundFound[] {
    const ids = this.#idsOf('team');
    let current = START;
    return [...this.#ledger.rounds.values()].flatMap(({ proposed, votes, closed }): RoundFound[] => {
      if (!closed) return [];
      const recipe = recipeSchema.parse(proposed.value);
      const [before, after] = [meanAccuracy(states, current), meanAccuracy(states, recipe)];
      const votesOf = ids.map((id) => votes.find(({ agentId }) => agentId === id));
      if (closed.outcome === 'accepted') current = recipe;
      return [{ by: proposed.by ?? '?', recipe, votes: votesOf, outcome: closed.outcome, before, after }];
    });
  }

  #showProgress(work: number): void {
    const { trainers, scouting, trials, epochs } = this.#settings;
    const of = trainers * (scouting + 2 * trials + 2 * epochs);
    const share = Math.min(1, work / of);
    const parts = [
      `${'#'.repeat(Math.floor(share * 16)).padEnd(16, '.')} ${percent(share)}`,
      this.#phase,
      this.#statusWords(),
    ];
    this.#options.onProgress?.(parts.join('  '));
  }

  /** How many agents are in each status, those that are through left out. */
  #statusWords(): string {
    const busy = this.#system.agents.list().filter(({ status }) => status !== 'stopped');
    const counts = Object.entries(Object.groupBy(busy, ({ status }) => status));
    return counts.map(([status, records]) => `${records.length} ${status}`).join(', ');
  }

  async #findings(
    alone: Arm,
    team: Arm,
    recipe: Recipe,
    rounds: readonly RoundFound[],
    startedAt: number,
  ): Promise<Findings> {
    const { seed, trialDigits, scouting, trials, epochs, isolation } = this.#settings;
    const { deal } = this.#initArgs(0);
    const digits = await loadDigits();
    const split = splitOf(deal, 'final');
    const [finishedAlone, finishedTogether] = [alone, team].map(({ ids, states }) =>
      ids.map((id, index) => finishOf(id, states[index]!, scouting)),
    ) as [Finish[], Finish[]];
    const findings: Omit<Findings, 'problems'> = {
      seed,
      trialDigits,
      scouting,
      trials,
      epochs,
      isolation,
      learnedFrom: split.train.length,
      heldOut: split.measure.length,
      alone: finishedAlone,
      team: finishedTogether,
      recipe,
      rounds,
      baselines: [
        { name: 'nearest class mean', measurement: nearestMean(digits, split) },
        { name: 'majority class', measurement: majorityClass(digits, split) },
      ],
      lives: [...this.#ledger.lives.values()],
      crashes: this.#crashesFound([...alone.states, ...team.states], [...alone.ids, ...team.ids]),
      elapsedMs: performance.now() - startedAt,
    };
    return { ...findings, problems: this.#problemsOf(findings) };
  }

  #crashesFound(states: readonly TrainerState[], ids: readonly string[]): Findings['crashes'] {
    return this.#ledger.crashes.map((crash) => {
      const { trials, stops } = states[ids.indexOf(crash.agentId)]!;
      const plan = this.#sabotage.find(({ agentId }) => agentId === crash.agentId);
      return {
        ...crash,
        how: plan?.how,
        trial: plan?.trial,
        wasTold: isDeepStrictEqual(stops[0], crash.reason),
        trialsKept: trials.filter(({ trial }) => trial < (plan?.trial ?? 0)).length,
        trialsTwice: trials.length - new Set(trials.map(({ trial }) => trial)).size,
      };
    });
  }

  #problemsOf({ crashes, alone, team, baselines, rounds }: Omit<Findings, 'problems'>): string[] {
    const problems: string[] = [];
    for (const { agentId, how } of this.#sabotage) {
      const crash = crashes.find((one) => one.agentId === agentId);
      if (!crash) problems.push(`${agentId} was to die (${how}) and did not`);
      else if (crash.runningAt === undefined) problems.push(`${agentId} died and did not come back`);
      else if (crash.trialsKept !== crash.trial) problems.push(`${agentId} came back without its state`);
      else if (!crash.wasTold) problems.push(`${agentId} came back, and was not told why it had ended`);
      else if (crash.trialsTwice > 0) problems.push(`${agentId} did finished trials again`);
    }
    for (const { agentId, how } of crashes) if (!how) problems.push(`${agentId} crashed, unordered`);
    if (rounds.length === 0) problems.push('the team decided nothing');
    const best = Math.max(...[...alone, ...team].map(({ score }) => score.accuracy));
    for (const { name, measurement } of baselines) {
      if (measurement.accuracy >= best) problems.push(`no model beats the ${name}`);
    }
    return problems;
  }
}

function finishOf(id: string, { trials, final, score }: TrainerState, scouting: number): Finish {
  if (!final || !score) throw new Error(`${id} has not finished its training`);
  const own = trials.find(({ recipe }) => isSame(recipe, final.recipe));
  const searched = trials.filter(({ trial }) => trial >= scouting);
  const searchMs = searched.reduce((sum, { cpuMs }) => sum + cpuMs, 0);
  return { id, recipe: final.recipe, validation: own?.accuracy, searchMs, score };
}

function meanAccuracy(states: readonly TrainerState[], recipe: Recipe): number | undefined {
  const known = states.flatMap(({ trials }) => trials.find((done) => isSame(done.recipe, recipe)) ?? []);
  if (known.length === 0) return undefined;
  return known.reduce((sum, { accuracy }) => sum + accuracy, 0) / known.length;
}

function strongestOf(suggestions: readonly Suggestion[]): number | undefined {
  const gains = suggestions.map((suggestion) => suggestion?.gain ?? 0);
  const most = Math.max(...gains);
  return most > 0 ? gains.indexOf(most) : undefined;
}

function all<Item, Result>(
  items: readonly Item[],
  work: (item: Item, index: number) => Promise<Result>,
): Promise<Result[]> {
  return Promise.all(items.map(work));
}
