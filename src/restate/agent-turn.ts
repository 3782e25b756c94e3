/**
 * One turn of an agent: something happens, its chart takes its steps, and what they want done comes back as acts.
 *
 * This is the whole mapping from the agent chart's effects to calls of an engine that is elsewhere. It decides nothing
 * of a life: what may happen is the shipped chart's to say, driven by pure steps. It is pure itself, but that it
 * changes the state it is given: time, chance, and where a body may run come in with what happens, and nothing is done
 * here. What one program's agent does in memory (runtime/agent/agent.ts) it does as data, in the same order.
 *
 * I1  What is sent to the chart while its effects are noted waits until they all are: run to completion.
 * I2  What an earlier incarnation says changes nothing, and is counted.
 * I3  Deadlines are one table. The wake that is outstanding is the earliest of them, or earlier.
 * I4  What a body tells twice is taken once: reports are numbered.
 */
import {
  type AgentCommand,
  type AgentCommandEvent,
  type AgentEffect,
  type AgentEvent,
  type AgentLife,
  agentMachine,
  type AlertKind,
  describeExit,
  type ErrorInfo,
  type ExitReason,
} from '../machines/index.ts';
import type { AgentRecord } from '../runtime/agent/agent-record.ts';
import type { KeptSpec } from '../runtime/agent/agent-services.ts';
import { commandRefusal } from '../runtime/agent/command-refusal.ts';
import { type Announcement, lifeEventOf } from '../runtime/agent/life-event.ts';
import { alertText, startFailure } from '../runtime/agent/life-words.ts';
import { type HealthReport, notRunning } from '../runtime/agent/liveness.ts';
import type { AgentManifest } from '../runtime/definition/manifest.ts';
import type { SavedState } from '../runtime/definition/saved-state.ts';
import { beginChart, type PlainEffect, type PlainStep, stepChart } from '../runtime/engine/pure-step.ts';
import { policyOf } from '../runtime/fleet/spec-reading.ts';
import type { BodyReport, BodyRequest, Usage } from '../runtime/hosting/host.ts';
import type { EventBody } from '../runtime/journal/system-event.ts';
import type { AlertType } from '../runtime/journal/system-event.ts';
import { type AgentState, positionOfState, recordOfState, type TaskEntry } from './agent-state.ts';
import { type Answer, refusalOf } from './answer.ts';
import { agentChartHash, chartRefusal, verdictOn } from './chart-version.ts';
import type { Occupant, Placement, PlacementWish } from './placement.ts';
import { type AskedWork, TaskLedger } from './task-ledger.ts';

/** What a body is told, beside what every body is told. */
export type BodyMessage =
  | { readonly type: 'open'; readonly previousStop: ExitReason | undefined; readonly manifest: AgentManifest }
  | { readonly type: 'kill' }
  | { readonly type: 'watch' }
  | { readonly type: 'unwatch' }
  | { readonly type: 'follow'; readonly taskId: string; readonly callId: string }
  | BodyRequest;

/** What a node tells of a body: what that says, what its health checks say, and its end. */
export type NodeReport =
  | Extract<
      BodyReport,
      {
        readonly type:
          | 'ready'
          | 'finished'
          | 'task.completed'
          | 'task.failed'
          | 'state.changed'
          | 'state.saved'
          | 'state.save_failed';
      }
    >
  | { readonly type: 'health'; readonly health: HealthReport; readonly verdict?: 'passed' | 'missed' }
  | { readonly type: 'exited'; readonly reason: ExitReason; readonly error?: ErrorInfo }
  | { readonly type: 'stuck' }
  | { readonly type: 'dropped' };

/** What a turn wants done, in order. */
export type Act =
  | { readonly do: 'tell'; readonly node: string; readonly message: BodyMessage }
  /** A `tell` of a task, whose input is at hand or kept. */
  | {
      readonly do: 'run';
      readonly node: string;
      readonly taskId: string;
      readonly task: string;
      readonly given: { readonly input: unknown } | undefined;
      /** By which its caller asks for its progress. */
      readonly followedAs: string | undefined;
    }
  | { readonly do: 'keepInput'; readonly taskId: string; readonly input: unknown }
  | { readonly do: 'dropInput'; readonly taskId: string }
  | { readonly do: 'keepState'; readonly state: SavedState }
  | { readonly do: 'answer'; readonly token: string; readonly answer: Answer }
  | { readonly do: 'requestPermit'; readonly occupant: Occupant }
  | { readonly do: 'releasePermit' }
  | { readonly do: 'withdrawPermit' }
  /** Its place on a node is free again. */
  | { readonly do: 'vacate'; readonly incarnation: number }
  /** It runs: rounds may ask it. */
  | { readonly do: 'serving'; readonly incarnation: number }
  | { readonly do: 'notServing'; readonly incarnation: number }
  /** It has ended where it was, to begin elsewhere. */
  | { readonly do: 'startElsewhere' }
  | { readonly do: 'forget' };

/** What is known of a moment. */
export interface Moment {
  /** Epoch ms. */
  readonly now: number;
  /** In [0, 1). */
  readonly chance: number;
}

export interface NewAgent {
  readonly id: string;
  readonly spec: KeptSpec;
  readonly manifest: AgentManifest;
}

type Told = EventBody & { readonly at: number };

export class AgentTurn {
  readonly state: AgentState;
  readonly moment: Moment;
  readonly acts: Act[] = [];
  readonly events: Told[] = [];
  readonly #ledger: TaskLedger;
  readonly #queue: AgentEvent[] = [];
  #isStepping = false;
  /** The life that is just being gone on with. */
  #resumed: AgentLife | undefined;
  #isForgotten = false;
  /** Who had it paused or resumed: answered with how it stands at the end of the step. */
  #held: readonly string[] = [];

  constructor(state: AgentState, moment: Moment) {
    this.state = state;
    this.moment = moment;
    this.#ledger = new TaskLedger(this);
  }

  /** The turn that makes an agent known. */
  static registering({ id, spec, manifest }: NewAgent, moment: Moment): AgentTurn {
    const begun = beginChart(agentMachine, { id, policy: policyOf(spec) });
    const turn = new AgentTurn(
      {
        format: 1,
        chart: agentChartHash(),
        id,
        registeredAt: moment.now,
        spec,
        manifest,
        life: begun.snapshot,
        known: undefined,
        seat: undefined,
        placement: undefined,
        deadlines: [],
        wakeAt: undefined,
        armed: 0,
        tasks: [],
        ended: [],
        mode: 'held',
        isBusy: false,
        counts: { done: 0, failed: 0, timedOut: 0, abandoned: 0, lastMs: 0, totalMs: 0, maxMs: 0 },
        abandoned: [],
        acceptedTasks: 0,
        isHeldBack: false,
        isResting: false,
        starting: [],
        ending: [],
        holding: [],
        isMoving: false,
        began: {},
        health: notRunning,
        usage: undefined,
        alerts: [],
        lastExit: undefined,
        dropped: 0,
        told: 0,
      },
      moment,
    );
    const agentType = manifest.type;
    turn.emit({ type: 'agent.registered', agentId: id, incarnation: 0, agentType, spec, manifest });
    turn.#note(begun.effects);
    return turn;
  }

  get now(): number {
    return this.moment.now;
  }

  /** It has ended where it was, and is to begin elsewhere. */
  get isBetweenPlaces(): boolean {
    return this.state.isMoving && positionOfState(this.state).status === 'stopped';
  }

  get isForgotten(): boolean {
    return this.#isForgotten;
  }

  get record(): AgentRecord {
    return recordOfState(this.state);
  }

  /**
   * Goes on under the chart of this code, where its snapshot is of another.
   *
   * @throws AgentSystemError `STORE_FAILED`, with both identities, for one that stands where this chart has no place
   */
  adoptChart(): void {
    const { id: agentId, chart, life, seat, known } = this.state;
    const charted = { agentId, chart, active: life.active, hasBody: seat !== undefined };
    const verdict = verdictOn(charted);
    if (verdict === 'same') return;
    if (verdict === 'refused') throw chartRefusal(charted);
    this.state.chart = agentChartHash();
    if (verdict === 'resumed') this.#resumeLife(known);
  }

  // What may be asked of it.

  /** @throws AgentSystemError of a command that its state does not allow */
  refuseUnless(command: AgentCommand): void {
    const position = positionOfState(this.state);
    // What moves is about to run again: tasks wait for that.
    if (command === 'execute' && this.state.isMoving) return;
    if (!position.legal.has(command)) throw commandRefusal(this.state.id, command, position);
  }

  /** Starts it on the node that it was given a place on. */
  start(
    command: 'agent.start' | 'agent.restart',
    placement: Placement,
    token: string | undefined,
    by?: string,
  ): void {
    this.state.isMoving = false;
    this.state.placement = placement;
    if (token !== undefined) this.state.starting.push(token);
    this.#send(withBy({ type: command, at: this.now }, by));
  }

  end(
    event: Extract<AgentEvent, { type: 'agent.stop' | 'agent.kill' }>,
    token: string | undefined,
    by?: string,
  ): void {
    // Whoever asks for its end does not want it elsewhere.
    this.state.isMoving = false;
    if (token !== undefined) this.state.ending.push(token);
    this.#send(withBy(event, by));
  }

  /** Ends it in order, to begin elsewhere; tasks that come meanwhile wait. Nothing to do for one that has no body. */
  move(): void {
    const { status } = positionOfState(this.state);
    if (status !== 'running' && status !== 'unresponsive') return;
    this.state.isMoving = true;
    this.#send({ type: 'agent.stop', at: this.now });
  }

  /** Pauses or resumes it. */
  hold(command: 'agent.pause' | 'agent.resume', by: string | undefined, token: string | undefined): void {
    if (token !== undefined) this.state.holding.push(token);
    this.#send(withBy({ type: command, at: this.now }, by));
  }

  forget(token: string | undefined, by?: string): void {
    if (token !== undefined) this.state.starting.push(token);
    this.#send(withBy({ type: 'agent.forget', at: this.now }, by));
  }

  execute(work: AskedWork): TaskEntry {
    return this.#ledger.accept(work);
  }

  cancel(
    by: { readonly taskId?: string; readonly callId?: string },
    why: string,
    isByCaller: boolean,
  ): boolean {
    return this.#ledger.cancel(by, why, isByCaller);
  }

  repeat(taskId: string): TaskEntry {
    return this.#ledger.repeat(taskId);
  }

  // What happens to it.

  /** It may restart, on that node. */
  permitGranted(placement: Placement): void {
    this.state.placement = placement;
    this.#send({ type: 'permit.granted', at: this.now });
  }

  /** What a node tells of an incarnation, numbered from `first` on; whether it is the living one. */
  reported(incarnation: number, first: number, reports: readonly NodeReport[], usage?: Usage): boolean {
    let number = first;
    for (const report of reports) {
      const { seat } = this.state;
      if (seat?.incarnation !== incarnation) {
        this.#dropped();
        continue;
      }
      // The same again: its sender did not hear that it was taken.
      if (number > seat.heard) {
        seat.heard = number;
        this.#report(report);
      }
      number += 1;
    }
    if (usage !== undefined && this.state.seat?.incarnation === incarnation) this.state.usage = usage;
    return this.state.seat?.incarnation === incarnation;
  }

  /** Its node is gone, or is taken for gone: it goes on from what its last event said, as after the loss of a program. */
  hostLost(node: string, incarnation: number): void {
    const { seat, known } = this.state;
    if (seat?.node !== node || seat.incarnation !== incarnation || known === undefined) return;
    const { at, startedFrom } = known;
    this.state.seat = undefined;
    this.state.usage = undefined;
    this.state.health = notRunning;
    this.state.lastExit = 'host_lost';
    this.acts.push({ do: 'notServing', incarnation });
    this.#ledger.lost();
    const isRolledBack = at === 'starting' && startedFrom !== 'restart';
    if (isRolledBack) this.#answerStart('host_lost');
    this.#resumeLife(known);
    if (isRolledBack) this.#answerEnd();
    this.#moveOn();
  }

  /** A new chart goes on with the life that its last event told of. */
  #resumeLife(known: AgentLife | undefined): void {
    const { id, spec } = this.state;
    this.state.deadlines = [];
    const begun = beginChart(agentMachine, { id, policy: policyOf(spec) });
    this.state.life = begun.snapshot;
    this.state.chart = agentChartHash();
    this.#note(begun.effects);
    if (known === undefined) return;
    this.#resumed = known;
    this.#send({ type: 'life.resumed', at: this.now, tick: this.now, life: known });
    this.#resumed = undefined;
  }

  /** Takes all deadlines that are due, in their order. */
  wake(): void {
    for (;;) {
      const chart = earliestOf(this.state.deadlines);
      const task = earliestOf(this.state.tasks.filter(isTimed));
      const isTask = task !== undefined && (chart === undefined || isBefore(task, chart));
      const due = isTask ? task : chart;
      if (due === undefined || due.dueAt > this.now) return;
      if (isTask) this.#ledger.timeOut(task);
      else {
        this.state.deadlines = this.state.deadlines.filter((other) => other !== chart);
        this.#send(chart!.event as AgentEvent);
      }
    }
  }

  /** When it has to be woken, if at all. */
  nextDueAt(): number | undefined {
    const chart = earliestOf(this.state.deadlines);
    const task = earliestOf(this.state.tasks.filter(isTimed));
    if (chart === undefined) return task?.dueAt;
    return task === undefined ? chart.dueAt : Math.min(task.dueAt, chart.dueAt);
  }

  /** What its next body asks of a node. */
  occupant(incarnation: number): Occupant {
    const { id, spec, manifest } = this.state;
    return {
      agentId: id,
      incarnation,
      type: manifest.type,
      isModule: 'url' in spec.module,
      memoryBytes: spec.resources.maxMemoryBytes ?? 0,
      wish: (spec as { readonly placement?: PlacementWish }).placement ?? {},
    };
  }

  // The chart at work.

  #send(event: AgentEvent): void {
    this.#queue.push(event);
    if (this.#isStepping) return;
    this.#isStepping = true;
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      const step: PlainStep<typeof agentMachine> = stepChart(agentMachine, this.state.life, next as never);
      this.state.life = step.snapshot;
      this.#note(step.effects);
    }
    this.#isStepping = false;
    const held = this.#held;
    this.#held = [];
    for (const token of held) this.answer(token, { value: this.record });
  }

  #note(effects: readonly PlainEffect[]): void {
    for (const effect of effects) {
      switch (effect.do) {
        case 'perform':
          this.#perform(effect.effect as AgentEffect);
          break;
        case 'arm':
          this.#arm(effect);
          break;
        case 'cancel':
          this.state.deadlines = this.state.deadlines.filter(({ id }) => id !== effect.id);
          break;
        case 'spawn':
          this.#open();
          break;
        case 'send':
          this.#queue.push(effect.event as AgentEvent);
          break;
        case 'stop':
          // The chart has let go of its body. Its end is commanded by an effect of its own.
          break;
      }
    }
  }

  #arm({ id, delayMs, event }: Extract<PlainEffect, { do: 'arm' }>): void {
    // `Infinity` is never.
    if (delayMs === Infinity) return;
    this.state.deadlines = [
      ...this.state.deadlines.filter((other) => other.id !== id),
      { id, dueAt: this.now + delayMs, order: this.nextOrder(), event },
    ];
  }

  nextOrder(): number {
    this.state.armed += 1;
    return this.state.armed;
  }

  #perform(effect: AgentEffect): void {
    switch (effect.type) {
      case 'announce':
        return this.#announce(effect.params);
      case 'commandBody': {
        const { command } = effect.params;
        return this.#tell({ type: command === 'save' ? 'state.save' : command });
      }
      case 'commandMailbox': {
        const { command } = effect.params;
        if (command !== 'abandon') return this.#ledger[command]();
        return this.#ledger.abandonAll(
          `the agent has ended (${describeExit(this.state.lastExit ?? 'killed')})`,
        );
      }
      case 'watchHealth': {
        const { command } = effect.params;
        this.state.health = command === 'watch' ? { status: 'unknown', misses: 0 } : notRunning;
        return this.#tell({ type: command });
      }
      case 'handlePermit':
        return this.#handlePermit(effect.params.command);
      case 'raiseAlert':
        return this.#raiseAlert(effect.params.alert, effect.params.error);
      case 'clearAlerts':
        for (const { alert } of this.state.alerts) this.#clearAlert(alert);
        return;
      default:
        return unknownEffect(effect);
    }
  }

  /** Opens a body: the chart's only child. */
  #open(): void {
    const { incarnation, reason } = this.state.life.context;
    const { placement } = this.state;
    if (placement === undefined) throw new Error(`agent ${this.state.id} starts, and has no place on a node`);
    this.#ledger.hold();
    this.state.seat = { node: placement.node, incarnation, told: 0, heard: 0 };
    this.#tell({ type: 'open', previousStop: reason, manifest: this.state.manifest });
  }

  #handlePermit(command: 'request' | 'release' | 'withdraw'): void {
    if (command === 'request') {
      const occupant = this.occupant(this.state.life.context.incarnation + 1);
      this.acts.push({ do: 'requestPermit', occupant });
    } else if (command === 'release') this.acts.push({ do: 'releasePermit' });
    else this.acts.push({ do: 'withdrawPermit' });
  }

  #announce(said: Announcement): void {
    const { event, life, reason = 'killed' } = said;
    this.state.known = life;
    this.emit(lifeEventOf(said, this.state.id, [...this.state.abandoned], { now: () => this.now } as never));
    const { incarnation } = life;
    switch (event) {
      case 'agent.started':
        this.#answerStart();
        this.acts.push({ do: 'serving', incarnation });
        return this.#ledger.open(this.state.life.context.paused !== undefined);
      case 'agent.start_failed':
      case 'agent.stopped':
      case 'agent.completed':
      case 'agent.crashed':
        this.#answerStart(reason);
        this.#answerEnd();
        return;
      case 'agent.pausing':
      case 'agent.paused':
      case 'agent.resumed':
        this.#held = [...this.#held, ...this.state.holding];
        this.state.holding = [];
        return;
      case 'agent.stopping':
        this.acts.push({ do: 'notServing', incarnation });
        return;
      case 'agent.forgotten':
        this.#isForgotten = true;
        this.acts.push({ do: 'forget' });
        return this.#answer(this.state.starting, { value: undefined }, () => (this.state.starting = []));
      default:
    }
  }

  #raiseAlert(alert: AlertKind, error: ErrorInfo | undefined): void {
    if (this.state.alerts.some((other) => other.alert === alert)) return;
    const agentId = this.state.id;
    const why = this.state.lastExit ?? this.state.life.context.reason ?? 'killed';
    const message = alertText(this.state.spec, alert, why, error);
    const rested = this.#resumed;
    const wasRaised = rested?.at === 'awaitingOperator' || rested?.at === 'gaveUp';
    this.state.alerts.push({ alert, message, agentId, raisedAt: this.now });
    if (!wasRaised) this.emit({ type: 'alert.raised', alert, message, agentId });
  }

  #clearAlert(alert: AlertType): void {
    const left = this.state.alerts.filter((other) => other.alert !== alert);
    if (left.length === this.state.alerts.length) return;
    this.state.alerts = left;
    this.emit({ type: 'alert.cleared', alert, agentId: this.state.id });
  }

  // What the body tells, through its node.

  #report(report: NodeReport): void {
    const at = this.now;
    switch (report.type) {
      case 'ready':
        this.state.manifest = report.manifest;
        return this.#send({ type: 'body.ready', at, tick: at });
      case 'finished':
        return this.#send({ type: 'body.finished', at });
      case 'task.completed':
        if (report.state) this.#keepState(report.state);
        return this.#ledger.settle(report);
      case 'task.failed':
        return this.#ledger.settle(report);
      case 'state.changed':
        return this.#keepState(report.state);
      case 'state.saved':
        this.#keepState(report.state);
        return this.#send({ type: 'body.saved', at });
      case 'state.save_failed':
        return this.#send({ type: 'body.save_failed', at, error: report.error });
      case 'health':
        return this.#healthTold(report);
      case 'exited':
        return this.#exited(report.reason);
      case 'stuck':
        return this.#stuck();
      case 'dropped':
        return this.#dropped();
    }
  }

  #healthTold({ health, verdict }: Extract<NodeReport, { type: 'health' }>): void {
    if (this.state.health.status === 'not_running') return;
    this.state.health = health;
    const { status } = positionOfState(this.state);
    if (verdict === 'missed') this.#send({ type: 'health.missed', at: this.now });
    if (verdict === 'passed' && status === 'unresponsive')
      this.#send({ type: 'health.passed', at: this.now, busy: this.state.isBusy });
  }

  #exited(reason: ExitReason): void {
    const incarnation = this.state.seat!.incarnation;
    this.state.seat = undefined;
    this.state.usage = undefined;
    this.state.lastExit = reason;
    this.acts.push({ do: 'vacate', incarnation });
    this.#clearAlert('body_not_ending');
    const { now: at, chance } = this.moment;
    this.#send({
      type: 'xstate.done.actor.body',
      actorId: 'body',
      output: { reason, at, tick: at, chance },
    } as AgentEvent);
    this.#moveOn();
  }

  #moveOn(): void {
    if (!this.state.isMoving || positionOfState(this.state).isAlive) return;
    if (positionOfState(this.state).status === 'stopped') this.acts.push({ do: 'startElsewhere' });
    else this.state.isMoving = false;
  }

  #stuck(): void {
    const { id, spec } = this.state;
    const alert = 'body_not_ending';
    if (this.state.alerts.some((other) => other.alert === alert)) return;
    const message = `agent ${id} was killed, and its ${spec.isolation} host cannot end it: it runs on, past its limits, and may keep the program from exiting`;
    this.state.alerts.push({ alert, message, agentId: id, raisedAt: this.now });
    this.emit({ type: 'alert.raised', alert, message, agentId: id });
    this.#answerEnd();
  }

  #dropped(): void {
    this.state.dropped += 1;
  }

  #keepState(state: SavedState): void {
    const { id: agentId, life } = this.state;
    this.acts.push({ do: 'keepState', state });
    this.emit({
      type: 'agent.state_saved',
      agentId,
      incarnation: life.context.incarnation,
      bytes: Buffer.byteLength(state.json),
      stateVersion: state.stateVersion,
    });
  }

  // What its ledger wants done.

  emit(event: EventBody): void {
    this.state.told += 1;
    this.events.push({ ...event, at: this.now });
  }

  post(request: BodyRequest): void {
    this.#tell(request);
  }

  run(
    { id: taskId, task, isFollowed, callId }: TaskEntry,
    given: { readonly input: unknown } | undefined,
  ): void {
    const { seat } = this.state;
    if (seat === undefined) return;
    const followedAs = isFollowed ? callId : undefined;
    this.acts.push({ do: 'run', node: seat.node, taskId, task, given, followedAs });
  }

  keepInput(taskId: string, input: unknown): void {
    this.acts.push({ do: 'keepInput', taskId, input });
  }

  dropInput(taskId: string): void {
    this.acts.push({ do: 'dropInput', taskId });
  }

  answer(token: string, answer: Answer): void {
    this.acts.push({ do: 'answer', token, answer });
  }

  becameBusy(): void {
    this.#send({ type: 'mailbox.busy' });
  }

  becameIdle(): void {
    this.#send({ type: 'mailbox.idle' });
  }

  becameRested(): void {
    this.#send({ type: 'mailbox.rested' });
  }

  #tell(message: BodyMessage): void {
    const { seat } = this.state;
    if (seat !== undefined) this.acts.push({ do: 'tell', node: seat.node, message });
  }

  /** Answers those who wait for the start; with a reason, it is why the start failed. */
  #answerStart(failure?: ExitReason): void {
    const answer: Answer =
      failure === undefined
        ? { value: this.state.life.context.incarnation }
        : { refusal: refusalOf(startFailure(this.state.spec, failure, undefined)) };
    this.#answer(this.state.starting, answer, () => (this.state.starting = []));
  }

  /** Answers those who wait for the end with how it stands now. */
  #answerEnd(): void {
    if (this.state.ending.length === 0) return;
    this.#answer(this.state.ending, { value: this.record }, () => (this.state.ending = []));
  }

  #answer(tokens: readonly string[], answer: Answer, clear: () => void): void {
    clear();
    for (const token of tokens) this.answer(token, answer);
  }
}

/** Who asks, where they said so. */
function withBy(event: AgentCommandEvent, by: string | undefined): AgentCommandEvent {
  return by === undefined ? event : { ...event, by };
}

interface Due {
  readonly dueAt: number;
  readonly order: number;
}

function isTimed(task: TaskEntry): task is TaskEntry & Due {
  return task.dueAt !== undefined && !task.isAnswered;
}

function isBefore(one: Due, other: Due): boolean {
  return one.dueAt === other.dueAt ? one.order < other.order : one.dueAt < other.dueAt;
}

function earliestOf<Deadline extends Due>(deadlines: readonly Deadline[]): Deadline | undefined {
  let earliest: Deadline | undefined;
  for (const deadline of deadlines) {
    if (earliest === undefined || isBefore(deadline, earliest)) earliest = deadline;
  }
  return earliest;
}

function unknownEffect(effect: never): never {
  throw new Error(`the chart of an agent wants what nobody can do here: ${JSON.stringify(effect)}`);
}
