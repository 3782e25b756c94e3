/**
 * The colours of a picture, for a light and a dark page: a style sheet of classes. Pure.
 *
 * Viewers that know no media query show it light. Contrast of every text to what it stands on is 4.5 or more.
 */
import type { Tone } from './text.ts';

export interface Palette {
  readonly tones: Readonly<Record<Tone, string>>;
  readonly paper: string;
  /** States around others take turns in their shade. */
  readonly groups: readonly [string, string];
  readonly groupLine: string;
  readonly rule: string;
  readonly box: string;
  readonly boxLine: string;
  readonly label: string;
}

export const LIGHT: Palette = {
  tones: {
    plain: '#1f2937',
    quiet: '#5b6472',
    command: '#1d4ed8',
    report: '#0f766e',
    deadline: '#b45309',
    always: '#7e22ce',
  },
  paper: '#fdfdfc',
  groups: ['#f1f4f9', '#f8f9fb'],
  groupLine: '#8b95a5',
  rule: '#d3d9e2',
  box: '#fff',
  boxLine: '#475569',
  label: '#fff',
};
export const DARK: Palette = {
  tones: {
    plain: '#e5e7eb',
    quiet: '#9aa5b4',
    command: '#93b4fd',
    report: '#5fd0bf',
    deadline: '#f2b263',
    always: '#cfa8fb',
  },
  paper: '#12151a',
  groups: ['#191d24', '#1f242c'],
  groupLine: '#586273',
  rule: '#323a46',
  box: '#262c36',
  boxLine: '#8b95a5',
  label: '#171b21',
};
const FONTS = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif";

const SHAPES = [
  `text{font-family:${FONTS}}`,
  '.line{fill:none;stroke:currentColor;stroke-width:1.5}',
  '.halo{fill:none;stroke-width:5;stroke-opacity:.85}',
  '.head,.dot{fill:currentColor}',
  '.label{stroke:currentColor;stroke-width:.8}',
  '.group{stroke-width:1.2}',
  '.box{stroke-width:1.4}',
  '.inner{fill:none;stroke-width:1}',
  '.rule{fill:none}',
  '.veil{fill-opacity:.85}',
];

/** The style sheet, to be put in the picture. */
export function styleSheet(): string {
  return `${SHAPES.join('')}${colours(LIGHT)}@media (prefers-color-scheme:dark){${colours(DARK)}}`;
}

function colours({ tones, paper, groups, groupLine, rule, box, boxLine, label }: Palette): string {
  return [
    ...Object.entries(tones).map(([tone, ink]) => `.${tone}{color:${ink};fill:${ink}}`),
    `.paper{fill:${paper}}.halo{stroke:${paper}}`,
    `.odd{fill:${groups[0]}}.even{fill:${groups[1]}}.group{stroke:${groupLine}}.rule{stroke:${rule}}`,
    `.box{fill:${box};stroke:${boxLine}}.inner{stroke:${boxLine}}.label{fill:${label}}`,
  ].join('');
}
