/** The head of a picture: its title, and what its colours and signs mean, of those that it uses. Pure. */
import { type ChartGraph, showsActions } from './chart-graph.ts';
import { ordinalOf } from './labels.ts';
import { type Bundle } from './routes.ts';
import { arrowhead, drawLine, round } from './svg-parts.ts';
import { type Line, type Span, lineWidth } from './text.ts';
import type { TransitionKind } from './transition-kind.ts';

export interface Legend {
  readonly width: number;
  readonly height: number;
  readonly markup: string;
}

const KINDS: Record<TransitionKind, string> = {
  command: 'command',
  report: 'report',
  deadline: 'deadline',
  always: 'decided at once',
};

/** Drawn from `x`; the height is from the top of the picture to where the chart begins. */
export function legendOf(graph: ChartGraph, bundles: readonly Bundle[], title: string, x: number): Legend {
  const leaves = graph.states.filter(
    ({ path, type }) => path !== '' && (type === 'atomic' || type === 'final'),
  ).length;
  const heading: Line = [
    { text: title, size: 20, tone: 'plain', bold: true },
    { text: `   ${leaves} states, ${graph.transitions.length} transitions`, size: 12, tone: 'quiet' },
  ];
  const kinds = kindsRow(bundles, x, 57);
  const signs = signsOf(graph, bundles);
  const markup = [drawLine(heading, x, 36), ...kinds.markup, drawLine(signs, x, 80)].join('\n');
  return { width: Math.max(lineWidth(heading), kinds.width, lineWidth(signs)), height: 100, markup };
}

function kindsRow(bundles: readonly Bundle[], left: number, y: number): { width: number; markup: string[] } {
  const used = Object.entries(KINDS).filter(([kind]) => bundles.some((bundle) => bundle.kind === kind));
  const markup: string[] = [];
  let x = left;
  for (const [kind, meaning] of used) {
    const tone = kind as TransitionKind;
    const line: Line = [{ text: meaning, size: 11.5, tone, bold: true }];
    markup.push(
      `<g class="${tone}">`,
      `<path class="line" d="M${round(x)} ${y}h18"/>`,
      arrowhead({ x, y }, { x: x + 24, y }),
      '</g>',
      drawLine(line, x + 30, y + 4),
    );
    x += 30 + lineWidth(line) + 22;
  }
  return { width: x - left, markup };
}

function signsOf(graph: ChartGraph, bundles: readonly Bundle[]): Line {
  const signs: [boolean, string, string][] = [
    [graph.transitions.some(({ guard }) => guard !== undefined), '[guard]', ''],
    [
      graph.transitions.some(({ actions }) => actions.length > 0),
      '/ actions',
      showsActions(graph) ? '' : 'of states; those of transitions are in the tables',
    ],
    [
      graph.transitions.some((transition) => ordinalOf(graph, transition) !== ''),
      '¹ ² ³',
      'tried in this order',
    ],
    [bundles.some(({ shownAs }) => shownAs === 'jump'), '→ state', 'leads there, with no line drawn'],
    [
      bundles.some(({ shownAs, targets }) => shownAs === 'inside' && targets.length > 0),
      '↻',
      'enters itself again',
    ],
  ];
  return signs
    .filter(([isUsed]) => isUsed)
    .flatMap(([, sign, meaning]): Span[] => [
      { text: `${sign}  `, size: 11, tone: sign === '/ actions' ? 'quiet' : 'plain', bold: meaning !== '' },
      { text: meaning === '' ? '   ' : `${meaning}     `, size: 11, tone: 'quiet' },
    ]);
}
