/**
 * One macrostep of a compiled chart: takes transitions until nothing is raised and no eventless one is enabled.
 *
 * It changes nothing but itself, and notes in its `Work` what is to be done: dropping it takes the step
 * back. Steps of several charts may be open at once, one inside another; they are used again.
 */
import {
  assign,
  cancel,
  emit,
  type EventObject,
  raise,
  sendParent,
  sendTo,
  spawnChild,
  stopChild,
} from 'xstate';
import { SupervisedChild, type Supervisor, Tell } from '../child.ts';
import { Deadline } from '../deadline.ts';
import { ChartNeverSettles } from '../settling.ts';
import { Call, TO, type Work } from '../work.ts';
import type { CompiledChart } from './compiled-chart.ts';
import type { HistoryValue } from './configuration.ts';
import {
  type Assignment,
  type Completion,
  DO,
  type Expression,
  type Invocation,
  type Line,
  type Message,
  type Operation,
} from './operations.ts';
import type { Plan, Position } from './position.ts';
import { Scope } from './scope.ts';

/** Where a compiled chart stands between its steps. */
export interface Standing {
  readonly position: Position;
  readonly context: unknown;
  readonly children: readonly SupervisedChild[];
  readonly history: HistoryValue | undefined;
}

export const NOBODY: readonly SupervisedChild[] = [];

export class Step {
  position!: Position;
  context: unknown;
  children!: readonly SupervisedChild[];
  history: HistoryValue | undefined;
  /** Whether the chart has reached its end, and with what. */
  isDone = false;
  output: unknown;
  event!: EventObject;

  private chart!: CompiledChart;
  private supervisor!: Supervisor;
  private work!: Work;
  private scopeSoFar: Scope | undefined;
  /** Events raised, from `taken` on not taken yet; used again like the step itself. */
  private readonly raised: (EventObject | undefined)[] = [undefined];
  private raisedCount = 0;
  private taken = 0;
  /** Whether the microstep has changed anything: an eventless transition that has not is not taken again. */
  private hasChanged = false;
  /** Sent to children that are not spawned yet. */
  private early: { tell: Tell; id: string }[] | undefined;

  begin(
    chart: CompiledChart,
    supervisor: Supervisor,
    work: Work,
    event: EventObject,
    standing: Standing,
  ): void {
    this.chart = chart;
    this.supervisor = supervisor;
    this.work = work;
    this.event = event;
    this.position = standing.position;
    this.context = standing.context;
    this.children = standing.children;
    this.history = standing.history;
  }

  /** Forgets everything, so that a step that is used again keeps nothing alive. */
  clear(): void {
    this.context = undefined;
    this.history = undefined;
    this.isDone = false;
    this.output = undefined;
    this.scopeSoFar = undefined;
    this.early = undefined;
    for (let at = 0; at < this.raisedCount; at++) this.raised[at] = undefined;
    this.raisedCount = 0;
    this.taken = 0;
  }

  get scope(): Scope {
    return (this.scopeSoFar ??= new Scope(this.context, this.event));
  }

  /** Takes one microstep, if there is one to take. */
  take(plan: Plan | undefined): void {
    this.hasChanged = false;
    if (plan === undefined) return;
    const { operations } = plan;
    for (let at = 0; at < operations.length; at++) this.do(operations[at]!);
    if (plan.recorded !== undefined) this.history = { ...this.history, ...plan.recorded };
    if (plan.changes) this.hasChanged = true;
    this.position = plan.next;
  }

  settle(limit: number): void {
    let isEventlessDue = true;
    for (let iteration = 1; !this.isDone; iteration++) {
      if (iteration > limit) throw new ChartNeverSettles(this.chart.definition.id, limit);
      const { position } = this;
      const eventless = isEventlessDue && !position.isAtRest ? position.eventless(this) : undefined;
      if (eventless !== undefined) {
        this.take(eventless);
        isEventlessDue = this.hasChanged;
        continue;
      }
      if (this.taken === this.raisedCount) return;
      this.event = this.raised[this.taken++]!;
      this.scopeSoFar = undefined;
      this.take(this.position.enabled(this));
      isEventlessDue = true;
    }
  }

  /** All children are to be stopped. */
  stopChildren(): void {
    for (const child of inOrder(this.children)) this.stop(child);
  }

  private do(operation: Operation): void {
    const { subject, params: given } = operation;
    const params = typeof given === 'function' ? (given as Expression)(this.scope, undefined) : given;
    switch (operation.kind) {
      case DO.effect:
        this.work.add(TO.perform, subject);
        return;
      case DO.effectWith:
        this.work.add(TO.perform, { type: subject as string, params });
        return;
      case DO.inline:
        this.runInline(subject as Expression);
        return;
      case DO.assign:
        this.assign((subject as Expression)(this.scope, params));
        return;
      case DO.assignEach:
        this.assignEach(subject as Assignment, params);
        return;
      case DO.raise:
        this.raise(subject as Message, params);
        return;
      case DO.cancel:
        this.work.add(TO.disarm, typeof subject === 'function' ? this.valueOf(subject, params) : subject);
        return;
      case DO.spawn:
        this.spawn(subject as Invocation);
        return;
      case DO.stop:
        this.stopNamed(this.valueOf(subject, params));
        return;
      case DO.send:
        this.send(subject as Message, params, operation.awaited);
        return;
      case DO.emit:
        this.perform('xstate.emit', { event: this.valueOf(subject, params) });
        return;
      case DO.log: {
        const { value, label } = subject as Line;
        this.perform('xstate.log', { value: this.valueOf(value, params), label });
        return;
      }
      case DO.enqueue:
        this.enqueue(subject as (given: unknown, params: unknown) => void, params, operation.awaited);
        return;
      case DO.resolve:
        this.resolve();
        return;
      case DO.complete: {
        const { type, output } = subject as Completion;
        this.put({ type, output: this.outputOf(output, this.event) } as EventObject);
        return;
      }
      case DO.finish: {
        const { type, output, final } = subject as Completion;
        this.isDone = true;
        if (final === undefined) return;
        const event = { type, output: this.outputOf(output, this.event) } as EventObject;
        this.output = this.outputOf(final, event);
      }
    }
  }

  /** Apart: a function written within `do` would cost every operation an object for what it shares with that. */
  private runInline(action: Expression): void {
    const { scope } = this;
    this.work.add(TO.run, new Call(() => action(scope, undefined)));
  }

  private valueOf(value: unknown, params: unknown): unknown {
    return typeof value === 'function' ? (value as Expression)(this.scope, params) : value;
  }

  private outputOf(output: unknown, event: EventObject): unknown {
    if (typeof output !== 'function') return output;
    return (output as Expression)(
      event === this.event ? this.scope : new Scope(this.context, event),
      undefined,
    );
  }

  private perform(type: string, params: unknown): void {
    this.work.add(TO.perform, { type, params });
  }

  /** As XState's `Object.assign({}, context, part)`: a copy by spread is the quicker half of it. */
  private assign(part: unknown): void {
    this.replace(Object.assign({ ...(this.context as object) }, part));
  }

  private assignEach({ keys, values }: Assignment, params: unknown): void {
    const next: Record<PropertyKey, unknown> = { ...(this.context as object) };
    for (let at = 0; at < keys.length; at++) {
      const value = values[at];
      next[keys[at]!] = typeof value === 'function' ? (value as Expression)(this.scope, params) : value;
    }
    this.replace(next);
  }

  private replace(context: object): void {
    this.context = context;
    this.scopeSoFar = undefined;
    this.hasChanged = true;
  }

  private put(event: EventObject): void {
    this.raised[this.raisedCount++] = event;
  }

  private raise({ event, id, delay }: Message, params: unknown): void {
    const raised = typeof event === 'function' ? (this.valueOf(event, params) as EventObject) : event;
    const delayMs = typeof delay === 'function' ? this.valueOf(delay, params) : delay;
    if (typeof delayMs === 'number') this.work.add(TO.arm, new Deadline(id, delayMs, raised));
    else this.put(raised);
  }

  private send(
    { event, id, delay, to }: Message,
    params: unknown,
    awaited: readonly string[] | undefined,
  ): void {
    const sent = this.valueOf(event, params) as EventObject;
    if (sent.type === 'xstate.error') throw new Error('sendTo: "xstate.error" is not supported');
    const delayMs = this.valueOf(delay, params);
    const target = this.valueOf(to, params);
    const isSelf = target === undefined || target === null || target === '#_internal';
    if (isSelf) {
      if (typeof delayMs === 'number') this.work.add(TO.arm, new Deadline(id, delayMs, sent));
      else this.work.add(TO.run, new Call(() => this.supervisor.send(sent)));
      return;
    }
    if (typeof target !== 'string') throw new TypeError('sendTo: expected the id of a child');
    const tell = new Tell(this.childFor(target, awaited), sent);
    if (tell.child === undefined) (this.early ??= []).push({ tell, id: target });
    if (typeof delayMs === 'number') this.work.add(TO.arm, new Deadline(id, delayMs, sent, tell));
    else this.work.add(TO.tell, tell);
  }

  /** `undefined` for one that is about to be spawned. */
  private childFor(target: string, awaited: readonly string[] | undefined): SupervisedChild | undefined {
    const id = target.startsWith('#_') ? target.slice(2) : target;
    if (id === target && awaited?.includes(id)) return undefined;
    const child = target === '#_parent' ? undefined : this.childNamed(id);
    if (child === undefined) {
      throw new Error(
        `Unable to send event to actor '${target}' from machine '${this.chart.definition.id}'.`,
      );
    }
    return child;
  }

  private childNamed(id: unknown): SupervisedChild | undefined {
    const { children } = this;
    for (let at = 0; at < children.length; at++) if (children[at]!.id === id) return children[at];
    return undefined;
  }

  private resolve(): void {
    if (this.early === undefined) return;
    for (const { tell, id } of this.early) tell.child = this.childNamed(id);
    this.early = undefined;
  }

  private spawn({ id, src, input }: Invocation): void {
    const name = this.valueOf(id, undefined);
    if (typeof name !== 'string') throw new TypeError('spawnChild: expected an id');
    const child = new SupervisedChild(this.supervisor, name, src, this.valueOf(input, undefined));
    const earlier = this.childNamed(name);
    if (earlier === undefined)
      this.children = this.children.length === 0 ? [child] : [...this.children, child];
    else {
      this.stop(earlier);
      this.children = this.children.map((one) => (one === earlier ? child : one));
    }
    this.work.add(TO.spawn, child);
    this.hasChanged = true;
  }

  private stopNamed(id: unknown): void {
    if (typeof id !== 'string' && id !== undefined && id !== null)
      throw new TypeError('stopChild: expected the id of a child');
    this.hasChanged = true;
    const child = this.childNamed(id);
    if (child === undefined) return;
    this.children = this.children.length === 1 ? NOBODY : this.children.filter((one) => one !== child);
    this.stop(child);
  }

  /** One that was spawned in this step never comes to life. */
  private stop(child: SupervisedChild): void {
    if (child.stage === 'pending') child.stop();
    else this.work.add(TO.stop, child);
  }

  private enqueue(
    collect: (given: unknown, params: unknown) => void,
    params: unknown,
    awaited: readonly string[] | undefined,
  ): void {
    const { scope } = this;
    const actions: unknown[] = [];
    const enqueue = Object.assign((action: unknown) => void actions.push(action), wrapped(actions));
    collect(
      new EnqueueScope(scope, enqueue, (guard) =>
        Boolean(this.chart.guardOf(guard).passes(scope, this.position)),
      ),
      params,
    );
    for (const action of actions) this.do(this.chart.operationOf(action, awaited));
  }
}

class EnqueueScope extends Scope {
  readonly enqueue: unknown;
  readonly check: (guard: unknown) => boolean;

  constructor({ context, event }: Scope, enqueue: unknown, check: (guard: unknown) => boolean) {
    super(context, event);
    this.enqueue = enqueue;
    this.check = check;
  }
}

const creators = { assign, cancel, raise, sendTo, sendParent, spawnChild, stopChild, emit };

function wrapped(actions: unknown[]): Record<string, (...given: unknown[]) => void> {
  return Object.fromEntries(
    Object.entries(creators).map(([name, create]) => [
      name,
      (...given: unknown[]) => void actions.push((create as (...given: unknown[]) => unknown)(...given)),
    ]),
  );
}

/** As XState's record of children has them: ids that are array indices first. */
export function inOrder(children: readonly SupervisedChild[]): readonly SupervisedChild[] {
  if (children.length < 2) return children;
  const byId = new Map(children.map((child) => [child.id, child]));
  const record: Record<string, unknown> = Object.create(null);
  for (const { id } of children) record[id] = true;
  return Object.keys(record).map((id) => byId.get(id)!);
}
