/**
 * What all drivers have in common: the run-to-completion queue, the effects after the step, deadlines, children,
 * observers and the end.
 *
 * A driver says what a step is: it changes its state and notes in a `Work` what is to be done. Everything else is
 * here, once, so that the drivers can differ in nothing else. The invariants are those of chart.ts.
 */
import type { AnyStateMachine, EventObject } from 'xstate';
import { armDelay, clearDelay } from '../time/long-delay.ts';
import { tellListener } from '../values/thenable.ts';
import type {
  ChartEffect,
  ChartObservation,
  ChartOptions,
  ChartSnapshot,
  ChartStatus,
} from './chart-contract.ts';
import type { ChildEndEvent, SupervisedChild, Supervisor, Tell } from './child.ts';
import type { Deadline } from './deadline.ts';
import { type Call, closeWork, openWork, TO, type Work } from './work.ts';

/** An entry of the queue: an event, or another thing that a driver makes a step of. */
export interface Delivery {
  readonly event: EventObject;
}

export abstract class ChartDriver implements Supervisor {
  readonly definition: AnyStateMachine;
  status: ChartStatus = 'active';
  protected readonly options: ChartOptions;
  /** The options, if somebody is to be told of each step: charts of other owners have others, and each look costs. */
  private readonly told: ChartOptions | undefined;
  /** Of a chart that is done. */
  protected output: unknown = undefined;
  /** The bug that has ended it. */
  protected fault: unknown = undefined;
  private phase: 'resting' | 'stepping' | 'stopping' = 'resting';
  private queue: (EventObject | Delivery | undefined)[] | undefined = undefined;
  private queued = 0;
  /** The newest of those that are armed. */
  private deadlines: Deadline | undefined = undefined;

  constructor(definition: AnyStateMachine, options: ChartOptions) {
    this.definition = definition;
    this.options = options;
    this.told = options.changed === undefined && options.observe === undefined ? undefined : options;
  }

  abstract readonly value: unknown;
  abstract readonly context: unknown;
  abstract readonly path: string;

  /** Takes the first step; a throw is a bug of the chart. */
  protected abstract init(input: unknown, work: Work): void;
  /** Takes a step for an event, which it returns; a throw is a bug of the chart: then nothing has changed. */
  protected abstract step(delivery: EventObject | Delivery, work: Work): EventObject;
  /** Notes what a stop has to do. */
  protected abstract quit(work: Work): void;
  /** Children that have not been stopped, in the order in which they are. */
  protected abstract supervised(): readonly SupervisedChild[];

  /** Makes a step of a deadline that is due. */
  deadlineDue(deadline: Deadline): void {
    if (deadline.tell === undefined) this.accept(deadline.event);
    else deadline.tell.child?.tell(deadline.event);
  }

  childEnded(_child: SupervisedChild, event: ChildEndEvent): void {
    this.accept(event);
  }

  /** Lets go of what is the driver's own, once the chart has ended. */
  protected release(): void {}

  send(event: EventObject): void {
    this.accept(event);
  }

  snapshot(): ChartSnapshot<AnyStateMachine> {
    const { value, context, status, output } = this;
    return { value: value as string, context, status, output };
  }

  begin(input: unknown): void {
    this.phase = 'stepping';
    const event: EventObject & { input: unknown } = { type: 'xstate.init', input };
    const work = openWork();
    try {
      this.init(input, work);
    } catch (thrown) {
      this.spoil(thrown, work);
    }
    this.conclude('started', event, work);
    this.drain();
  }

  stop(): void {
    if (this.status !== 'active' || this.phase === 'stopping') return;
    const isStepping = this.phase === 'stepping';
    this.phase = 'stopping';
    this.queue = undefined;
    if (!isStepping) this.halt();
  }

  protected accept(delivery: EventObject | Delivery): void {
    if (this.status !== 'active' || this.phase === 'stopping') return;
    if (this.phase === 'stepping') {
      // There are rarely more than two, and a list that grows takes room for sixteen.
      if (this.queue === undefined) {
        this.queue = [delivery, undefined];
        this.queued = 1;
      } else this.queue[this.queued++] = delivery;
      return;
    }
    this.phase = 'stepping';
    this.take(delivery);
    this.drain();
  }

  private drain(): void {
    const { queue } = this;
    if (queue !== undefined) {
      // A stop, or any other end of the chart, drops the queue.
      for (let at = 0; this.queue === queue && at < this.queued; at++) this.take(queue[at]!);
      this.queue = undefined;
    }
    if (this.phase === 'stepping') this.phase = 'resting';
    else if (this.status === 'active') this.halt();
  }

  private take(delivery: EventObject | Delivery): void {
    const work = openWork();
    let event = delivery as EventObject;
    try {
      event = this.step(delivery, work);
    } catch (thrown) {
      this.spoil(thrown, work);
    }
    this.conclude('stepped', event, work);
  }

  private conclude(type: 'started' | 'stepped', event: EventObject, work: Work): void {
    const { told } = this;
    if (told !== undefined) {
      told.changed?.();
      if (told.observe !== undefined && this.status !== 'error') this.tell(type, event);
    }
    if (work.count > 0) this.perform(work);
    closeWork(work);
    if (this.status !== 'active') this.end(event);
  }

  /** A step has thrown. */
  private spoil(thrown: unknown, work: Work): void {
    work.cut(0);
    this.status = 'error';
    this.fault = thrown;
  }

  private halt(): void {
    const work = openWork();
    this.quit(work);
    this.status = 'stopped';
    this.perform(work);
    closeWork(work);
    this.end({ type: 'xstate.stop' });
  }

  private end(event: EventObject): void {
    this.queue = undefined;
    for (let armed = this.deadlines; armed !== undefined; armed = armed.earlier) {
      clearDelay(this.options.clock, armed.handle);
    }
    this.deadlines = undefined;
    if (this.status === 'error') for (const child of this.supervised()) this.stopForGood(child);
    this.release();
    if (this.options.observe !== undefined) this.tell('ended', event);
    if (this.status === 'error') this.options.onBug(this.fault);
    else if (this.status === 'done') this.options.onDone?.(this.output);
  }

  private perform(work: Work): void {
    const { kinds, payloads } = work;
    let at = 0;
    try {
      for (; at < work.count; at++) {
        const payload = payloads[at];
        switch (kinds[at]!) {
          case TO.perform:
            this.options.perform(payload as ChartEffect);
            break;
          case TO.run:
            (payload as Call).run();
            break;
          case TO.arm:
            this.arm(payload as Deadline);
            break;
          case TO.disarm:
            this.disarm(payload as Deadline | string | undefined);
            break;
          case TO.spawn:
            (payload as SupervisedChild).start(this.options);
            break;
          case TO.stop:
            (payload as SupervisedChild).stop();
            break;
          case TO.tell:
            (payload as Tell).deliver();
            break;
        }
      }
    } catch (thrown) {
      this.status = 'error';
      this.fault = thrown;
      // The rest is dropped, except for children that would otherwise never be stopped.
      for (at += 1; at < work.count; at++) {
        if (kinds[at] === TO.stop) this.stopForGood(payloads[at] as SupervisedChild);
      }
    }
  }

  /** What it throws changes nothing: the chart has a bug already. */
  private stopForGood(child: SupervisedChild): void {
    try {
      child.stop();
    } catch {
      // The first bug is the one that is told.
    }
  }

  private arm(deadline: Deadline): void {
    if (this.deadlines !== undefined) this.named(deadline.id);
    if (deadline.delayMs === Infinity) return;
    deadline.handle = armDelay(this.options.clock, this.due.bind(this, deadline), deadline.delayMs);
    deadline.earlier = this.deadlines;
    this.deadlines = deadline;
  }

  private due(deadline: Deadline): void {
    if (!this.forget(deadline)) return;
    this.named(deadline.id);
    this.deadlineDue(deadline);
  }

  private disarm(which: Deadline | string | undefined): void {
    const deadline = typeof which === 'object' ? which : this.named(which);
    if (deadline !== undefined && this.forget(deadline)) clearDelay(this.options.clock, deadline.handle);
  }

  /** The deadline that this id means; from now on it means none. */
  private named(id: string | undefined): Deadline | undefined {
    if (id === undefined) return undefined;
    for (let armed = this.deadlines; armed !== undefined; armed = armed.earlier) {
      if (armed.isNamed && armed.id === id) {
        armed.isNamed = false;
        return armed;
      }
    }
    return undefined;
  }

  /** Whether it was armed. */
  private forget(deadline: Deadline): boolean {
    let later: Deadline | undefined;
    for (let armed = this.deadlines; armed !== undefined; armed = armed.earlier) {
      if (armed === deadline) {
        if (later === undefined) this.deadlines = armed.earlier;
        else later.earlier = armed.earlier;
        return true;
      }
      later = armed;
    }
    return false;
  }

  private tell(type: ChartObservation['type'], event: EventObject): void {
    const { definition, options } = this;
    const observation = { type, chart: this, definition, snapshot: this.snapshot(), event };
    tellListener(
      options.observe!,
      type === 'ended' && this.status === 'error' ? { ...observation, error: this.fault } : observation,
      (thrown) => this.tellFault(thrown),
    );
  }

  /** Nor does it do harm who is told of the harm. */
  private tellFault(thrown: unknown): void {
    try {
      this.options.onObserverFault?.(thrown);
    } catch {
      // Nobody is left to be told.
    }
  }
}
