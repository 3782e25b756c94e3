/**
 * An agent that looks for a good recipe: it tries one, measures it on its own share of the digits, and tries the next.
 *
 * Its state is saved after every task, so a crash costs at most the task that was under way. A task says which
 * trial or epoch it means: one that was finished is answered from what is known, never done again, and one that
 * would skip ahead is refused. `life` counts the incarnations that the state has lived through.
 *
 * Where a fleet shares the variable `recipe`, it proposes better values and votes on those of others, by its own
 * measurements alone; where nobody defined one, it works by itself.
 */
import { z } from 'zod';
import { defineAgent, type Vote } from '../../src/agent.ts';
import { dealSchema, loadDigits, randomFrom, splitOf } from './data.ts';
import {
  type Config,
  initialWeights,
  measure,
  recipeSchema,
  savedTensorSchema,
  trainEpoch,
} from './model.ts';
import { strike, sabotageSchema } from './sabotage.ts';
import { anyRecipe, isSame, nearby } from './search.ts';

const trialSchema = z.object({
  trial: z.number().int(),
  recipe: recipeSchema,
  accuracy: z.number(),
  /** Time that the processor spent on it. */
  cpuMs: z.number(),
  life: z.number().int(),
});
export type Trial = z.infer<typeof trialSchema>;
const scoreSchema = z.object({ accuracy: z.number(), confusion: z.array(z.array(z.number())) });
export type Score = z.infer<typeof scoreSchema>;

export const initArgsSchema = z.object({
  /** Which fold of the digits is its own: it measures on these, and learns from the others. */
  fold: z.number().int().min(0),
  deal: dealSchema,
  /** Decides the first weights, the order of the digits and where it looks. */
  seed: z.number().int(),
  /** Digits of one trial; the final training takes all. */
  trialDigits: z.number().int().min(1),
  /** Trials that look anywhere, before it looks near the best. */
  scouting: z.number().int().min(1),
  /** What it knows already. */
  trials: z.array(trialSchema).default([]),
});
export type TrainerArgs = z.input<typeof initArgsSchema>;
const weightsSchema = z.object({ epoch: z.number().int(), weights: z.array(savedTensorSchema) });
export const stateSchema = initArgsSchema.extend({
  life: z.number().int(),
  /** Why each earlier incarnation ended, as the next was told. */
  stops: z.array(z.unknown()),
  /** Where the final training stands. */
  final: weightsSchema.extend({ recipe: recipeSchema }).nullable(),
  score: scoreSchema.nullable(),
});
export type TrainerState = z.infer<typeof stateSchema>;

const suggestionSchema = z.object({ recipe: recipeSchema, gain: z.number() }).nullable();
export type Suggestion = z.infer<typeof suggestionSchema>;

const PROGRESS_REPORTS = 10;

export default defineAgent({
  type: 'trainer',
  initArgs: initArgsSchema,
  capabilities: ['train', 'measure'],
  variables: ['recipe'],
  init: async ({ initArgs, restored, previousStop }): Promise<TrainerState> => {
    await loadDigits();
    if (restored === undefined) return { ...initArgs, life: 1, stops: [], final: null, score: null };
    const state = stateSchema.parse(restored);
    return { ...state, life: state.life + 1, stops: [...state.stops, previousStop] };
  },
  vote: ({ proposal, state }) => voteOf(state, recipeOf(proposal.value), recipeOf(proposal.current)),
  tasks: {
    /** One recipe, learned from a sample and measured on its own digits: a given one, or one that it picks. */
    trial: {
      requires: ['train', 'measure'],
      input: z.object({
        trial: z.number().int().min(0),
        recipe: recipeSchema.optional(),
        sabotage: sabotageSchema.optional(),
      }),
      output: trialSchema,
      run: async ({ input: { trial, recipe: given, sabotage }, state, signal, progress }) => {
        const known = state.trials.find((done) => done.trial === trial);
        if (known) return known;
        const recipe = given ?? pick(state, trial);
        const config = configOf(state, recipe);
        const { train, measure: rows } = splitOf(state.deal, state.fold);
        const digits = await loadDigits();
        const before = process.cpuUsage();
        const { weights } = await trainEpoch({
          config,
          digits,
          weights: await initialWeights(config),
          train: train.subarray(0, state.trialDigits),
          epoch: 1,
          signal,
          onBatch: reporting(progress, sabotage),
        });
        const { accuracy } = await measure({ config, weights, digits, rows, signal });
        const { user, system } = process.cpuUsage(before);
        const cpuMs = (user + system) / 1_000;
        const done: Trial = { trial, recipe, accuracy, cpuMs, life: state.life };
        state.trials.push(done);
        return done;
      },
    },

    /** The best recipe it knows of, where that is better than the one the fleet shares; but for those that were put to the vote. */
    suggest: {
      requires: ['measure'],
      input: z.object({ voted: z.array(recipeSchema) }),
      output: suggestionSchema,
      run: ({ input: { voted }, state, variables }) => {
        const current = measured(state, recipeOf(variables['recipe']));
        const open = state.trials.filter(({ recipe }) => !voted.some((other) => isSame(recipe, other)));
        const best = bestOf(open);
        if (!best || !current || best.accuracy <= current.accuracy) return null;
        return { recipe: best.recipe, gain: best.accuracy - current.accuracy };
      },
    },

    /** One epoch of the final training, of the fleet's recipe or else its own best, on all digits but the test's. */
    epoch: {
      requires: ['train'],
      input: z.object({ epoch: z.number().int().min(1) }),
      output: z.object({ epoch: z.number().int(), recipe: recipeSchema }),
      run: async ({ input: { epoch }, state, variables, signal, progress }) => {
        const { final } = state;
        if (final && final.epoch >= epoch) return { epoch, recipe: final.recipe };
        if ((final?.epoch ?? 0) !== epoch - 1)
          throw new Error(`epoch ${epoch} was asked for before its time`);
        const recipe = final?.recipe ?? recipeOf(variables['recipe']) ?? bestOf(state.trials)?.recipe;
        if (!recipe) throw new Error('no recipe is known yet');
        const config = configOf(state, recipe);
        const { weights } = await trainEpoch({
          config,
          digits: await loadDigits(),
          weights: final?.weights ?? (await initialWeights(config)),
          train: splitOf(state.deal, 'final').train,
          epoch,
          signal,
          onBatch: reporting(progress),
        });
        state.final = { recipe, epoch, weights };
        return { epoch, recipe };
      },
    },

    /** Measures the final training on digits that nobody has learned from. */
    judge: {
      requires: ['measure'],
      output: scoreSchema,
      run: async ({ state, signal }) => {
        const { final, score } = state;
        if (score) return score;
        if (!final) throw new Error('there is no final training to judge');
        const rows = splitOf(state.deal, 'final').measure;
        const config = configOf(state, final.recipe);
        state.score = await measure({
          config,
          weights: final.weights,
          digits: await loadDigits(),
          rows,
          signal,
        });
        return state.score;
      },
    },
  },
});

/** Accepts what it measured to be better, rejects what it measured to be worse, and says so when it cannot tell. */
export function voteOf(
  state: Pick<TrainerState, 'trials' | 'deal' | 'fold'>,
  proposed: TrainerState['trials'][number]['recipe'] | undefined,
  current: typeof proposed,
): Vote {
  const [of, against] = [measured(state, proposed), measured(state, current)];
  if (!of || !against) return 'abstain';
  const { length } = splitOf(state.deal, state.fold).measure;
  const variance = ({ accuracy }: Trial) => (accuracy * (1 - accuracy)) / length;
  const noise = Math.sqrt(variance(of) + variance(against));
  const gain = of.accuracy - against.accuracy;
  return gain > noise ? 'accept' : gain < -noise ? 'reject' : 'abstain';
}

export function bestOf(trials: readonly Trial[]): Trial | undefined {
  return trials.toSorted((one, other) => other.accuracy - one.accuracy)[0];
}

/** Anywhere while it scouts, then near the best it knows. The same trial picks the same, after a crash too. */
function pick({ seed, scouting, trials }: TrainerState, trial: number) {
  const random = randomFrom(seed * 1_009 + trial);
  const best = bestOf(trials);
  return trial < scouting || !best ? anyRecipe(random) : nearby(best.recipe, random);
}

function measured({ trials }: Pick<TrainerState, 'trials'>, recipe: Trial['recipe'] | undefined) {
  return recipe && trials.find((done) => isSame(done.recipe, recipe));
}

function recipeOf(value: unknown): Trial['recipe'] | undefined {
  return recipeSchema.optional().parse(value);
}

function configOf({ seed }: TrainerState, recipe: Trial['recipe']): Config {
  return { ...recipe, seed };
}

/** Tells how far a training is, and strikes in its middle where that was ordered. */
function reporting(progress: (value: unknown) => void, sabotage?: z.infer<typeof sabotageSchema>) {
  return (done: number, of: number): void => {
    if (done % Math.ceil(of / PROGRESS_REPORTS) === 0) progress({ done, of });
    const middle = Math.ceil(of / 2);
    if (sabotage && done === middle) progress({ done, of, struck: sabotage });
    // One turn later, when that has been sent.
    if (sabotage && done === middle + 1) strike(sabotage);
  };
}
