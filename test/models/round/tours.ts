/** Walks over a graph that take every one of its edges, each from the beginning. */
interface Edge {
  readonly from: string;
  readonly to: string;
}

/** Walks that begin at `first` and together take every edge that can be reached, in few steps. */
export function toursOf<E extends Edge>(first: string, edges: readonly E[]): E[][] {
  const from = new Map<string, E[]>();
  for (const edge of edges) {
    const ofState = from.get(edge.from);
    if (ofState) ofState.push(edge);
    else from.set(edge.from, [edge]);
  }
  const left = new Set(edges);
  const tours: E[][] = [];
  for (;;) {
    const tour: E[] = [];
    let at = first;
    for (let way = nearest(at); way.length > 0; way = nearest(at)) {
      for (const edge of way) left.delete(edge);
      tour.push(...way);
      at = way.at(-1)!.to;
    }
    if (tour.length === 0) return tours;
    tours.push(tour);
  }

  /** The shortest way whose last edge was not taken yet; empty when there is none. */
  function nearest(start: string): E[] {
    const came = new Map<string, E | undefined>([[start, undefined]]);
    for (const state of came.keys()) {
      for (const edge of from.get(state) ?? []) {
        if (left.has(edge)) return [...wayTo(state), edge];
        if (!came.has(edge.to)) came.set(edge.to, edge);
      }
    }
    return [];

    function wayTo(state: string): E[] {
      const way: E[] = [];
      for (let edge = came.get(state); edge; edge = came.get(edge.from)) way.unshift(edge);
      return way;
    }
  }
}
