import { assert, integer, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadDigits, pixelsIn, randomFrom, splitOf } from '../../examples/digits/data.ts';
import { initialWeights, measure, memoryInUse, trainEpoch } from '../../examples/digits/model.ts';
import { type Findings, type Finish, reportOf } from '../../examples/digits/report.ts';
import { anyRecipe, nearby, START } from '../../examples/digits/search.ts';
import { type Trial, voteOf } from '../../examples/digits/trainer.ts';

function trial(recipe: typeof START, accuracy: number, number: number): Trial {
  return {
    trial: number,
    recipe,
    accuracy,
    cpuMs: 1,
    life: 1,
  };
}

function finish(id: string, accuracy: number, validation: number): Finish {
  return {
    id,
    recipe: START,
    validation,
    searchMs: 1_000,
    score: { accuracy, confusion: [] },
  };
}

function findings(alone: number, team: number): Findings {
  return {
    seed: 1,
    trialDigits: 100,
    scouting: 2,
    trials: 2,
    epochs: 1,
    learnedFrom: 800,
    heldOut: 200,
    isolation: 'process',
    alone: [finish('alone-1', alone - 0.1, 0.5), finish('alone-2', alone + 0.1, 0.6)],
    team: [finish('team-1', team, 0.6), finish('team-2', team, 0.6)],
    recipe: START,
    rounds: [],
    baselines: [],
    lives: [],
    crashes: [],
    problems: [],
    elapsedMs: 1_000,
  };
}

const deal = { seed: 3, digits: 1_000, folds: 4 };

describe('the digits', () => {
  it('are dealt so that nobody learns from what it is measured on, and the test is nobody’s', () => {
    const held = new Set(splitOf(deal, 'final').measure);
    expect(held.size).toBe(200);
    const own = [0, 1, 2, 3].map((fold) => splitOf(deal, fold));
    for (const { train, measure: rows } of own) {
      expect(train.filter((row) => held.has(row) || rows.includes(row))).toHaveLength(0);
      expect(train.length + rows.length).toBe(800);
    }
    expect(new Set(own.flatMap(({ measure: rows }) => [...rows])).size).toBe(800);
  });

  it('are real ones: ten thousand, of ten kinds', async () => {
    const { pixels, labels } = await loadDigits();
    expect(labels.length).toBe(10_000);
    expect(pixels.length).toBe(10_000 * 784);
    expect(new Set(labels).size).toBe(10);
  });

  it('are read as JSON says, and a file that is cut off is no file', () => {
    const shares = [0, 1, 0.149, 0.992, 0.5, 0.004];
    const json = Buffer.from(JSON.stringify({ data: shares }));
    expect([...pixelsIn(json)]).toEqual(shares.map((share) => Math.round(share * 255)));
    expect(() => pixelsIn(json.subarray(0, -2))).toThrow('does not end');
  });
});

describe('the model', () => {
  const config = { ...START, learningRate: 0.3, seed: 1 };
  const { train, measure: rows } = splitOf(deal, 0);

  it('ends an epoch in the same weights wherever it is trained, and leaves no tensor behind', async () => {
    const digits = await loadDigits();
    const weights = await initialWeights(config);
    const before = memoryInUse();
    const once = await trainEpoch({ config, weights, digits, train, epoch: 1 });
    const again = await trainEpoch({ config, weights, digits, train, epoch: 1 });
    expect(again).toEqual(once);
    expect(await measure({ config, weights: once.weights, digits, rows })).toEqual(
      await measure({ config, weights: again.weights, digits, rows }),
    );
    expect(memoryInUse()).toEqual(before);
  });

  it('stops between two batches when it is told to, and leaves no tensor behind then either', async () => {
    const digits = await loadDigits();
    const weights = await initialWeights(config);
    const before = memoryInUse();
    const interrupt = new AbortController();
    const training = trainEpoch({
      config,
      weights,
      digits,
      train,
      epoch: 1,
      signal: interrupt.signal,
      onBatch: (done) => done === 2 && interrupt.abort(new Error('enough')),
    });
    await expect(training).rejects.toThrow('enough');
    expect(memoryInUse()).toEqual(before);
  });
});

describe('a search', () => {
  it('stays within its space, and the same dice find the same', () => {
    assert(
      property(integer(), (seed) => {
        const random = randomFrom(seed);
        const walk = [anyRecipe(random)];
        for (let step = 0; step < 20; step++) walk.push(nearby(walk.at(-1)!, random));
        for (const { learningRate, hiddenUnits, batchSize } of walk) {
          expect(learningRate >= 0.005 && learningRate <= 3).toBe(true);
          expect(hiddenUnits >= 8 && hiddenUnits <= 256).toBe(true);
          expect(batchSize >= 16 && batchSize <= 256).toBe(true);
        }
        expect(anyRecipe(randomFrom(seed))).toEqual(walk[0]);
      }),
    );
  });
});

describe('a vote', () => {
  const other = { ...START, learningRate: 0.5 };
  const knowing = (proposed: number | undefined) => ({
    deal,
    fold: 0,
    trials: [trial(START, 0.8, 0), ...(proposed === undefined ? [] : [trial(other, proposed, 1)])],
  });

  it.each([
    [0.9, 'accept'],
    [0.81, 'abstain'],
    [0.79, 'abstain'],
    [0.7, 'reject'],
    [undefined, 'abstain'],
  ] as const)(
    'on a recipe that it measured at %s, against 0.8 of the current one, is %s',
    (accuracy, vote) => {
      expect(voteOf(knowing(accuracy), other, START)).toBe(vote);
    },
  );
});

describe('the report', () => {
  it.each([
    [0.7, 0.9, 'Consensus earned its place here: +20.0 points against a trainer alone, +10.0 points'],
    [
      0.7,
      0.75,
      'Consensus beat a trainer alone (+5.0 points), but not the best pick of those alone (-5.0 points)',
    ],
    [0.7, 0.6, 'Consensus did not earn its place here: -10.0 points against a trainer alone, -20.0 points'],
  ])('says of %s alone and %s together what that means', (alone, team, words) => {
    expect(reportOf(findings(alone, team))).toContain(words);
  });

  it('lists what went wrong', () => {
    const report = reportOf({ ...findings(0.7, 0.9), problems: ['team-1 came back without its state'] });
    expect(report).toContain('Something went wrong');
    expect(report).toContain('- team-1 came back without its state');
  });
});
