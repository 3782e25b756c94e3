/** Where the trainers search, and how they step: pure functions of a recipe and of the dice they are given. */
import { type Recipe, recipeSchema } from './model.ts';

/** What everybody begins with: it learns, and slowly. */
export const START: Recipe = { learningRate: 0.02, hiddenUnits: 16, batchSize: 64 };

/** Bounds of what is tried; a scale of ratios fits all three, for twice as much means the same anywhere. */
const SPACE: Readonly<Record<keyof Recipe, readonly [min: number, max: number]>> = {
  learningRate: [0.005, 3],
  hiddenUnits: [8, 256],
  batchSize: [16, 256],
};
const PARAMETERS = ['learningRate', 'hiddenUnits', 'batchSize'] as const;
/** A step changes a parameter by this factor at the most. */
const MAX_STEP = 3;

/** A recipe from anywhere in the space. */
export function anyRecipe(random: () => number): Recipe {
  const drawn = PARAMETERS.map((name) => {
    const [min, max] = SPACE[name];
    return [name, min * (max / min) ** random()];
  });
  return tidy(Object.fromEntries(drawn) as Recipe);
}

/** A recipe near another: one or two of its parameters changed, within the space. */
export function nearby(recipe: Recipe, random: () => number): Recipe {
  const [first, second] = PARAMETERS.toSorted(() => random() - 0.5);
  const changed = { ...recipe };
  for (const name of random() < 0.5 ? [first!] : [first!, second!]) {
    const [min, max] = SPACE[name];
    const factor = MAX_STEP ** (2 * random() - 1);
    changed[name] = Math.min(max, Math.max(min, recipe[name] * factor));
  }
  return tidy(changed);
}

/** As it is read and written: three digits of the rate, whole numbers of the rest. */
function tidy({ learningRate, hiddenUnits, batchSize }: Recipe): Recipe {
  return recipeSchema.parse({
    learningRate: Number(learningRate.toPrecision(2)),
    hiddenUnits: Math.round(hiddenUnits),
    batchSize: Math.round(batchSize),
  });
}

export function isSame(one: Recipe, other: Recipe): boolean {
  return PARAMETERS.every((name) => one[name] === other[name]);
}
