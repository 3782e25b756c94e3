/** The chart that is an agent's own behaviour: asked for while its view is open, and again when it may have moved. */
import { signal } from '@preact/signals';
import type { AgentChart } from '../../src/index.ts';
import { ask, part } from '../connection/api.ts';

/** Something may happen in a chart that no event tells of; ms. */
const AGAIN_MS = 1_000;
/** Steps that are kept. */
const MAX_STEPS = 6;

/** A step that was seen: the states that it left and entered. Between two looks there may have been more. */
export interface SeenStep {
  readonly at: number;
  readonly left: readonly string[];
  readonly entered: readonly string[];
}

export const ownChart = signal<AgentChart | undefined>(undefined);
/** The newest first. */
export const seenSteps = signal<readonly SeenStep[]>([]);

/** Keeps the chart of an agent up to date. Returns how to stop. */
export function followOwnChart(id: string): () => void {
  let timer = 0;
  let isStopped = false;
  const look = async () => {
    if (!document.hidden) await load();
    if (!isStopped) timer = window.setTimeout(() => void look(), AGAIN_MS);
  };
  const load = async () => {
    try {
      const { chart } = await ask<{ chart: AgentChart | null }>(`agents/${part(id)}/chart`);
      // One that does not run now cannot be asked: it stands where it was seen last.
      if (!isStopped && chart !== null) show(chart);
    } catch {
      // The stream says when the server is gone, and the next look comes.
    }
  };
  void look();
  return () => {
    isStopped = true;
    clearTimeout(timer);
    ownChart.value = undefined;
    seenSteps.value = [];
  };
}

function show(chart: AgentChart): void {
  const before = ownChart.value?.active ?? chart.active;
  const left = before.filter((path) => !chart.active.includes(path));
  const entered = chart.active.filter((path) => !before.includes(path));
  ownChart.value = chart;
  if (left.length + entered.length === 0) return;
  seenSteps.value = [{ at: Date.now(), left, entered }, ...seenSteps.value].slice(0, MAX_STEPS);
}

/** The innermost of the states. */
export function leaves(active: readonly string[]): readonly string[] {
  return active.filter((path) => !active.some((other) => other.startsWith(`${path}.`)));
}
