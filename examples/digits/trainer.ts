/**
 * An agent that trains one configuration of the model, one epoch a task, on whichever split it is given.
 *
 * Its state is saved after every task, so a crash costs at most the epoch that was being trained. A task says
 * which epoch it means: one that was already finished is answered from the history, never trained again, and
 * one that would skip ahead is refused. `life` counts the incarnations that the state has lived through.
 */
import { z } from 'zod';
import { defineAgent } from '../../src/index.ts';
import { dealSchema, loadDigits, type SplitName, splitNameSchema, splitOf } from './data.ts';
import { configSchema, initialWeights, measure, savedTensorSchema, trainEpoch } from './model.ts';

const epochSchema = z.object({
  split: splitNameSchema,
  epoch: z.number().int().min(1),
  loss: z.number(),
  trainedMs: z.number(),
  life: z.number().int(),
});
const scoreSchema = z.object({
  split: splitNameSchema,
  accuracy: z.number(),
  confusion: z.array(z.array(z.number())),
});

export const initArgsSchema = z.object({ config: configSchema, deal: dealSchema });
export const stateSchema = initArgsSchema.extend({
  life: z.number().int(),
  /** Where the weights stand: after `epoch` epochs of `split`. */
  current: z
    .object({ split: splitNameSchema, epoch: z.number().int(), weights: z.array(savedTensorSchema) })
    .nullable(),
  history: z.array(epochSchema),
  scores: z.array(scoreSchema),
});
export type TrainerState = z.infer<typeof stateSchema>;
export type FinishedEpoch = z.infer<typeof epochSchema>;
export type Score = z.infer<typeof scoreSchema>;

const PROGRESS_REPORTS = 20;

export default defineAgent({
  type: 'trainer',
  initArgs: initArgsSchema,
  capabilities: ['train', 'measure'],
  init: async ({ initArgs, restored }): Promise<TrainerState> => {
    await loadDigits();
    if (restored === undefined || restored === null) {
      return { ...initArgs, life: 1, current: null, history: [], scores: [] };
    }
    const state = stateSchema.parse(restored);
    return { ...state, life: state.life + 1 };
  },
  tasks: {
    epoch: {
      requires: ['train'],
      input: z.object({ split: splitNameSchema, epoch: z.number().int().min(1) }),
      output: epochSchema,
      run: async ({ input: { split, epoch }, state, signal, progress }) => {
        const finished = state.history.find((done) => done.split === split && done.epoch === epoch);
        if (finished) return finished;
        const weights =
          epoch === 1 ? await initialWeights(state.config) : weightsAfter(state, split, epoch - 1);
        const digits = await loadDigits();
        const startedAt = performance.now();
        const trained = await trainEpoch({
          config: state.config,
          weights,
          digits,
          train: splitOf(state.deal, split).train,
          epoch,
          signal,
          onBatch: (done, of) => {
            if (done % Math.ceil(of / PROGRESS_REPORTS) === 0) progress({ done, of });
          },
        });
        const trainedMs = performance.now() - startedAt;
        const result: FinishedEpoch = { split, epoch, loss: trained.loss, trainedMs, life: state.life };
        state.current = { split, epoch, weights: trained.weights };
        state.history.push(result);
        return result;
      },
    },
    validate: {
      requires: ['measure'],
      input: z.object({ split: splitNameSchema, epoch: z.number().int().min(1) }),
      output: scoreSchema,
      run: async ({ input: { split, epoch }, state, signal }) => {
        const known = state.scores.find((score) => score.split === split);
        if (known) return known;
        const weights = weightsAfter(state, split, epoch);
        const rows = splitOf(state.deal, split).measure;
        const digits = await loadDigits();
        const score = { split, ...(await measure({ config: state.config, weights, digits, rows, signal })) };
        state.scores.push(score);
        return score;
      },
    },
  },
});

function weightsAfter({ current }: TrainerState, split: SplitName, epoch: number) {
  if (current?.split === split && current.epoch === epoch) return current.weights;
  const stands = current ? `epoch ${current.epoch} of split ${current.split}` : 'the beginning';
  throw new Error(
    `the weights after epoch ${epoch} of split ${split} were asked for; they stand at ${stands}`,
  );
}
