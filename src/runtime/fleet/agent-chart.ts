/** The chart of an agent's own behaviour, as its body reports it. It may come from another process: a schema checks it. */
import { z } from 'zod';
import type { ChartOutline } from '../definition/chart-agent/chart-outline.ts';

/** An agent's own chart, and its current state. */
export interface AgentChart extends ChartOutline {
  /** Paths of the states that it is in, each before those within it. */
  readonly active: readonly string[];
}

const text = z.string().max(10_000);
const transition = z.object({ on: text, to: z.array(text).max(100), isGuarded: z.literal(true).optional() });
const outlineSchema = z.object({
  id: text,
  transitions: z.array(transition).max(100),
  states: z
    .array(
      z.object({
        path: text,
        type: z.enum(['atomic', 'compound', 'parallel', 'final', 'history']),
        isInitial: z.literal(true).optional(),
        description: text.optional(),
        transitions: z.array(transition).max(100),
      }),
    )
    .max(1_000),
});

/** The parts of an outline and a state that can be shown; `undefined` if it is not a chart. Pure. */
export function agentChart(outline: unknown, state: unknown): AgentChart | undefined {
  const read = outlineSchema.safeParse(outline);
  if (!read.success) return undefined;
  return { ...(read.data as ChartOutline), active: activePaths(state, '', 0) };
}

const MAX_LEVELS = 100;

function activePaths(value: unknown, within: string, level: number): string[] {
  if (level > MAX_LEVELS) return [];
  const parts: [string, unknown][] =
    typeof value === 'string'
      ? [[value, undefined]]
      : typeof value === 'object' && value !== null
        ? Object.entries(value)
        : [];
  return parts.flatMap(([key, inner]) => {
    const path = within === '' ? key : `${within}.${key}`;
    return [path, ...activePaths(inner, path, level + 1)];
  });
}
