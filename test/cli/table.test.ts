import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cutTo, fitted, widthOf } from '../../src/cli/table.ts';

/** Letters, wide ones, and what is several characters and one or two columns. */
const text = fc.string({
  unit: fc.constantFrom('a', 'é', '字', 'e\u0301', '👩\u200D🚀', ' '),
  maxLength: 12,
});
const graphemes = (of: string): string[] =>
  [...new Intl.Segmenter().segment(of)].map(({ segment }) => segment);

describe('a text that is cut', () => {
  it('stays as it is where it fits; else as much of it stays as leaves a column for the ellipsis', () => {
    fc.assert(
      fc.property(text, fc.nat(20), (whole, width) => {
        const all = graphemes(whole);
        const most = all
          .map((_, count) => all.slice(0, count).join(''))
          .findLast((begun) => widthOf(begun) <= width - 1);
        const cut = most === undefined ? '' : `${most}…`;
        expect(cutTo(whole, width)).toBe(widthOf(whole) <= width ? whole : cut);
      }),
    );
  });

  it('takes exactly its columns when it is fitted, at the left or at the right', () => {
    fc.assert(
      fc.property(text, fc.nat(20), (whole, width) => {
        const [left, right] = [fitted(whole, width), fitted(whole, width, 'right')];
        const cut = cutTo(whole, width);
        expect([widthOf(left), widthOf(right)]).toEqual([width, width]);
        expect([left.startsWith(cut), right.endsWith(cut)]).toEqual([true, true]);
      }),
    );
  });
});
