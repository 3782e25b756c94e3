/**
 * The chart driven by XState's own interpreter: the reference of what a step is, and whatever somebody watches
 * through XState's inspection.
 *
 * XState decides what happens and in which order; nothing of it happens inside XState. Its actions, its clock and
 * its child actors only note what is to be done (provided-machine.ts), and the driver does it after the step.
 */
import { type Actor, type AnyStateMachine, createActor, type EventObject } from 'xstate';
import { tellListener } from '../values/thenable.ts';
import type { ChartInspectionEvent, ChartOptions } from './chart-contract.ts';
import { type ChildEndEvent, type SupervisedChild, Tell } from './child.ts';
import { Deadline } from './deadline.ts';
import { ChartDriver, type Delivery } from './driver.ts';
import { bugOf } from './settling.ts';
import { type ChildActor, endOf, Interpreted, type Noting, providedMachine } from './provided-machine.ts';
import { pathOf } from './state-path.ts';
import { TO, type Work } from './work.ts';

/** A deadline that XState's scheduler has set. */
class Scheduled extends Deadline implements Delivery {
  readonly run: () => void;
  readonly isForChild: boolean;

  constructor(run: () => void, delayMs: number, isForChild: boolean) {
    super(undefined, delayMs, UNKNOWN);
    this.run = run;
    this.isForChild = isForChild;
  }
}

/** XState knows which event that is. */
const UNKNOWN: EventObject = { type: '' };

/** The end of a child, which is one of XState's actors as well. */
class ChildEnd implements Delivery {
  readonly child: SupervisedChild;
  readonly event: ChildEndEvent;

  constructor(child: SupervisedChild, event: ChildEndEvent) {
    this.child = child;
    this.event = event;
  }
}

export class Interpreter extends ChartDriver implements Noting {
  readonly #children = new Map<SupervisedChild, ChildActor>();
  #actor: Actor<AnyStateMachine> | undefined;
  #work: Work | undefined;
  #taken: EventObject | undefined;
  #isForChild = false;
  /** Between the steps: what a child is to be told. */
  #told: Tell | undefined;
  #hasFailed = false;

  get value(): unknown {
    return this.#snapshot.value;
  }

  get context(): unknown {
    return this.#snapshot.context;
  }

  get path(): string {
    return pathOf(this.definition.root, this.value);
  }

  get #snapshot(): { readonly value: unknown; readonly context: unknown } {
    return this.#actor!.getSnapshot();
  }

  note(...[kind, payload]: Parameters<Work['add']>): void {
    this.#work?.add(kind, payload);
  }

  childStarted(child: SupervisedChild, actor: ChildActor): void {
    this.#children.set(child, actor);
    this.note(TO.spawn, child);
  }

  childReplaced(id: string): void {
    for (const child of this.#children.keys()) if (child.id === id) this.childStopped(child);
  }

  childStopped(child: SupervisedChild): void {
    this.#children.delete(child);
    if (child.stage === 'pending') child.stop();
    else this.note(TO.stop, child);
  }

  override childEnded(child: SupervisedChild, event: ChildEndEvent): void {
    this.accept(new ChildEnd(child, event));
  }

  childTold(child: SupervisedChild, event: EventObject): void {
    const tell = new Tell(child, event);
    if (this.#work === undefined) this.#told = tell;
    else this.note(TO.tell, tell);
  }

  scheduleForChild(isForChild: boolean): void {
    this.#isForChild = isForChild;
  }

  taking(event: EventObject): void {
    this.#taken = event;
  }

  override deadlineDue(deadline: Deadline): void {
    const scheduled = deadline as Scheduled;
    if (!scheduled.isForChild) {
      this.accept(scheduled);
      return;
    }
    // The child is told when its actor is done with it: it may answer, and its chart may stop it.
    try {
      scheduled.run();
    } catch {
      // Events for a child that could not be created are dropped.
    }
    const told = this.#told;
    this.#told = undefined;
    told?.deliver();
  }

  protected override init(input: unknown, work: Work): void {
    const { maxIterations, xstateInspect } = this.options;
    this.#actor = createActor(providedMachine(this.definition, maxIterations), {
      input,
      clock: {
        setTimeout: (run, delayMs) => {
          const deadline = new Scheduled(run, delayMs, this.#isForChild);
          this.note(TO.arm, deadline);
          return deadline;
        },
        clearTimeout: (deadline: unknown) => this.note(TO.disarm, deadline),
      },
      ...(xstateInspect ? { inspect: harmless(this.options) } : {}),
    });
    const actor = this.#actor;
    Interpreted.set(actor, this);
    actor.subscribe({
      error: (error) => {
        this.#hasFailed = true;
        this.fault = bugOf(this.definition, error);
      },
    });
    this.#act(work, () => actor.start());
  }

  protected override step(delivery: EventObject | Delivery, work: Work): EventObject {
    this.#act(work, () => {
      if (delivery instanceof Scheduled) delivery.run();
      else if (delivery instanceof ChildEnd) this.#endChild(delivery);
      else this.#actor!.send(delivery);
    });
    return this.#taken!;
  }

  protected override quit(work: Work): void {
    this.#act(work, () => this.#actor!.stop());
  }

  protected override supervised(): readonly SupervisedChild[] {
    const ids = Object.keys((this.#snapshot as { children?: object }).children ?? {});
    const place = new Map(ids.map((id, at) => [id, at]));
    return [...this.#children.keys()].toSorted((a, b) => place.get(a.id)! - place.get(b.id)!);
  }

  protected override release(): void {
    this.#actor?.stop();
  }

  #endChild({ child, event }: ChildEnd): void {
    const actor = this.#children.get(child);
    this.#children.delete(child);
    // One that was stopped after it had ended is no actor any more; that it had ended is still told.
    if (actor === undefined) this.#actor!.send(event);
    else endOf(actor, event);
  }

  #act(work: Work, act: () => void): void {
    this.#work = work;
    act();
    this.#work = undefined;
    if (this.#hasFailed) {
      this.status = 'error';
      return;
    }
    const { status, output } = this.#actor!.getSnapshot();
    this.status = status;
    this.output = output;
  }
}

function harmless(options: ChartOptions): (event: ChartInspectionEvent) => void {
  return (event) =>
    tellListener(options.xstateInspect!, event, (thrown) => options.onObserverFault?.(thrown));
}
