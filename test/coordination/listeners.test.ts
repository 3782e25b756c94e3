import { expect, it } from 'vitest';
import { Listeners, type Neighbour } from '../../src/runtime/coordination/variables/listeners.ts';

interface Named extends Neighbour<Named> {
  readonly name: string;
}

const named = (name: string): Named => ({ name, isListed: false, before: undefined, after: undefined });

it('they are met in the order in which they came, whoever has gone from among them, and one that has gone leads to nobody', () => {
  for (let gone = 0; gone < 2 ** 4; gone++) {
    const listeners = new Listeners<Named>();
    const all = ['a', 'b', 'c', 'd'].map(named);
    for (const one of all) listeners.add(one);
    const left = all.filter((_, place) => (gone >> place) % 2 === 1);
    const met = listeners.now();
    for (const one of left) {
      expect(listeners.delete(one)).toBe(true);
      expect(listeners.delete(one)).toBe(false);
      expect(one).toEqual(named(one.name));
    }
    const last = named('e');
    listeners.add(last);
    const stay = [...all.filter((one) => !left.includes(one)), last];
    expect(listeners.now()).toEqual(stay);
    expect(listeners.size).toBe(stay.length);
    expect(met).toHaveLength(4);
  }
});
