/**
 * What is written on a picture: the lines inside a state's box and those on an edge. Pure.
 */
import {
  type ChartGraph,
  type ChartState,
  type ChartTransition,
  alternativesOf,
  showsActions,
  triggerName,
} from './chart-graph.ts';
import type { Bundle } from './routes.ts';
import { shortName } from './state-event.ts';
import { type Block, type Line, type Span, blockOf, lineWidth, wrap } from './text.ts';

/** How wide the text of a state around others may be. */
export type Heads = 'wide' | 'narrow';

const EDGE_TEXT_WIDTH = 215;
const BOX_TEXT_WIDTH = 265;
/** A state around others is as wide as they are; a narrow head leaves more room for the lines that cross it. */
const HEAD_TEXT_WIDTH = { wide: 205, narrow: 120 };
const SMALL = 10.5;
const ORDINALS = ['¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
const INDENT: Span = { text: '  ', size: SMALL, tone: 'quiet' };

/** `[isNormal]`, `[else]` for what is left after guarded alternatives, or nothing. */
export function guardText(graph: ChartGraph, transition: ChartTransition): string {
  if (graph.isOutline) return '';
  if (transition.guard !== undefined) return `[${transition.guard}]`;
  return alternativesOf(graph, transition).length > 1 ? '[else]' : '';
}

/** Where three or more alternatives are tried one after the other, their order is part of the rule. */
export function ordinalOf(graph: ChartGraph, transition: ChartTransition): string {
  const alternatives = graph.isOutline ? [] : alternativesOf(graph, transition);
  return alternatives.length > 2 ? (ORDINALS[alternatives.indexOf(transition)] ?? '') : '';
}

/** Event, guard and actions of the transitions that share one edge. */
export function edgeBlock(graph: ChartGraph, bundle: Bundle): Block {
  return blockOf(bundleLines(graph, bundle, EDGE_TEXT_WIDTH));
}

/** The title of a state, its kind and tags where they say more than its name, and what it is. */
export function titleBlock(state: ChartState, heads: Heads = 'wide'): Block {
  const kind = state.type === 'history' || state.type === 'parallel' ? [` (${state.type})`] : [];
  const tags = [...kind, ...state.tags.filter((tag) => tag !== state.key).map((tag) => ` #${tag}`)];
  const title: Line = [
    { text: state.path === '' ? 'everywhere' : state.key, size: 14, tone: 'plain', bold: true },
    ...tags.map((tag): Span => ({ text: tag, size: 10, tone: 'quiet' })),
  ];
  const words = (state.description ?? '').match(/\S+\s*/g) ?? [];
  const description = words.map((word): Span => ({ text: word, size: SMALL, tone: 'quiet', italic: true }));
  const width = state.type === 'compound' ? HEAD_TEXT_WIDTH[heads] : BOX_TEXT_WIDTH;
  return blockOf([title, ...wrap(description, width)]);
}

/** What a state does by itself: what it enters and leaves with, runs, and handles without an edge. */
export function bodyBlock(graph: ChartGraph, state: ChartState, bundles: readonly Bundle[]): Block {
  const own = bundles.filter(({ source, shownAs }) => source === state.path && shownAs !== 'edge');
  const actors = state.invokes.map(({ id, src }) =>
    id === src || /^\d+\./.test(id) ? src : `${id}: ${src}`,
  );
  return blockOf([
    ...actionLines('entry / ', state.entry),
    ...actors.flatMap((actor) => actionLines('runs / ', [actor])),
    ...own.flatMap((bundle) => bundleLines(graph, bundle, BOX_TEXT_WIDTH)),
    ...actionLines('exit / ', state.exit),
  ]);
}

/** Transitions of a bundle that differ by their event only are written as one; so are moves to the same part. */
function bundleLines(graph: ChartGraph, bundle: Bundle, maxWidth: number): Line[] {
  const alike = new Map<string, ChartTransition[]>();
  for (const transition of bundle.transitions) {
    const hasEffect = transition.actions.length > 0;
    const actions = showsActions(graph) ? transition.actions : [];
    const leads = isMove(bundle, transition)
      ? triggerName(transition.trigger)
      : leadsText(graph, bundle, transition);
    const key = JSON.stringify([guardText(graph, transition), hasEffect, actions, leads]);
    alike.set(key, [...(alike.get(key) ?? []), transition]);
  }
  return [...alike.values()].flatMap((transitions) => transitionLines(graph, bundle, transitions, maxWidth));
}

function transitionLines(
  graph: ChartGraph,
  bundle: Bundle,
  transitions: readonly ChartTransition[],
  maxWidth: number,
): Line[] {
  const { kind, shownAs, targets } = bundle;
  const [first] = transitions;
  if (!first) return [];
  const lead = shownAs === 'inside' && targets.length > 0 ? '↻ ' : '';
  const names = isMove(bundle, first)
    ? [triggerName(first.trigger)]
    : transitions.map((transition) => `${eventText(graph, transition)}${ordinalOf(graph, transition)}`);
  const head = names.map((name, index): Span => {
    const text = `${index === 0 ? lead : ' '}${name}${index === names.length - 1 ? '' : ','}`;
    return { text, size: 11.5, tone: kind, bold: true };
  });
  const guard = guardText(graph, first);
  const isNameless = names.length === 1 && names[0] === '';
  if (guard) head.push({ text: `${isNameless ? '' : ' '}${guard}`, size: SMALL, tone: 'plain' });
  const leads = isMove(bundle, first) ? movesText(transitions) : leadsText(graph, bundle, first);
  if (leads) head.push({ text: leads, size: SMALL, tone: kind });
  if (targets.length === 0 && first.actions.length === 0) {
    head.push({ text: ' (no effect)', size: SMALL, tone: 'quiet' });
  }
  const headLines = wrap(head, maxWidth, INDENT);
  const actions = showsActions(graph) ? actionLines('/ ', first.actions, maxWidth) : [];
  // In a box, which is wide anyway, one line does where both fit; an edge's label is better narrow.
  const together = [...head, { ...INDENT, text: ' ' }, ...(actions[0] ?? [])];
  const isOneLine = shownAs !== 'edge' && actions.length === 1 && lineWidth(together) <= maxWidth;
  return isOneLine ? [together] : [...headLines, ...actions];
}

/** A decision is told from an event by its colour: where it has a guard, that is its name. */
function eventText(graph: ChartGraph, transition: ChartTransition): string {
  const { trigger } = transition;
  return trigger.kind === 'always' && guardText(graph, transition) !== '' ? '' : triggerName(trigger);
}

/** Whether a transition is drawn from the state around its own: to the same part of another. */
function isMove({ source, shownAs }: Bundle, transition: ChartTransition): boolean {
  return shownAs === 'edge' && transition.source !== source;
}

function movesText(moves: readonly ChartTransition[]): string {
  const parts = moves.map(({ source }) => source.split('.').at(-1));
  return ` (${parts.join(' or ')}, as it was)`;
}

/** Where a line leads that says so in words: a jump, or one alternative of a shared edge. */
function leadsText(graph: ChartGraph, { shownAs, targets }: Bundle, transition: ChartTransition): string {
  if (shownAs === 'inside') return '';
  if (shownAs === 'jump') return ` → ${targets.map((target) => shortName(graph, target)).join(', ')}`;
  if (transition.targets.join() === targets.join()) return '';
  const [around = ''] = targets;
  return ` → ${transition.targets.map((target) => target.slice(around.length + 1) || target).join(', ')}`;
}

function actionLines(lead: string, names: readonly string[], maxWidth = BOX_TEXT_WIDTH): Line[] {
  const pieces = names.map((name, index): Span => {
    const text = `${index === 0 ? lead : ''}${name}${index === names.length - 1 ? '' : ', '}`;
    return { text, size: SMALL, tone: 'quiet' };
  });
  return wrap(pieces, maxWidth, INDENT);
}
