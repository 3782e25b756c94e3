/** Chance for what is generated: from a seed, or from fast-check, which then shrinks what it found. */
import fc from 'fast-check';
import { seededRandom } from '../../../src/testing/seeded-random.ts';

export class Draw {
  readonly #below: (bound: number) => number;

  constructor(below: (bound: number) => number) {
    this.#below = below;
  }

  /** A whole number from 0 to `bound - 1`. */
  below(bound: number): number {
    return bound < 2 ? 0 : this.#below(bound);
  }

  /** True once in `times`, on the average; never is what shrinking tends to. */
  once(times: number): boolean {
    return this.below(times) === times - 1;
  }

  of<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)]!;
  }

  /** Up to `most`, fewer more often. */
  some<Item>(most: number, make: () => Item): Item[] {
    const count = Math.min(this.below(most + 1), this.below(most + 1));
    return Array.from({ length: count }, make);
  }
}

export function seededDraw(seed: number): Draw {
  const random = seededRandom(seed);
  return new Draw((bound) => Math.floor(random() * bound));
}

/** What a maker makes of chance, for `fc.property`. */
export function drawn<Made>(make: (draw: Draw) => Made): fc.Arbitrary<Made> {
  return fc.gen().map((given) => make(new Draw((bound) => given(fc.nat, { max: bound - 1 }))));
}
