/**
 * What one step asks to be done, in order, until it is performed.
 *
 * Steps of several charts may be open at once, one inside an effect of another: each has its own list, and the lists
 * are used again, so that a step allocates none.
 */

/** Something that is to run in its place among the effects, such as an action that is a function without a name. */
export class Call {
  readonly run: () => unknown;

  constructor(run: () => unknown) {
    this.run = run;
  }
}

/** What is to be done with an entry's payload. */
export const TO = {
  /** A `ChartEffect`. */
  perform: 0,
  /** A `Call`. */
  run: 1,
  /** A `Deadline`. */
  arm: 2,
  /** The id of a deadline, or the `Deadline`. */
  disarm: 3,
  /** A `SupervisedChild`. */
  spawn: 4,
  /** A `SupervisedChild`. */
  stop: 5,
  /** A `Tell`. */
  tell: 6,
} as const;

export type WorkKind = (typeof TO)[keyof typeof TO];

/** Its list begins with a place: V8 takes an empty one for one of numbers, and compiles for that. */
export class Work {
  readonly kinds: WorkKind[] = [];
  readonly payloads: unknown[] = [undefined];
  count = 0;

  add(kind: WorkKind, payload: unknown): void {
    this.kinds[this.count] = kind;
    this.payloads[this.count] = payload;
    this.count += 1;
  }

  /** Forgets everything from `from` on. */
  cut(from: number): void {
    for (let at = from; at < this.count; at++) this.payloads[at] = undefined;
    this.count = from;
  }
}

/** As many as steps of a fleet are open at once; more are made when they are needed. */
const works = [new Work(), new Work(), new Work(), new Work()];
let open = 0;

export function openWork(): Work {
  const work = (works[open] ??= new Work());
  open += 1;
  return work;
}

/** Of the work that was opened last. */
export function closeWork(work: Work): void {
  if (work.count > 0) work.cut(0);
  open -= 1;
}
