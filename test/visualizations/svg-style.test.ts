import { describe, expect, it } from 'vitest';
import { DARK, LIGHT, type Palette } from '../../visualizations/svg-style.ts';

/** As WCAG has it. */
function luminance(colour: string): number {
  const hex = colour.replace(/^#(.)(.)(.)$/, '#$1$1$2$2$3$3').slice(1);
  const [r = 0, g = 0, b = 0] = [0, 2, 4].map((place) => {
    const share = Number.parseInt(hex.slice(place, place + 2), 16) / 255;
    return share <= 0.040_45 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(one: string, other: string): number {
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].toSorted((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

const palettes: [string, Palette][] = [
  ['light', LIGHT],
  ['dark', DARK],
];

describe.each(palettes)('on a %s page', (_, { tones, paper, groups, box, label, boxLine, groupLine }) => {
  it('every text has a contrast of 4.5 or more to all that it may stand on', () => {
    const weak = Object.entries(tones).flatMap(([tone, ink]) =>
      [paper, ...groups, box, label]
        .filter((ground) => contrast(ink, ground) < 4.5)
        .map((ground) => [tone, ground]),
    );
    expect(weak).toEqual([]);
  });

  it('the line around a state has a contrast of 3 or more to what is around it', () => {
    for (const ground of [paper, ...groups]) expect(contrast(boxLine, ground)).toBeGreaterThanOrEqual(3);
    expect(contrast(groupLine, paper)).toBeGreaterThanOrEqual(2.5);
  });
});
