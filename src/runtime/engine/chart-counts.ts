/**
 * How often each transition of a chart was taken by this program, and each guard said no.
 *
 * Counted by the compiled table as it goes, always: a number per row. Charts that XState's interpreter or the pure driver
 * runs, as for somebody who inspects by a plain function, are not counted.
 */
import type { AnyStateMachine, AnyTransitionDefinition } from 'xstate';
import { hashOfChart } from './chart-hash.ts';
import { compileChart } from './table/compiled-chart.ts';
import { nameOf, refusalOf, transitionsOf } from './transition-name.ts';

export interface ChartCounts {
  /** Id of the chart. */
  readonly chart: string;
  /** Of its definition: counts of another version are of another chart. */
  readonly hash: string;
  /** How often, by name: `agent.stopped: agent.start → alive`. */
  readonly transitions: Readonly<Record<string, number>>;
  /** How often a guard was asked and said no. That it said yes is told by its transition. */
  readonly refusals: Readonly<Record<string, number>>;
}

/** All of a chart, what was never taken included. */
export function countsOf(definition: AnyStateMachine): ChartCounts {
  const transitions: Record<string, number> = {};
  const refusals: Record<string, number> = {};
  for (const { transition, taken, refused } of compileChart(definition).candidates()) {
    const told = transition as unknown as AnyTransitionDefinition;
    // That an event is no matter here is nothing to be taken.
    if (!transitionsOf(transition.source).includes(told)) continue;
    transitions[nameOf(told)] = taken;
    if (transition.guard !== undefined) refusals[refusalOf(told)] = refused;
  }
  return { chart: definition.id, hash: hashOfChart(definition), transitions, refusals };
}
