/**
 * The flat model of a fleet's permits to restart: who holds one, who waits for one, and in which order.
 *
 * Written by hand from the rule: so many restarts may be under way at once, and one of each kind at least. Within a
 * kind it is first come, first served, and the kinds that wait have their turns. Who has held a permit for a whole
 * period, while others waited, holds it no longer. It knows nothing of the charts.
 */

/**
 * `starting` holds a permit, `lasting` did so already when this period began, and `hung` has lost it; an agent that
 * somebody starts holds none.
 */
export type Place = 'down' | 'up' | 'queued' | 'starting' | 'lasting' | 'hung';
export type Deed = 'start' | 'crash' | 'ready' | 'fail' | 'stop';
/** A period passes. */
export const PERIOD = 'period *';
export const PERIOD_MS = 60_000;
export type Move = `${Deed} ${string}` | typeof PERIOD;

export interface Fleet {
  readonly places: Readonly<Record<string, Place>>;
  /** Who waits for a permit, first come first, by kind: that whose turn it is comes first. */
  readonly queues: readonly (readonly string[])[];
}

/** What a move must lead to: whom it lets restart, in order, and what becomes of the alert. */
export interface PermitsOutcome {
  readonly restarted: readonly string[];
  readonly alerts: readonly ('raised' | 'cleared')[];
}

const DEEDS: Readonly<Record<Deed, readonly Place[]>> = {
  start: ['down', 'queued'],
  crash: ['up'],
  ready: ['starting', 'lasting', 'hung'],
  fail: ['starting', 'lasting', 'hung'],
  stop: ['up', 'queued', 'starting', 'lasting', 'hung'],
};

export function movesOf(agents: readonly string[]): readonly Move[] {
  return agents.flatMap((agent) => (Object.keys(DEEDS) as Deed[]).map((deed): Move => `${deed} ${agent}`));
}

export function isPossible({ places, queues }: Fleet, move: Move): boolean {
  if (move === PERIOD) return queues.length > 0;
  const [deed, agent] = partsOf(move);
  return DEEDS[deed].includes(places[agent]!);
}

export function firstFleet(agents: readonly string[]): Fleet {
  return { places: Object.fromEntries(agents.map((agent) => [agent, 'down'])), queues: [] };
}

/** Pure. */
export function play(permits: number, before: Fleet, move: Move): { fleet: Fleet; outcome: PermitsOutcome } {
  const places: Record<string, Place> = { ...before.places };
  let { queues } = before;
  const restarted: string[] = [];
  const alerts: ('raised' | 'cleared')[] = [];
  const setQueues = (next: readonly (readonly string[])[]): void => {
    const filled = next.filter(({ length }) => length > 0);
    if (queues.length === 0 && filled.length > 0) {
      alerts.push('raised');
      rename('starting', 'lasting');
    }
    if (queues.length > 0 && filled.length === 0) {
      alerts.push('cleared');
      rename('lasting', 'starting');
    }
    queues = filled;
  };
  const rename = (from: Place, to: Place): number => {
    const found = Object.keys(places).filter((other) => places[other] === from);
    for (const other of found) places[other] = to;
    return found.length;
  };
  const starting = (): string[] => Object.keys(places).filter((other) => hasPermit(places[other]!));
  const isOut = (kind: string): boolean => starting().some((other) => kindOf(other) === kind);
  /** The first of a queue restarts; its kind is the last again. */
  const serve = (queue: readonly string[]): void => {
    const [next, ...rest] = queue;
    places[next!] = 'starting';
    setQueues([...queues.filter((other) => other !== queue), rest]);
    restarted.push(next!);
  };
  if (move === PERIOD) {
    const reclaimed = rename('lasting', 'hung');
    rename('starting', 'lasting');
    for (let n = 0; n < reclaimed && queues.length > 0; n++) serve(queues[0]!);
    return { fleet: { places, queues }, outcome: { restarted, alerts } };
  }
  const [deed, agent] = partsOf(move);
  const leave = (place: Place): void => {
    const came = places[agent];
    places[agent] = place;
    if (came === 'queued') setQueues(queues.map((queue) => queue.filter((other) => other !== agent)));
    if (!hasPermit(came!)) return;
    const own = queues.find(([first]) => kindOf(first!) === kindOf(agent));
    if (own && !isOut(kindOf(agent))) serve(own);
    else if (queues.length > 0 && starting().length < permits) serve(queues[0]!);
  };
  const ask = (): void => {
    const kind = kindOf(agent);
    if (starting().length < permits || !isOut(kind)) {
      places[agent] = 'starting';
      restarted.push(agent);
      return;
    }
    places[agent] = 'queued';
    const own = queues.find(([first]) => kindOf(first!) === kind);
    setQueues(own ? queues.map((queue) => (queue === own ? [...own, agent] : queue)) : [...queues, [agent]]);
  };
  switch (deed) {
    case 'start':
    case 'ready':
      leave('up');
      break;
    case 'stop':
      leave('down');
      break;
    case 'crash':
    case 'fail':
      leave('down');
      ask();
      break;
  }
  return { fleet: { places, queues }, outcome: { restarted, alerts } };
}

function hasPermit(place: Place): boolean {
  return place === 'starting' || place === 'lasting';
}

/** What there is to see of a place. */
export function shownOf(place: Place): Place {
  return place === 'lasting' || place === 'hung' ? 'starting' : place;
}

export function partsOf(move: Move): [Deed, string] {
  return move.split(' ') as [Deed, string];
}

/** Agents are named after their kind: `a1` and `a2` are of kind `a`. */
export function kindOf(agent: string): string {
  return agent.slice(0, 1);
}
