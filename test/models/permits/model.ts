/**
 * The flat model of a fleet's permits to restart: who holds one, who waits for one, and in which order.
 *
 * Written by hand from the rule that so many restarts may be under way at once, first come, first served. It
 * knows nothing of the charts.
 */

/** `starting` holds a permit; an agent that somebody starts holds none. */
export type Place = 'down' | 'up' | 'queued' | 'starting';
export type Deed = 'start' | 'crash' | 'ready' | 'fail' | 'stop';
export type Move = `${Deed} ${string}`;

export interface Fleet {
  readonly places: Readonly<Record<string, Place>>;
  /** Who waits for a permit, first come first. */
  readonly queue: readonly string[];
}

/** What a move must lead to: whom it lets restart, in order, and what becomes of the alert. */
export interface PermitsOutcome {
  readonly restarted: readonly string[];
  readonly alerts: readonly ('raised' | 'cleared')[];
}

const DEEDS: Readonly<Record<Deed, readonly Place[]>> = {
  start: ['down', 'queued'],
  crash: ['up'],
  ready: ['starting'],
  fail: ['starting'],
  stop: ['up', 'queued', 'starting'],
};

export function movesOf(agents: readonly string[]): readonly Move[] {
  return agents.flatMap((agent) => (Object.keys(DEEDS) as Deed[]).map((deed): Move => `${deed} ${agent}`));
}

export function isPossible({ places }: Fleet, move: Move): boolean {
  const [deed, agent] = partsOf(move);
  return DEEDS[deed].includes(places[agent]!);
}

export function firstFleet(agents: readonly string[]): Fleet {
  return { places: Object.fromEntries(agents.map((agent) => [agent, 'down'])), queue: [] };
}

/** Pure. */
export function play(permits: number, before: Fleet, move: Move): { fleet: Fleet; outcome: PermitsOutcome } {
  const [deed, agent] = partsOf(move);
  const places: Record<string, Place> = { ...before.places };
  let queue = before.queue;
  const restarted: string[] = [];
  const alerts: ('raised' | 'cleared')[] = [];
  const setQueue = (next: readonly string[]): void => {
    if (queue.length === 0 && next.length > 0) alerts.push('raised');
    if (queue.length > 0 && next.length === 0) alerts.push('cleared');
    queue = next;
  };
  const leave = (place: Place): void => {
    const came = places[agent];
    places[agent] = place;
    if (came === 'queued') setQueue(queue.filter((other) => other !== agent));
    if (came !== 'starting') return;
    const [next] = queue;
    if (next === undefined) return;
    setQueue(queue.slice(1));
    places[next] = 'starting';
    restarted.push(next);
  };
  const ask = (): void => {
    const out = Object.values(places).filter((place) => place === 'starting').length;
    places[agent] = out < permits ? 'starting' : 'queued';
    if (places[agent] === 'starting') restarted.push(agent);
    else setQueue([...queue, agent]);
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
  return { fleet: { places, queue }, outcome: { restarted, alerts } };
}

export function partsOf(move: Move): [Deed, string] {
  return move.split(' ') as [Deed, string];
}
