/**
 * One chart in a body: XState's interpreter, which gets the body's requests as events.
 *
 * Owns the actor, the tasks whose events were taken and are not answered, and the answers of the present step.
 * Knows no host, store or fleet.
 *
 * I1  A step settles before it is reported: its answers, then its state, then the end of the chart.
 * I2  A task is answered once: by what the chart emits, by its cancellation, or by the end of the chart.
 * I3  After its end the chart runs nothing and reports nothing.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import {
  type AnyActor,
  type AnyActorRef,
  type AnyEventObject,
  type AnyMachineSnapshot,
  type AnyStateMachine,
  createActor,
  type InspectionEvent,
} from 'xstate';
import { OnceATurn } from '../../time/once-a-turn.ts';
import { errorInfoOf, inWords, isError } from '../../values/errors.ts';
import { tellListener } from '../../values/thenable.ts';
import { type AgentSelf, type AskedTask, Deferred, type Offer, TaskRefusal } from '../agent-self.ts';
import type { AgentLog, InitContext, Proposal, TaskContext, VariableContext } from '../contexts.ts';
import { countsFor, type InterpretedCounts } from '../../engine/interpreted-counts.ts';
import { giveBack, heldReferences, isActor, referencesOf, withActors } from './actor-references.ts';
import { bindAgent, type ChartAgent } from './agent-of.ts';
import { activeNodes, offeredEvents } from './chart-shape.ts';
import type { ChartSnapshot } from './chart-snapshot.ts';
import { DelayedEvents } from './delayed-events.ts';
import { replaced } from './plain-data.ts';
import {
  type Interrupted,
  type OpenTask,
  plainIfError,
  type SavedChart,
  withLastingIds,
  withoutInterrupted,
} from './saved-chart.ts';

export interface ChartRunOptions {
  readonly machine: AnyStateMachine;
  readonly identity: string;
  /** Names of the tasks whose events it may be sent, and which of them are answered by being taken. */
  readonly tasks: ReadonlyMap<string, { readonly isTaken: boolean }>;
  /** Whether work of that name, interrupted, is done again. */
  readonly isRepeated: (src: string) => boolean;
  readonly inputOf: (context: InitContext<unknown>) => unknown;
}

/** A task that was taken. Nobody waits for one of an earlier incarnation, until it is asked for again. */
interface Taken {
  readonly task: string;
  incarnation: number;
  waiting?: { readonly answer: Deferred; readonly progress: (value: unknown) => void };
}

type Outcome = { readonly output: unknown } | { readonly thrown: unknown };

interface Emitted extends AnyEventObject {
  readonly taskId?: unknown;
  readonly output?: unknown;
  readonly error?: unknown;
  readonly roundId?: unknown;
  readonly vote?: unknown;
}

export class ChartRun {
  readonly #options: ChartRunOptions;
  readonly #self: AgentSelf;
  readonly #log: AgentLog;
  readonly #incarnation: number;
  readonly #agent: ChartAgent;
  readonly #actor: AnyActor;
  readonly #delayed: DelayedEvents;
  readonly #counts: InterpretedCounts;
  readonly #taken = new Map<string, Taken>();
  readonly #versions: Record<string, number>;
  readonly #votes = new Map<string, Deferred>();
  /** Answers of the step that were not reported yet. */
  #answers: { readonly to: Deferred; readonly outcome: Outcome }[] = [];
  #error: { readonly thrown: unknown } | undefined;
  #isReady = false;
  #isSending = false;
  #isSettling = false;
  readonly #soon = new OnceATurn(() => {
    if (!this.#isSending) this.#settle();
  });
  #isOver = false;
  #steps = 0;
  #savedSteps = -1;

  /** Begins, or goes on. @throws what the chart throws on its way to its first settled state */
  constructor(options: ChartRunOptions, context: InitContext<unknown>, restored: SavedChart | undefined) {
    const { agentId, incarnation, variables, resources, signal, log, self } = context;
    const { machine, inputOf, isRepeated } = options;
    this.#options = options;
    this.#self = self;
    this.#log = log;
    this.#incarnation = incarnation;
    this.#agent = {
      agentId,
      incarnation,
      variables,
      resources,
      signal,
      log,
      progress: (value, taskId) => this.#progress(value, taskId),
    };
    this.#delayed = new DelayedEvents(self.clock);
    this.#counts = countsFor(machine);
    self.count?.(this.#counts);
    // A chart that had ended begins anew.
    const saved = restored?.snapshot.status === 'active' ? withLastingIds(restored, incarnation) : undefined;
    this.#versions = { ...saved?.variables };
    for (const task of saved?.tasks ?? []) {
      if (task.incarnation >= incarnation - 1) this.#taken.set(task.taskId, { ...task });
    }
    const begun = saved ? withoutInterrupted(saved.snapshot, machine, isRepeated) : undefined;
    const held = begun ? heldReferences(begun.snapshot) : [];
    this.#actor = createActor(machine, {
      id: agentId,
      clock: this.#delayed.clock,
      inspect: (event) => this.#inspected(event),
      ...(begun ? { snapshot: begun.snapshot as never } : { input: inputOf(context) }),
    });
    this.#actor.subscribe({ error: (thrown) => this.#broke(thrown) });
    this.#actor.on('*', (event) => this.#heard(event));
    giveBack(this.#actor, held);
    this.#delayed.begin(this.#actor, saved?.delayed);
    signal.addEventListener('abort', () => this.#end(), { once: true });
    this.#begin(begun?.interrupted, context);
  }

  /** Sends a task's event. @throws TaskRefusal if the chart does not take it in its state */
  run(task: string, { taskId, input, signal, progress }: TaskContext<ChartRun, unknown>): unknown {
    const isAsked = this.#taken.has(taskId);
    const event = { type: task, input, taskId };
    if (!isAsked && !this.#snapshot.can(event)) throw this.#refusal(task);
    // The body hears of the answer by the time that the event is sent: an answer of the same step is none too early.
    const within = AsyncLocalStorage.snapshot();
    const answer: Deferred = new Deferred(() => {
      if (this.#options.tasks.get(task)?.isTaken) {
        this.#answers.push({ to: answer, outcome: { output: undefined } });
      } else {
        const taken: Taken = { task, incarnation: this.#incarnation, waiting: { answer, progress } };
        this.#taken.set(taskId, taken);
        signal.addEventListener('abort', () => this.#cancel(taskId, taken, signal.reason), { once: true });
      }
      if (isAsked) this.#changed();
      else within(() => this.#send(event));
    });
    return answer;
  }

  variableChanged({ name, value, version }: Omit<VariableContext<unknown>, 'state'>): void {
    this.#versions[name] = version;
    this.#sendIfTaken({ type: 'variable.changed', name, value, version });
  }

  /** Resolves with the chart's vote; a chart that does not take the question abstains. */
  vote(proposal: Proposal): unknown {
    const event = { type: 'vote.asked', proposal };
    if (!this.#snapshot.can(event)) return 'abstain';
    const answer: Deferred = new Deferred(() => {
      this.#votes.set(proposal.roundId, answer);
      this.#send(event);
    });
    return answer;
  }

  offer(task?: AskedTask): Offer {
    const { value } = this.#snapshot;
    const next = this.#next();
    if (task === undefined) return { next, state: value };
    const can = next.includes(task.type) && this.#snapshot.can({ ...task, taskId: 'asked' });
    return { next, state: value, can };
  }

  /** Its snapshot, to be saved. @throws Error that names what cannot be saved */
  saved(): SavedChart {
    this.#savedSteps = this.#steps;
    const persisted = this.#actor.getPersistedSnapshot() as unknown as ChartSnapshot;
    const saved: SavedChart = {
      chart: this.#options.identity,
      snapshot: withActors(persisted, this.#actor),
      delayed: this.#delayed.saved(),
      tasks: [...this.#taken].map(
        ([taskId, { task, incarnation }]): OpenTask => ({ taskId, task, incarnation }),
      ),
      variables: this.#versions,
    };
    const referenceTo = referencesOf(this.#actor);
    return replaced(saved, (part) => (isActor(part) ? referenceTo(part) : plainIfError(part))) as SavedChart;
  }

  get snapshot(): AnyMachineSnapshot {
    return this.#snapshot;
  }

  get #snapshot(): AnyMachineSnapshot {
    return this.#actor.getSnapshot() as AnyMachineSnapshot;
  }

  #begin(
    interrupted: readonly Interrupted[] | undefined,
    { previousStop, variables }: InitContext<unknown>,
  ): void {
    this.#isSending = true;
    this.#actor.start();
    if (interrupted) {
      for (const work of interrupted) this.#tellInterrupted(work);
      const tasks = [...this.#taken].map(([taskId, { task }]) => ({ taskId, task }));
      this.#sendIfTaken({ type: 'agent.restored', incarnation: this.#incarnation, previousStop, tasks });
    }
    for (const [name, version] of this.#self.versions) {
      if (this.#versions[name] === version) continue;
      this.#versions[name] = version;
      if (interrupted) this.#sendIfTaken({ type: 'variable.changed', name, value: variables[name], version });
    }
    this.#isSending = false;
    if (this.#error) throw this.#error.thrown;
    this.#isReady = true;
    this.#settle();
  }

  #tellInterrupted({ parent, id, src }: Interrupted): void {
    let actor: AnyActorRef | undefined = this.#actor;
    for (const step of parent) actor = actor && childrenOf(actor)[step];
    if (actor === undefined || !Object.hasOwn(childrenOf(actor), id)) return;
    const error = Object.assign(
      new Error(`${src} was under way when its agent ended, and is not done again`),
      {
        name: 'InterruptedError',
        code: 'INTERRUPTED',
      },
    );
    actor.send({ type: `xstate.error.actor.${id}`, actorId: id, error });
  }

  #sendIfTaken(event: AnyEventObject): boolean {
    const isTaken = !this.#isOver && this.#snapshot.can(event);
    if (isTaken) this.#send(event);
    return isTaken;
  }

  /** One event from outside: its step is settled when this returns, unless it came in the midst of another. */
  #send(event: AnyEventObject): void {
    const isInner = this.#isSending;
    this.#isSending = true;
    this.#actor.send(event);
    if (isInner) return;
    this.#isSending = false;
    this.#settle();
  }

  #inspected(event: InspectionEvent): void {
    if (event.type === '@xstate.actor') {
      bindAgent((event.actorRef as unknown as AnyActorRef).system, this.#agent);
    }
    if (event.type === '@xstate.snapshot') this.#changed();
    this.#counts.observe(event);
    const { observe } = this.#self;
    if (observe === undefined) return;
    tellListener(observe, event, (thrown) =>
      this.#log.error('an observer of charts threw', { error: errorInfoOf(thrown) }),
    );
  }

  /** Something has moved. What began outside of a `send`, a timer or a promise, is over by the next microtask. */
  #changed(): void {
    this.#steps += 1;
    if (!this.#isSending && this.#isReady) this.#soon.ask();
  }

  #settle(): void {
    if (this.#isSettling || this.#isOver || !this.#isReady) return;
    this.#isSettling = true;
    // An answer may bring the next task, and that the next answer.
    for (let answer = this.#answers.shift(); answer !== undefined; answer = this.#answers.shift()) {
      const { to, outcome } = answer;
      if ('thrown' in outcome) to.reject(outcome.thrown);
      else to.resolve(outcome.output);
    }
    const isDone = this.#snapshot.status === 'done';
    if (isDone) this.#failOpenTasks();
    this.#isSettling = false;
    if (this.#steps !== this.#savedSteps) this.#self.changed();
    if (!isDone || this.#isOver) return;
    this.#isOver = true;
    this.#self.complete();
  }

  #failOpenTasks(): void {
    for (const [taskId, { task, waiting }] of this.#taken) {
      this.#taken.delete(taskId);
      waiting?.answer.reject(new Error(`the chart has ended, and has not answered ${task}`));
    }
  }

  /** An event that the chart emits: an answer, or one that is ignored here. */
  #heard(event: Emitted): void {
    const { type } = event;
    if (type === 'vote.cast') return this.#voted(event);
    const dot = type.lastIndexOf('.');
    const [task, how] = [type.slice(0, dot), type.slice(dot + 1)];
    if ((how !== 'done' && how !== 'failed') || !this.#options.tasks.has(task)) return;
    const found = this.#answered(task, event.taskId);
    if (found === undefined) {
      const which = event.taskId === undefined ? task : `${task} ${inWords(event.taskId)}`;
      return this.#log.debug(`an answer to ${which}, for which nobody waits`);
    }
    this.#taken.delete(found.taskId);
    const to = found.taken.waiting?.answer;
    if (to === undefined) return;
    this.#answers.push({
      to,
      outcome: how === 'done' ? { output: event.output } : { thrown: failureOf(event) },
    });
  }

  /** The task that an answer is to: the one it names, or the one of its name that was taken last. */
  #answered(task: string, named: unknown): { readonly taskId: string; readonly taken: Taken } | undefined {
    if (named !== undefined) {
      const taken = typeof named === 'string' ? this.#taken.get(named) : undefined;
      return taken?.task === task ? { taskId: named as string, taken } : undefined;
    }
    const open = [...this.#taken].filter(([, taken]) => taken.task === task);
    const last = open.findLast(([, { waiting }]) => waiting !== undefined) ?? open.at(-1);
    return last && { taskId: last[0], taken: last[1] };
  }

  #voted({ roundId, vote }: Emitted): void {
    const last = [...this.#votes.keys()].at(-1);
    const asked = typeof roundId === 'string' ? roundId : last;
    const to = asked === undefined ? undefined : this.#votes.get(asked);
    if (asked === undefined || to === undefined) return;
    this.#votes.delete(asked);
    this.#answers.push({ to, outcome: { output: vote } });
  }

  /** The task was cancelled: the chart is told, and the agent is free. */
  #cancel(taskId: string, taken: Taken, reason: unknown): void {
    if (this.#isOver || this.#taken.get(taskId) !== taken) return;
    this.#taken.delete(taskId);
    const { message } = errorInfoOf(reason);
    this.#sendIfTaken({ type: 'task.cancelled', task: taken.task, taskId, reason: message });
    taken.waiting?.answer.reject(reason);
    this.#changed();
  }

  #progress(value: unknown, taskId: string | undefined): void {
    if (taskId !== undefined) return this.#taken.get(taskId)?.waiting?.progress(value);
    for (const { waiting } of this.#taken.values()) waiting?.progress(value);
  }

  #next(): readonly string[] {
    const nodes = activeNodes(this.#options.machine, this.#snapshot.value);
    return offeredEvents(nodes, [...this.#options.tasks.keys()]);
  }

  #refusal(task: string): TaskRefusal {
    const next = this.#next();
    const { machine } = this.#options;
    const where = `${machine.id} stands in ${inWords(this.#snapshot.value)}`;
    return next.includes(task)
      ? new TaskRefusal(`${where}, where a guard refuses ${task} with this input`, next)
      : new TaskRefusal(`${where}, which takes ${next.join(', ') || 'no task'}`, next);
  }

  #broke(thrown: unknown): void {
    this.#error ??= { thrown };
    if (!this.#isReady || this.#isOver) return;
    this.#end();
    this.#self.crash(thrown);
  }

  #end(): void {
    this.#isOver = true;
    this.#actor.stop();
  }
}

function childrenOf(actor: AnyActorRef): Readonly<Record<string, AnyActorRef>> {
  return (actor.getSnapshot() as { readonly children?: Record<string, AnyActorRef> }).children ?? {};
}

/** Why a task failed, as its chart says: an error as it is, anything else in words. */
function failureOf({ type, error }: Emitted): unknown {
  if (isError(error)) return error;
  return new Error(`${type}: ${typeof error === 'string' ? error : inWords(error)}`, { cause: error });
}
