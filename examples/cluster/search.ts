/**
 * The digits search on a fleet of nodes, of which one is killed and another frozen on the way.
 *
 * Each trainer tries recipes on its own share of the digits; then they vote on the best of them. What a node's end cuts
 * short is asked for again: a trial has a number, and one that is known is never done twice.
 */
import { AgentSystemError, variable } from '../../src/index.ts';
import type { Fleet } from '../../src/restate.ts';
import { recipeSchema } from '../digits/model.ts';
import { isSame, START } from '../digits/search.ts';
import { bestOf, stateSchema, type TrainerArgs, type Trial } from '../digits/trainer.ts';

const TRAINER = new URL('../digits/trainer.ts', import.meta.url);
const MAX_ATTEMPTS = 8;
const LOOK_MS = 100;

export interface SearchOptions {
  readonly fleet: Fleet;
  readonly trainers: number;
  readonly trials: number;
  readonly trialDigits: number;
  readonly seed: number;
  readonly signal: AbortSignal;
  /** Told after every trial, with how many there have been. */
  readonly onTrial: (done: number) => Promise<void>;
}

export interface Searched {
  readonly ids: readonly string[];
  /** Trials as their callers were told them. */
  readonly told: ReadonlyMap<string, readonly Trial[]>;
  /** As the trainers know them in the end. */
  readonly known: ReadonlyMap<string, readonly Trial[]>;
  /** How often work was cut short, and asked for again. */
  readonly cutShort: number;
  readonly decision: { readonly outcome: string; readonly accuracy: number; readonly electorate: number };
}

export class Search {
  readonly #options: SearchOptions;
  readonly #told = new Map<string, Trial[]>();
  #done = 0;
  #cutShort = 0;

  constructor(options: SearchOptions) {
    this.#options = options;
  }

  async run(): Promise<Searched> {
    const { fleet, trainers, trials } = this.#options;
    await fleet.variables.define('recipe', variable.json({ schema: recipeSchema, default: START }));
    const ids = Array.from({ length: trainers }, (_, index) => `trainer-${index + 1}`);
    await Promise.all(ids.map((id, index) => this.#begin(id, this.#argsOf(index))));
    await Promise.all(
      ids.map(async (id) => {
        for (let trial = 0; trial < trials; trial++) await this.#trial(id, trial);
      }),
    );
    const decision = await this.#decide();
    const known = new Map<string, readonly Trial[]>();
    for (const id of ids) {
      await fleet.agents.stop(id);
      known.set(id, stateSchema.parse(await fleet.agents.savedState(id)).trials);
    }
    return { ids, told: this.#told, known, cutShort: this.#cutShort, decision };
  }

  #argsOf(fold: number): TrainerArgs {
    const { seed, trainers, trialDigits } = this.#options;
    return {
      fold,
      seed: seed * 100 + fold,
      trialDigits,
      scouting: 3,
      deal: { seed, digits: 4_000, folds: trainers },
    };
  }

  async #begin(id: string, initArgs: TrainerArgs): Promise<void> {
    const { agents } = this.#options.fleet;
    await agents.register({
      id,
      module: TRAINER,
      isolation: 'process',
      initArgs,
      resources: { maxMemoryBytes: 400 * 1_048_576, cpuPriority: 'low' },
      restart: { policy: 'immediate', delayMs: 250 },
      startTimeoutMs: 120_000,
    });
    await agents.start(id);
  }

  async #trial(id: string, trial: number): Promise<void> {
    const { fleet, onTrial, signal } = this.#options;
    for (let attempt = 1; ; attempt++) {
      signal.throwIfAborted();
      try {
        const input = trial === 0 ? { trial, recipe: START } : { trial };
        const done = (await fleet.agents.execute(id, { type: 'trial', input, signal })) as Trial;
        const told = this.#told.get(id) ?? [];
        this.#told.set(id, [...told, done]);
        this.#done += 1;
        return await onTrial(this.#done);
      } catch (error) {
        const wasCutShort =
          error instanceof AgentSystemError &&
          (error.code === 'TASK_ABANDONED' || error.code === 'AGENT_NOT_RUNNING');
        if (!wasCutShort || attempt === MAX_ATTEMPTS || signal.aborted) throw error;
        this.#cutShort += 1;
        await this.#untilRunning(id);
      }
    }
  }

  async #untilRunning(id: string): Promise<void> {
    const { fleet, signal } = this.#options;
    while ((await fleet.agents.get(id)).status !== 'running') {
      signal.throwIfAborted();
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  /** The best recipe that anybody has measured is put to the vote of all. */
  async #decide(): Promise<Searched['decision']> {
    const { fleet } = this.#options;
    const all = [...this.#told.values()].flat();
    const best = bestOf(all.filter(({ recipe }) => !isSame(recipe, START))) ?? bestOf(all)!;
    const { outcome, electorate } = await fleet.consensus.propose({
      variable: 'recipe',
      value: best.recipe,
      why: 'the best that was measured',
      quorum: 0.1,
      deadlineMs: 10_000,
    });
    return { outcome, accuracy: best.accuracy, electorate: electorate.length };
  }
}
