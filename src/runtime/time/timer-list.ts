/**
 * Timers of one delay, behind a single timer of Node: the oldest is always due first, so that arming and clearing one
 * is a step in a list, whatever the number that are armed.
 *
 * Knows durations only, by a clock that no correction of the wall clock moves.
 *
 * I1  A timer fires once, no earlier than its delay less the millisecond that Node rounds off, in the order of arming.
 * I2  Those that are due together hold the program for no more than `TURN_MS` at a time.
 * I3  It keeps the program alive as long as one of its timers does, and no longer.
 * I4  A timer that throws keeps none of the others from firing.
 */
import { LONGEST_TIMER_MS } from './long-delay.ts';

/** How long timers that are due together may run before the program has its turn; ms. */
const TURN_MS = 4;
/** Timers that are run between two looks at the time. */
const LOOK_EVERY = 16;

export class Timer {
  readonly run: () => void;
  readonly dueAt: number;
  /** `undefined` once it has fired, or was cleared. */
  list: TimerList | undefined;
  previous: Timer | undefined = undefined;
  next: Timer | undefined = undefined;
  isRef = true;

  constructor(list: TimerList, run: () => void, dueAt: number) {
    this.list = list;
    this.run = run;
    this.dueAt = dueAt;
  }

  /** It no longer keeps the program alive. */
  unref(): this {
    if (this.isRef) {
      this.isRef = false;
      this.list?.released();
    }
    return this;
  }

  clear(): void {
    this.list?.remove(this);
  }
}

export class TimerList {
  private readonly delayMs: number;
  /** Told when it is empty and holds nothing of Node's any more. */
  private readonly idle: () => void;
  private first: Timer | undefined = undefined;
  private last: Timer | undefined = undefined;
  /** Timers that keep the program alive. */
  private refs = 0;
  /** Timers that were ever armed: a delay that is used once is not waited for when nobody needs it any more. */
  private armed = 0;
  private node: NodeJS.Timeout | undefined = undefined;
  /** Goes on with those that are due, after the program had its turn. */
  private rest: NodeJS.Immediate | undefined = undefined;
  private isFiring = false;

  constructor(delayMs: number, idle: () => void) {
    this.delayMs = delayMs;
    this.idle = idle;
  }

  arm(run: () => void): Timer {
    const timer = new Timer(this, run, performance.now() + this.delayMs);
    timer.previous = this.last;
    if (this.last === undefined) this.first = timer;
    else this.last.next = timer;
    this.last = timer;
    this.armed += 1;
    this.refs += 1;
    if (this.isFiring) return timer;
    if (this.rest === undefined && this.node === undefined) this.wait(this.delayMs);
    else if (this.refs === 1) (this.rest ?? this.node)?.ref();
    return timer;
  }

  remove(timer: Timer): void {
    const { previous, next } = timer;
    if (previous === undefined) this.first = next;
    else previous.next = next;
    if (next === undefined) this.last = previous;
    else next.previous = previous;
    timer.list = undefined;
    timer.previous = undefined;
    timer.next = undefined;
    if (timer.isRef) this.released();
    // A delay that is used again and again keeps its timer of Node: that costs less than a new one each time.
    if (this.first === undefined && this.armed === 1 && !this.isFiring) this.end();
  }

  /** One timer fewer keeps the program alive. */
  released(): void {
    this.refs -= 1;
    if (this.refs === 0) {
      (this.rest ?? this.node)?.unref();
    }
  }

  private wait(delayMs: number): void {
    const timeout = setTimeout(this.fire, Math.min(Math.max(1, Math.ceil(delayMs)), LONGEST_TIMER_MS));
    if (this.refs === 0) timeout.unref();
    this.node = timeout;
  }

  private readonly fire = (): void => {
    const startedAt = performance.now();
    let now = startedAt;
    this.isFiring = true;
    this.rest = undefined;
    this.node = undefined;
    try {
      for (let count = 1; this.first !== undefined && this.first.dueAt - now < 1; count++) {
        const { run } = this.first;
        this.remove(this.first);
        run();
        if (count % LOOK_EVERY !== 0) continue;
        now = performance.now();
        if (now - startedAt > TURN_MS) break;
      }
    } finally {
      this.isFiring = false;
      this.goOn(now);
    }
  };

  private goOn(now: number): void {
    const first = this.first;
    if (first === undefined) this.end();
    else if (first.dueAt - now >= 1) this.wait(first.dueAt - now);
    else {
      this.rest = setImmediate(this.fire);
      if (this.refs === 0) this.rest.unref();
    }
  }

  private end(): void {
    clearTimeout(this.node);
    this.node = undefined;
    this.idle();
  }
}
