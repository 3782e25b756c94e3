/**
 * A child of a chart, from the step that spawned it to its end.
 *
 * I1  One that is stopped in the step that spawned it is never brought to life.
 * I2  What it reports after its end, or after it was stopped, is dropped.
 */
import type { EventObject } from 'xstate';
import type { Child, ChildReport, ChartOptions } from './chart-contract.ts';

/** The chart of a child, as the child needs it. */
export interface Supervisor {
  send(event: EventObject): void;
  childEnded(child: SupervisedChild, event: ChildEndEvent): void;
}

export interface ChildEndEvent extends EventObject {
  readonly actorId: string;
  readonly output?: unknown;
  readonly error?: unknown;
}

export type ChildStage = 'pending' | 'running' | 'ended' | 'stopped';

export class SupervisedChild implements ChildReport {
  readonly id: string;
  readonly src: string;
  stage: ChildStage = 'pending';
  private readonly supervisor: Supervisor;
  /** Until it is brought to life with it: most keep nothing of it. */
  private input: unknown;
  private child: Child | undefined;
  /** Told before it was brought to life. */
  private early: EventObject[] | undefined;

  constructor(supervisor: Supervisor, id: string, src: string, input: unknown) {
    this.supervisor = supervisor;
    this.id = id;
    this.src = src;
    this.input = input;
  }

  /** Starts the child. A throw, or a missing implementation, is an error of the child. */
  start(options: Pick<ChartOptions, 'child'>): void {
    if (this.stage !== 'pending') return;
    this.stage = 'running';
    try {
      if (options.child === undefined) throw new Error(`nobody can bring the child "${this.src}" to life`);
      const { id, src, input } = this;
      this.input = undefined;
      this.child = options.child({ id, src, input }, this);
    } catch (thrown) {
      this.error(thrown);
      return;
    }
    const early = this.early;
    this.early = undefined;
    if (early !== undefined) for (const event of early) this.tell(event);
  }

  stop(): void {
    const wasRunning = this.stage === 'running';
    if (this.stage !== 'ended') this.stage = 'stopped';
    if (wasRunning) this.child?.stop();
  }

  tell(event: EventObject): void {
    if (this.stage === 'running') this.child?.send?.(event);
    else if (this.stage === 'pending') (this.early ??= []).push(event);
  }

  done(output: unknown): void {
    if (this.stage !== 'running') return;
    this.stage = 'ended';
    this.supervisor.childEnded(this, {
      type: doneTypeOf(this.id),
      output,
      actorId: this.id,
    });
  }

  error(error: unknown): void {
    if (this.stage !== 'running') return;
    this.stage = 'ended';
    this.supervisor.childEnded(this, { type: `xstate.error.actor.${this.id}`, error, actorId: this.id });
  }

  send(event: EventObject): void {
    if (this.stage === 'running') this.supervisor.send(event);
  }
}

/** The child that ended last, and the type of that event: charts of one definition follow each other. */
let newestId = '';
let newestDoneType = '';

function doneTypeOf(id: string): string {
  if (newestDoneType === '' || id !== newestId) {
    newestId = id;
    newestDoneType = asKey(`xstate.done.actor.${id}`);
  }
  return newestDoneType;
}

/** The same text as a key of an object has it: V8 has one string for all equal keys, and compares them by address. */
function asKey(text: string): string {
  return Object.keys({ [text]: true })[0]!;
}

/** An event for a child. */
export class Tell {
  /** `undefined` until it is known which child that is. */
  child: SupervisedChild | undefined;
  readonly event: EventObject;

  constructor(child: SupervisedChild | undefined, event: EventObject) {
    this.child = child;
    this.event = event;
  }

  deliver(): void {
    if (this.child === undefined) throw new Error(`nobody to be told of "${this.event.type}"`);
    this.child.tell(this.event);
  }
}
