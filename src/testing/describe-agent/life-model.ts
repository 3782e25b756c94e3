/**
 * An agent's life as a test sees it from outside: where it stands, what can be done to it there, and where it then
 * stands. Written from the pages, not from the charts; XState and `xstate/graph` find the paths.
 */
import { createMachine, type EventObject } from 'xstate';
import { getAdjacencyMap, getShortestPaths } from 'xstate/graph';
import type { LifeMove } from './moves.ts';

/**
 * Where an agent stands. `busy`: a task is held, and its caller waits; `overdue`: nobody waits any more, and it
 * still is; `waiting`: crashed, with a restart to come; `down`: crashed, and left so.
 */
export type Place =
  | 'registered'
  | 'idle'
  | 'busy'
  | 'overdue'
  | 'stopping'
  | 'waiting'
  | 'stopped'
  | 'down'
  | 'gone';

const anywhereAlive = { kill: 'waiting', crash: 'waiting', lose: 'idle', reboot: 'stopped' } as const;
const asItIs = (place: Place) => ({ health: place, variable: place, propose: place }) as const;

export const life: Readonly<Record<Place, Partial<Readonly<Record<LifeMove, Place>>>>> = {
  registered: { start: 'idle', lose: 'registered', reboot: 'registered', forget: 'gone' },
  idle: {
    ...asItIs('idle'),
    ...anywhereAlive,
    task: 'idle',
    'begin before': 'busy',
    'begin after': 'busy',
    stop: 'stopped',
  },
  busy: {
    ...asItIs('busy'),
    ...anywhereAlive,
    task: 'busy',
    release: 'idle',
    cancel: 'overdue',
    expire: 'overdue',
    stop: 'stopping',
  },
  overdue: { ...asItIs('overdue'), ...anywhereAlive, release: 'idle', stop: 'stopping' },
  stopping: { release: 'stopped', wait: 'stopped', kill: 'down', crash: 'down', lose: 'stopped' },
  waiting: { wait: 'idle', start: 'idle', stop: 'stopped', lose: 'waiting', forget: 'gone' },
  stopped: { start: 'idle', lose: 'stopped', reboot: 'stopped', forget: 'gone' },
  down: { start: 'idle', lose: 'down', reboot: 'down', forget: 'gone' },
  gone: {},
};

/** One move at one place. */
export interface Edge {
  readonly from: Place;
  readonly move: LifeMove;
  readonly to: Place;
}

export interface Route {
  /** The move that it is there for: its last. */
  readonly edge: Edge;
  readonly moves: readonly LifeMove[];
}

const model = createMachine({
  id: 'life',
  initial: 'registered',
  states: Object.fromEntries(Object.entries(life).map(([place, on]) => [place, { on }])),
});

const placeOf = ({ value }: { readonly value: unknown }): Place => value as Place;
const movesOf = (steps: readonly { readonly event: EventObject }[]): LifeMove[] =>
  steps.map(({ event }) => event.type as LifeMove).filter((type) => (type as string) !== 'xstate.init');

/** For each move at each place, with these moves alone, the shortest way to it. */
export function shortestRoutes(moves: ReadonlySet<LifeMove>): readonly Route[] {
  const events = [...moves].map((type) => ({ type }));
  const serializeState = placeOf as never;
  const ways = new Map(
    getShortestPaths(model, { events, serializeState }).map(({ state, steps }) => [
      placeOf(state),
      movesOf(steps),
    ]),
  );
  return edgesOf(moves).map((edge) => ({ edge, moves: [...ways.get(edge.from)!, edge.move] }));
}

/** Few and long walks over every move at every place, for hosts in which each start has its price. */
export function longRoutes(moves: ReadonlySet<LifeMove>, maxLength = 30): readonly (readonly LifeMove[])[] {
  const open = new Set(edgesOf(moves));
  const walks: LifeMove[][] = [];
  while (open.size > 0) {
    const walk: LifeMove[] = [];
    let place: Place = 'registered';
    for (;;) {
      const way = nearest(place, open, moves);
      if (way === undefined || (walk.length > 0 && walk.length + way.length > maxLength)) break;
      for (const edge of way) {
        open.delete(edge);
        walk.push(edge.move);
        place = edge.to;
      }
    }
    walks.push(walk);
  }
  return walks;
}

const edges = new Map<string, readonly Edge[]>();

/** Every move at every place that these moves lead to. */
function edgesOf(moves: ReadonlySet<LifeMove>): readonly Edge[] {
  const key = [...moves].join();
  let known = edges.get(key);
  if (known === undefined) {
    const events = [...moves].map((type) => ({ type }));
    const options = { events, serializeState: placeOf };
    const map = getAdjacencyMap(model as never, options as never);
    known = Object.values(map).flatMap(({ state }) => {
      const from = placeOf(state as never);
      return Object.entries(life[from])
        .filter(([move]) => moves.has(move as LifeMove))
        .map(([move, to]) => ({ from, move: move as LifeMove, to }));
    });
    edges.set(key, known);
  }
  return known;
}

/** The shortest way from a place over an edge that is still open, that edge included. */
function nearest(
  from: Place,
  open: ReadonlySet<Edge>,
  moves: ReadonlySet<LifeMove>,
): readonly Edge[] | undefined {
  const all = edgesOf(moves);
  const seen = new Set<Place>([from]);
  let ways: (readonly Edge[])[] = [[]];
  while (ways.length > 0) {
    const next: (readonly Edge[])[] = [];
    for (const way of ways) {
      const place = way.at(-1)?.to ?? from;
      for (const edge of all) {
        if (edge.from !== place) continue;
        if (open.has(edge)) return [...way, edge];
        if (seen.has(edge.to)) continue;
        seen.add(edge.to);
        next.push([...way, edge]);
      }
    }
    ways = next;
  }
  return undefined;
}
