/**
 * The flat model of a pool: how many members of each kind, how many tasks wait, and what every move leads to.
 *
 * Written by hand from what a pool promises. It knows nothing of the charts, and members of one kind are alike.
 */

export interface PoolSetup {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly target: number;
  readonly queueLimit: number;
  /** What the whole system has room for. */
  readonly maxAgents: number;
  /** Starts that may be under way at once. */
  readonly maxStarts: number;
  /** What becomes of a member that crashes: an operator brings it back, or nobody does. */
  readonly policy: 'manual' | 'never';
  /** Whether its first members have yet to start. */
  readonly isOpening: boolean;
  /** Whether a body that is told to end takes its time: until the move `end`. */
  readonly isSlowToEnd: boolean;
  readonly deeds: readonly Deed[];
}

/** Starts that fail are tried again after these, ms; then the pool is degraded, and tries every `PROBE_MS`. */
export const BACKOFF_MS = [500, 1_000];
export const MAX_RESTARTS = 1;
export const PROBE_MS = 2_000;
export const CLOSE_MS = 10_000;

export type Deed =
  | 'task'
  | 'done'
  | 'done draining'
  | 'ready'
  | 'fail'
  | 'crash idle'
  | 'crash busy'
  | 'crash draining'
  | 'stop idle'
  | 'revive'
  | 'forget down'
  | 'end'
  | 'rival starts'
  | 'rival stops'
  | 'retry'
  | 'close'
  | 'halt'
  | 'deadline';
export type Move = Deed | `size ${number}`;

export type Mode =
  | 'opening'
  | 'balanced'
  | 'backing_off'
  | 'degraded'
  | 'closing'
  | 'halting'
  | 'closed'
  | 'halted';

export interface PoolLife {
  readonly mode: Mode;
  readonly wanted: number;
  /** The size that growth which is refused goes back to. */
  readonly floor: number;
  readonly isAsked: boolean;
  readonly isProving: boolean;
  /** Failures that count, and starts that backed off. */
  readonly failures: number;
  readonly attempts: number;
  readonly isDegradedTold: boolean;
  readonly isStarvedTold: boolean;
  /** Callers who wait for a size; what the first start since then failed with, and whether the size went back. */
  readonly waiters: number;
  readonly failure: string | undefined;
  readonly isRefused: boolean;
  /** Tasks that wait. */
  readonly queue: number;
  readonly idle: number;
  readonly busy: number;
  readonly starting: number;
  readonly down: number;
  /** Members on their way out that are not done yet, and such that are ending. */
  readonly finishing: number;
  readonly ending: number;
  /** An agent that is no member takes some of the room there is. */
  readonly hasRival: boolean;
  /** In a close: members that ended in order, and those that did not. */
  readonly stopped: number;
  readonly abandoned: number;
  /** Ms until starts are tried again. */
  readonly retryInMs: number | undefined;
}

/** What can be seen of a move. */
export interface PoolOutcome {
  /** How tasks were answered. */
  readonly answers: readonly string[];
  /** How the call of `create` was answered. */
  readonly created: readonly string[];
  /** How calls of `ensureSize` were. */
  readonly resized: readonly string[];
  /** Events `pool.scaled`. */
  readonly scaled: readonly string[];
  readonly alerts: readonly string[];
  readonly closed: readonly string[];
}

type Draft = { -readonly [Field in keyof PoolLife]: PoolLife[Field] };
type Told = { -readonly [Field in keyof PoolOutcome]: string[] };

export function movesOf({ deeds, min, max }: PoolSetup): readonly Move[] {
  const sizes = Array.from({ length: max - min + 1 }, (_, index): Move => `size ${min + index}`);
  return [...deeds, ...sizes];
}

/** A pool that was created; its first members run, unless it is opening. */
export function firstLife({ target, isOpening, maxStarts }: PoolSetup): PoolLife {
  return {
    mode: isOpening ? 'opening' : 'balanced',
    wanted: target,
    floor: target,
    isAsked: false,
    isProving: false,
    failures: 0,
    attempts: 0,
    isDegradedTold: false,
    isStarvedTold: false,
    waiters: 0,
    failure: undefined,
    isRefused: false,
    queue: 0,
    idle: isOpening ? 0 : target,
    busy: 0,
    starting: isOpening ? Math.min(target, maxStarts) : 0,
    down: 0,
    finishing: 0,
    ending: 0,
    hasRival: false,
    stopped: 0,
    abandoned: 0,
    retryInMs: undefined,
  };
}

const isServing = ({ mode }: PoolLife) =>
  mode === 'balanced' || mode === 'backing_off' || mode === 'degraded';
const isOver = ({ mode }: PoolLife) => mode === 'closed' || mode === 'halted';

export function isPossible(life: PoolLife, move: Move): boolean {
  if (isOver(life)) return false;
  switch (move) {
    case 'task':
    case 'close':
      return isServing(life);
    case 'halt':
      return isServing(life) || life.mode === 'opening';
    case 'done':
    case 'crash busy':
      return life.busy > 0;
    case 'done draining':
    case 'crash draining':
      return life.finishing > 0;
    case 'ready':
    case 'fail':
      return life.starting > 0;
    case 'crash idle':
    case 'stop idle':
      return life.idle > 0;
    case 'revive':
      return life.down > 0 && life.mode !== 'halting';
    case 'forget down':
      return life.down > 0 && life.mode !== 'closing' && life.mode !== 'halting';
    case 'end':
      return life.ending > 0;
    case 'rival starts':
      return isServing(life) && !life.hasRival;
    case 'rival stops':
      return life.hasRival;
    case 'retry':
      return life.retryInMs !== undefined && isServing(life);
    case 'deadline':
      return life.mode === 'closing' || life.mode === 'halting';
    default:
      return isServing(life) && life.waiters === 0;
  }
}

/** Pure. */
export function play(
  setup: PoolSetup,
  before: PoolLife,
  move: Move,
): { readonly life: PoolLife; readonly outcome: PoolOutcome } {
  const turn = new Turn(setup, { ...before });
  turn.make(move);
  return { life: turn.life, outcome: turn.told };
}

/** What the record of a pool must say. */
export function recordOf(life: PoolLife) {
  const { wanted, idle, busy, starting, down, finishing, ending, queue, retryInMs } = life;
  return {
    status: statusOf(life),
    wanted,
    live: idle + busy,
    idle,
    starting,
    down,
    draining: finishing + ending,
    waiting: queue,
    retryInMs,
  };
}

function statusOf(life: PoolLife): string {
  if (life.mode !== 'balanced') return life.mode === 'halting' ? 'closing' : life.mode;
  if (life.starting > 0 || sizeOf(life) < life.wanted) return 'growing';
  return life.finishing + life.ending > 0 ? 'shrinking' : 'steady';
}

/** All that decides what can follow. */
export function keyOf(life: PoolLife): string {
  return JSON.stringify({ ...life, attempts: Math.min(life.attempts, BACKOFF_MS.length - 1) });
}

function sizeOf({ idle, busy, starting, down }: PoolLife): number {
  return idle + busy + starting + down;
}

class Turn {
  readonly life: Draft;
  readonly told: Told = { answers: [], created: [], resized: [], scaled: [], alerts: [], closed: [] };
  readonly #setup: PoolSetup;

  constructor(setup: PoolSetup, life: Draft) {
    this.#setup = setup;
    this.life = life;
  }

  make(move: Move): void {
    const { life } = this;
    switch (move) {
      case 'task':
        if (life.idle === 0 && life.queue === this.#setup.queueLimit) {
          this.told.answers.push('TASK_QUEUE_FULL');
        } else life.queue += 1;
        break;
      case 'done':
        life.busy -= 1;
        this.told.answers.push('done');
        if (this.#isEnding) this.#end();
        else life.idle += 1;
        break;
      case 'done draining':
        life.finishing -= 1;
        this.told.answers.push('done');
        this.#end();
        break;
      case 'ready':
        life.starting -= 1;
        life.idle += 1;
        life.isProving = false;
        if (life.mode === 'degraded') this.#calm();
        if (life.mode === 'opening') this.#openOn();
        break;
      case 'fail':
        life.starting -= 1;
        if (life.mode === 'opening') this.#couldNotOpen();
        else this.#startFailed('AGENT_START_FAILED');
        break;
      case 'crash idle':
        life.idle -= 1;
        this.#crashed();
        break;
      case 'crash busy':
        life.busy -= 1;
        this.told.answers.push('TASK_ABANDONED');
        if (this.#isEnding) life.abandoned += 1;
        else this.#crashed();
        break;
      case 'crash draining':
        life.finishing -= 1;
        this.told.answers.push('TASK_ABANDONED');
        if (this.#isEnding) life.abandoned += 1;
        break;
      case 'stop idle':
        life.idle -= 1;
        this.#end();
        break;
      case 'revive':
        life.down -= 1;
        life.idle += 1;
        break;
      case 'forget down':
        life.down -= 1;
        break;
      case 'end':
        life.ending -= 1;
        if (this.#isEnding) life.stopped += 1;
        break;
      case 'rival starts':
        life.hasRival = this.#room > 0;
        break;
      case 'rival stops':
        life.hasRival = false;
        break;
      case 'retry':
        this.#retry();
        break;
      case 'close':
        this.told.scaled.push(`${life.wanted} to 0`);
        this.#shut('closing');
        break;
      case 'halt':
        this.#shut('halting');
        break;
      case 'deadline':
        this.#deadline();
        break;
      default:
        this.#resize(Number(move.slice('size '.length)));
    }
    this.#goOn();
  }

  /** What follows by itself. */
  #goOn(): void {
    const { life } = this;
    if (isServing(life)) this.#balance();
    for (; life.queue > 0 && life.idle > 0; life.queue -= 1) {
      life.idle -= 1;
      life.busy += 1;
    }
    if (isServing(life)) this.#tellIfSettled();
    else if (life.mode === 'closing') this.#closeOn();
    else if (life.mode === 'halting' && (life.queue === 0 || sizeOf(life) === 0)) this.#halted();
  }

  #balance(): void {
    const { life } = this;
    if (life.mode === 'balanced') {
      while (sizeOf(life) > life.wanted) this.#sendAway();
      for (; sizeOf(life) < life.wanted && life.finishing > 0; life.finishing -= 1) life.busy += 1;
      this.#start();
    }
  }

  /** As many as may start at once, those that there is no room for, too. */
  #start(): void {
    const { life } = this;
    for (;;) {
      const starts = this.#starts();
      if (life.mode !== 'balanced' || starts <= 0) return;
      const refusals = Math.max(0, starts - Math.max(0, this.#room));
      life.starting += starts;
      for (let refused = refusals; refused > 0; refused--) {
        life.starting -= 1;
        this.#startFailed('RESOURCES_EXHAUSTED');
      }
    }
  }

  #starts(): number {
    const { life } = this;
    const missing = Math.min(life.wanted - sizeOf(life), this.#setup.max - this.#total);
    return Math.min(missing, (life.isProving ? 1 : this.#setup.maxStarts) - life.starting);
  }

  #openOn(): void {
    const { life } = this;
    life.starting += Math.max(0, this.#starts());
    if (life.starting > 0) return;
    life.mode = 'balanced';
    this.told.created.push('done');
    if (life.wanted > 0) this.told.scaled.push(`0 to ${life.wanted}`);
  }

  /** Nothing is left of it. */
  #couldNotOpen(): void {
    const { life } = this;
    this.told.created.push('AGENT_START_FAILED');
    life.idle = 0;
    life.starting = 0;
    life.down = 0;
    life.mode = 'closed';
  }

  /** Bodies that there may still be. */
  get #room(): number {
    const { life } = this;
    return this.#setup.maxAgents - (this.#total - life.down) - (life.hasRival ? 1 : 0);
  }

  get #total(): number {
    const { life } = this;
    return sizeOf(life) + life.finishing + life.ending;
  }

  /** Whether a close has told all members to end. */
  get #isEnding(): boolean {
    return this.life.mode === 'closing' && this.life.queue === 0;
  }

  /** The least useful first. */
  #sendAway(): void {
    const { life } = this;
    if (life.down > 0) life.down -= 1;
    else if (life.starting > 0) {
      life.starting -= 1;
      this.#end();
    } else if (life.idle > 0) {
      life.idle -= 1;
      this.#end();
    } else {
      life.busy -= 1;
      life.finishing += 1;
    }
  }

  /** A body that runs is told to end. */
  #end(): void {
    if (this.#setup.isSlowToEnd) this.life.ending += 1;
    else if (this.#isEnding) this.life.stopped += 1;
  }

  #crashed(): void {
    const { life } = this;
    if (this.#setup.policy === 'manual') life.down += 1;
    else if (isServing(life)) this.#failed();
  }

  #startFailed(code: string): void {
    const { life } = this;
    if (!isServing(life)) return;
    if (life.waiters > 0) life.failure ??= code;
    const isExhausted = code === 'RESOURCES_EXHAUSTED';
    if (life.mode === 'balanced' && life.wanted > life.floor && (life.isAsked || isExhausted)) {
      const next = Math.max(
        life.floor,
        isExhausted ? Math.min(life.wanted - 1, sizeOf(life)) : life.wanted - 1,
      );
      this.told.scaled.push(`${life.wanted} to ${next}`);
      life.wanted = next;
      life.isRefused = true;
    } else if (life.mode === 'balanced' && isExhausted) {
      this.#raise('pool_starved');
      this.#backOff();
    } else this.#failed();
  }

  /** Something that speaks against the pool. Until it is tried again, what else fails is no news. */
  #failed(): void {
    const { life } = this;
    if (life.mode !== 'balanced') return;
    if (life.failures === MAX_RESTARTS) {
      life.mode = 'degraded';
      life.isProving = true;
      life.retryInMs = PROBE_MS;
      this.#raise('pool_degraded');
      for (; life.waiters > 0; life.waiters -= 1) this.told.resized.push('AGENT_START_FAILED');
    } else {
      life.failures += 1;
      this.#backOff();
    }
  }

  #backOff(): void {
    const { life } = this;
    life.mode = 'backing_off';
    life.isProving = true;
    life.retryInMs = BACKOFF_MS[life.attempts] ?? BACKOFF_MS.at(-1);
    life.attempts += 1;
  }

  #calm(): void {
    const { life } = this;
    life.mode = 'balanced';
    life.retryInMs = undefined;
  }

  #raise(alert: 'pool_degraded' | 'pool_starved'): void {
    const field = alert === 'pool_degraded' ? 'isDegradedTold' : 'isStarvedTold';
    if (this.life[field]) return;
    this.life[field] = true;
    this.told.alerts.push(`raised ${alert}`);
  }

  #clearAlerts(): void {
    const { life } = this;
    if (life.isDegradedTold) this.told.alerts.push('cleared pool_degraded');
    if (life.isStarvedTold) this.told.alerts.push('cleared pool_starved');
    life.isDegradedTold = false;
    life.isStarvedTold = false;
  }

  #retry(): void {
    const { life } = this;
    if (life.mode === 'backing_off') return this.#calm();
    const isMissing = sizeOf(life) < life.wanted && this.#total < this.#setup.max;
    if (life.starting === 0 && isMissing && this.#room > 0) life.starting += 1;
  }

  #resize(size: number): void {
    const { life } = this;
    if (size !== life.wanted) this.told.scaled.push(`${life.wanted} to ${size}`);
    life.waiters += 1;
    life.failure = undefined;
    life.isRefused = false;
    life.wanted = size;
    life.floor = Math.min(life.floor, size);
    life.isAsked = true;
    if (life.mode === 'degraded') {
      life.failures = 0;
      life.attempts = 0;
      life.isProving = false;
    }
    this.#calm();
  }

  #tellIfSettled(): void {
    const { life } = this;
    if (life.mode !== 'balanced' || statusOf(life) !== 'steady') return;
    life.floor = life.wanted;
    life.isAsked = false;
    life.isProving = false;
    const answer = (life.isRefused && life.failure) || 'done';
    for (; life.waiters > 0; life.waiters -= 1) this.told.resized.push(answer);
    life.failure = undefined;
    life.isRefused = false;
    this.#clearAlerts();
  }

  // The end.

  #shut(mode: 'closing' | 'halting'): void {
    const { life } = this;
    life.mode = mode;
    life.wanted = 0;
    life.retryInMs = undefined;
  }

  /** While tasks wait and anybody may do them, members stay. */
  #closeOn(): void {
    const { life } = this;
    if (life.queue > 0 && sizeOf(life) > 0) return;
    this.#abandonQueue();
    for (; life.starting > 0; life.starting -= 1) this.#end();
    for (; life.idle > 0; life.idle -= 1) this.#end();
    life.down = 0;
    if (life.busy + life.finishing + life.ending === 0) this.#closed();
  }

  #deadline(): void {
    const { life } = this;
    this.#abandonQueue();
    for (const kind of ['busy', 'finishing'] as const) {
      for (; life[kind] > 0; life[kind] -= 1) {
        this.told.answers.push('TASK_ABANDONED');
        life.abandoned += 1;
      }
    }
    life.abandoned += life.ending;
    life.ending = 0;
    if (!this.#setup.isSlowToEnd) return;
    life.abandoned += life.starting;
    life.starting = 0;
  }

  #abandonQueue(): void {
    for (; this.life.queue > 0; this.life.queue -= 1) this.told.answers.push('TASK_ABANDONED');
  }

  #closed(): void {
    const { life } = this;
    this.#over('closed');
    for (; life.waiters > 0; life.waiters -= 1) this.told.resized.push('POOL_UNKNOWN');
    this.told.closed.push(`${life.stopped} stopped, ${life.abandoned} abandoned`);
  }

  #halted(): void {
    this.#abandonQueue();
    this.#over('halted');
  }

  #over(mode: 'closed' | 'halted'): void {
    this.life.mode = mode;
    this.#clearAlerts();
  }
}
