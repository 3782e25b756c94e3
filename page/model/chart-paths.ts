/** From a life as its records and events tell it to states of the agent's chart, and the way between two of them. Pure. */
import type { LifeStep } from '../../src/index.ts';

export interface Edge {
  readonly source: string;
  readonly target: string;
}

/** The deepest state of the agent's chart that is known after a step of a life. */
export function statesOf(steps: readonly LifeStep[]): readonly string[] {
  let gaveUp = false;
  return steps.map(({ status, type, restartAt }) => {
    if (type === 'agent.gave_up') gaveUp = true;
    else if (type === 'agent.starting') gaveUp = false;
    switch (status) {
      case 'starting':
        return 'alive.starting';
      case 'running':
        return 'alive.serving.running';
      case 'unresponsive':
        return 'alive.serving.unresponsive';
      case 'stopping':
        return 'alive.stopping';
      case 'crashed':
        return gaveUp ? 'crashed.gaveUp' : restartAt === undefined ? 'crashed' : 'crashed.waiting';
      default:
        return status;
    }
  });
}

/** Whether a state is `path` or inside of it. */
export function isWithin(state: string, path: string): boolean {
  return state === path || state.startsWith(`${path}.`);
}

const MAX_EDGES = 5;

/** The edges that a chart takes from one state to another: as few as lead there, those that say most. */
export function wayOf<Known extends Edge>(
  edges: readonly Known[],
  from: string,
  to: string,
): readonly Known[] {
  if (from === to) return [];
  let front: { readonly at: string; readonly way: readonly Known[] }[] = [{ at: from, way: [] }];
  const seen = new Set([from]);
  for (let length = 0; length < MAX_EDGES && front.length > 0; length++) {
    const next: typeof front = [];
    let best: readonly Known[] | undefined;
    for (const { at, way } of front) {
      for (const edge of edges) {
        if (!isWithin(at, edge.source)) continue;
        const longer = [...way, edge];
        if (isWithin(to, edge.target) || isWithin(edge.target, to)) {
          if (best === undefined || depthOf(longer) > depthOf(best)) best = longer;
        } else if (!seen.has(edge.target)) {
          seen.add(edge.target);
          next.push({ at: edge.target, way: longer });
        }
      }
    }
    if (best) return best;
    front = next;
  }
  return [];
}

function depthOf(way: readonly Edge[]): number {
  return way.reduce(
    (sum, { source, target }) => sum + source.split('.').length + target.split('.').length,
    0,
  );
}
