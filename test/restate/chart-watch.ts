/** What an inspector is told of charts, in words: `started a #1 alive.serving by agent.started`, with a number for each chart. */
import type { ChartObservation } from '../../src/runtime/engine/chart.ts';

export function chartWatch() {
  const told: ChartObservation[] = [];
  const charts = new Map<unknown, number>();
  const valueOf = (value: unknown): string =>
    typeof value === 'string'
      ? value
      : Object.entries(value as object)
          .map(([key, inner]) => `${key}.${valueOf(inner)}`)
          .join();
  return {
    observe: (observation: ChartObservation) => void told.push(observation),
    last: () => told.at(-1)!,
    shown: () =>
      told.splice(0).map(({ type, chart, snapshot, event }) => {
        if (!charts.has(chart)) charts.set(chart, charts.size + 1);
        const { id } = snapshot.context as { id: string };
        return `${type} ${id} #${charts.get(chart)} ${valueOf(snapshot.value)} by ${event.type}`;
      }),
  };
}
