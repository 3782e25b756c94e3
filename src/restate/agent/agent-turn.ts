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
import { isDeepStrictEqual } from 'node:util';
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
  hasEndedForGood,
  type Parked,
} from '../../machines/index.ts';
import type { AgentRecord } from '../../runtime/agent/agent-record.ts';
import type { KeptSpec } from '../../runtime/agent/agent-terms.ts';
import { commandRefusal } from '../../runtime/agent/command-refusal.ts';
import { type Announcement, lifeEventOf } from '../../runtime/agent/life-event.ts';
import { alertText, startFailure } from '../../runtime/agent/life-messages.ts';
import { notRunning } from '../../runtime/agent/liveness.ts';
import { pendingFields } from '../../runtime/agent/pending-fields.ts';
import type { QuestionRecord } from '../../runtime/agent/question-record.ts';
import type { AgentManifest } from '../../runtime/definition/manifest.ts';
import type { SavedState } from '../../runtime/definition/saved-state.ts';
import { policyOf } from '../../runtime/fleet/spec-reading.ts';
import type { Usage } from '../../runtime/hosting/host.ts';
import type { EventBody, SpecChange } from '../../runtime/journal/system-event.ts';
import type { QuotaRecord } from '../../runtime/limits/quotas.ts';
import { type Answer, refusalOf } from '../engine/call-answer.ts';
import { ChartAtWork, type Due, earliestOf, takeAllDue } from '../engine/kept-chart.ts';
import { AgentBudgets } from '../limits/agent-budgets.ts';
import { AgentQuota } from '../limits/agent-quota.ts';
import type { Granted } from '../limits/budget-messages.ts';
import { type Occupant, type Placement, placeAsked } from '../nodes/placement.ts';
import { LedgerActs } from '../tasks/ledger-acts.ts';
import type { AskedWork, EndedTask, TaskEntry } from '../tasks/task-entries.ts';
import { TaskLedger } from '../tasks/task-ledger.ts';
import { TaskRequests } from '../tasks/task-requests.ts';
import type { Act, BodyMessage, Moment, NodeReport, RequestAnswer } from './agent-acts.ts';
import { AgentAlerts } from './agent-alerts.ts';
import { type AgentState, positionOfState, recordOfState } from './agent-state.ts';
import { agentChartHash, chartRefusal, verdictOn } from './chart-version.ts';
import { type NewAgent, newAgentState } from './new-agent.ts';

type Told = EventBody & { readonly at: number };

/** What comes with the loss of a node: the place of the next body, or a place in the queue for one. */
export interface LossOffer {
  readonly occupant: Occupant;
  readonly place: Placement | 'queued';
}

export class AgentTurn {
  readonly state: AgentState;
  readonly moment: Moment;
  readonly acts: Act[] = [];
  readonly events: Told[] = [];
  readonly #ledger: TaskLedger;
  readonly #ledgerActs: LedgerActs;
  readonly #chart: ChartAtWork<typeof agentMachine>;
  readonly #quota: AgentQuota;
  readonly #budgets: AgentBudgets;
  readonly #alerts: AgentAlerts;
  readonly #requests: TaskRequests;
  /** The life that is just being gone on with. */
  #resumed: AgentLife | undefined;
  #isForgotten = false;
  /** What it was offered with the loss of its node, until it takes that, or asks for something else. */
  #offer: LossOffer | undefined;
  /** Who had it paused or resumed: answered with how it stands at the end of the step. */
  #held: readonly string[] = [];

  constructor(state: AgentState, moment: Moment) {
    this.state = state;
    this.moment = moment;
    this.#quota = new AgentQuota(this);
    this.#budgets = new AgentBudgets(this);
    this.#ledgerActs = new LedgerActs(this, this.#quota, this.#budgets);
    this.#ledger = new TaskLedger(this.#ledgerActs);
    this.#alerts = new AgentAlerts(this);
    this.#requests = new TaskRequests(this, this.#ledger.asks, this.#budgets);
    this.#chart = new ChartAtWork(agentMachine, state, {
      now: moment.now,
      nextOrder: () => this.nextOrder(),
      perform: (effect) => this.#perform(effect as AgentEffect),
      spawn: () => this.#open(),
    });
  }

  /** The turn that makes an agent known. */
  static registering(added: NewAgent, moment: Moment): AgentTurn {
    const { id, spec, manifest } = added;
    const turn = new AgentTurn(newAgentState(added, moment), moment);
    const agentType = manifest.type;
    turn.emit({ type: 'agent.registered', agentId: id, incarnation: 0, agentType, spec, manifest });
    turn.#chart.begin({ id, policy: policyOf(spec) });
    return turn;
  }

  get now(): number {
    return this.moment.now;
  }

  get chance(): number {
    return this.moment.chance;
  }

  /** It has ended where it was, and is to begin elsewhere. */
  get isBetweenPlaces(): boolean {
    return this.state.isMoving && positionOfState(this.state).status === 'stopped';
  }

  /** What tasks asked with the reports of this turn, and are answered at once. */
  get requestAnswers(): readonly RequestAnswer[] {
    return this.#requests.answers;
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
    this.send(withBy({ type: command, at: this.now }, by));
  }

  end(
    event: Extract<AgentEvent, { type: 'agent.stop' | 'agent.kill' }>,
    token: string | undefined,
    by?: string,
  ): void {
    // A stop or a kill also ends its move to another node.
    this.state.isMoving = false;
    if (token !== undefined) this.state.ending.push(token);
    this.send(withBy(event, by));
  }

  /** Ends it in order, to begin elsewhere; tasks that come meanwhile wait. Nothing to do for one that has no body. */
  move(): void {
    const { status } = positionOfState(this.state);
    if (status !== 'running' && status !== 'unresponsive') return;
    this.state.isMoving = true;
    this.send({ type: 'agent.stop', at: this.now });
  }

  /** Pauses or resumes it. */
  hold(command: 'agent.pause' | 'agent.resume', by: string | undefined, token: string | undefined): void {
    if (token !== undefined) this.state.holding.push(token);
    this.send(withBy({ type: command, at: this.now }, by));
  }

  forget(token: string | undefined, by?: string): void {
    if (token !== undefined) this.state.starting.push(token);
    this.send(withBy({ type: 'agent.forget', at: this.now }, by));
  }

  execute(work: AskedWork): TaskEntry {
    return this.#ledger.accept(work);
  }

  cancel(
    by: { readonly taskId?: string; readonly callId?: string },
    why: string,
    cancel?: { readonly by?: string | undefined },
  ): boolean {
    return this.#ledger.cancel(by, why, cancel);
  }

  forgetTask(ended: EndedTask, by: string | undefined): void {
    this.#ledger.forget(ended, by);
  }

  /** @throws AgentSystemError `QUESTION_UNKNOWN`, `QUESTION_CLOSED`, `ANSWER_INVALID` */
  answerQuestion(id: string, value: unknown, by: string | undefined): QuestionRecord {
    return this.#ledger.answerQuestion(id, value, by);
  }

  repeat(ended: EndedTask, by: string | undefined): TaskEntry {
    return this.#ledger.repeat(ended, by);
  }

  /**
   * Its spec is another: what needs no new body is in force at once, the rest from the next one on.
   *
   * As agent.ts' `follow`, of what is kept.
   */
  follow(
    spec: KeptSpec,
    manifest: AgentManifest,
    changes: readonly SpecChange[],
    by: string | undefined,
  ): void {
    const { id: agentId, seat, next } = this.state;
    const { incarnation } = this.state.life.context;
    if (seat === undefined) this.state.manifest = manifest;
    else {
      const body = next?.body ?? { spec: this.state.spec, manifest: this.state.manifest };
      const pending = pendingFields(body, { spec, manifest }, false);
      this.state.next = pending.length === 0 ? undefined : { manifest, pending, body };
    }
    this.state.spec = spec;
    this.state.revision += 1;
    const agentType = manifest.type;
    const told = { agentId, incarnation, agentType, spec, manifest, changes, registered: 0 };
    this.emit({ type: 'agent.updated', ...told, ...(by === undefined ? {} : { by }) });
    this.send({ type: 'policy.changed', policy: policyOf(spec) });
    this.#ledger.follow();
    this.#tell({ type: 'spec.changed', health: spec.health, coordination: spec.coordination });
  }

  /** One that it has spawned. @returns whether it can have children: it has not ended for good */
  adopt(child: AgentState['children'][number]): boolean {
    const { known, children } = this.state;
    if (known !== undefined && hasEndedForGood(known.at)) return false;
    this.state.children = [...children.filter(({ id }) => id !== child.id), child];
    return true;
  }

  // The quota that it shares with others.

  /** How it stands with the quota that it shares; told when it joins, and whenever that changes. */
  quotaStands(parked: Parked | undefined): void {
    this.#quota.stands(parked);
  }

  /** Its own limit is taken as reset. @throws AgentSystemError `QUOTA_UNKNOWN` of one that it never ran into */
  liftQuota(by: string | undefined): QuotaRecord {
    return this.#quota.lift(by);
  }

  limitKnown(parked: Parked): void {
    this.#ledger.parked(parked);
  }

  quotaParked(parked: Parked): void {
    this.send({ type: 'quota.parked', at: this.now, parked });
  }

  quotaReleased(): void {
    this.send({ type: 'quota.released', at: this.now });
  }

  /** Tasks that wait for their turn, or run. */
  get load(): number {
    return this.#ledger.load;
  }

  nothingHoldsItBack(): void {
    this.#ledger.resume();
  }

  // What happens to it.

  /** It may restart, on that node; or begin there, where it has ended elsewhere to do so. */
  permitGranted(placement: Placement): void {
    this.state.hasPermit = true;
    if (this.isBetweenPlaces) return this.start('agent.start', placement, undefined);
    this.state.placement = placement;
    this.send({ type: 'permit.granted', at: this.now });
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
      } else if (report.type === 'request.made') this.#requests.madeAgain(report);
      number += 1;
    }
    if (usage !== undefined && this.state.seat?.incarnation === incarnation) this.state.usage = usage;
    return this.state.seat?.incarnation === incarnation;
  }

  /**
   * Its node is gone, or is taken for gone: it goes on from what its last event said, as after the loss of a program.
   *
   * @param offered a place for its next body: it takes that, or gives it back
   */
  hostLost(node: string, incarnation: number, offered?: LossOffer): void {
    const { seat, known } = this.state;
    if (seat?.node !== node || seat.incarnation !== incarnation || known === undefined) {
      if (offered !== undefined && !this.#asksItself(incarnation + 1)) this.#decline(incarnation + 1);
      return;
    }
    const { at, startedFrom } = known;
    this.state.hasPermit = undefined;
    this.state.seat = undefined;
    this.state.usage = undefined;
    this.state.health = notRunning;
    this.state.lastExit = 'host_lost';
    this.#ledger.lost();
    this.#quota.leave();
    const isRolledBack = at === 'starting' && startedFrom !== 'restart';
    if (isRolledBack) this.#answerStart('host_lost');
    this.#offer = offered;
    this.#resumeLife(known);
    if (isRolledBack) this.#answerEnd();
    this.#moveOn();
    // A restart after the loss of a node is due at once.
    this.wake();
    if (this.#offer !== undefined) this.#decline(incarnation + 1);
  }

  /** Whether it has asked for its next place itself, or has it, or is about to ask. */
  #asksItself(incarnation: number): boolean {
    const isThere = this.state.seat?.incarnation === incarnation;
    return isThere || this.isBetweenPlaces || positionOfState(this.state).path === 'crashed.queued';
  }

  #decline(incarnation: number): void {
    this.#offer = undefined;
    this.acts.push({ do: 'declineOffer', incarnation });
  }

  /** Its next place, where it was offered the one that it asks for: takes it, or waits for it. */
  #takeOffer(): boolean {
    const offer = this.#offer;
    this.#offer = undefined;
    if (offer === undefined) return false;
    const asked = this.occupant(this.state.life.context.incarnation + 1);
    if (!isDeepStrictEqual(offer.occupant, asked)) return false;
    if (offer.place !== 'queued') this.permitGranted(offer.place);
    return true;
  }

  /** A new chart goes on with the life that its last event told of. */
  #resumeLife(known: AgentLife | undefined): void {
    const { id, spec } = this.state;
    this.#takeNext();
    this.#chart.begin({ id, policy: policyOf(spec) });
    this.state.chart = agentChartHash();
    if (known === undefined) return;
    this.#resumed = known;
    this.send({ type: 'life.resumed', at: this.now, tick: this.now, life: known });
    this.#resumed = undefined;
  }

  /** Takes all deadlines that are due, in their order. */
  wake(): void {
    takeAllDue(
      () => this.#dues(),
      this.now,
      (due) => due.take(),
    );
  }

  /** When it has to be woken, if at all. */
  nextDueAt(): number | undefined {
    return earliestOf(this.#dues())?.dueAt;
  }

  /** Deadlines of its chart, of its own quota, and of its tasks. */
  *#dues(): Iterable<Due & { take(): void }> {
    for (const deadline of this.state.deadlines) {
      yield { ...deadline, take: () => this.#stepping(() => this.#chart.take(deadline)) };
    }
    for (const deadline of this.#quota.deadlines) {
      yield { ...deadline, take: () => this.#quota.take(deadline) };
    }
    yield* this.#ledger.dues();
  }

  /** What its next body asks of a node. */
  occupant(incarnation: number): Occupant {
    const { id, spec, manifest } = this.state;
    return { agentId: id, incarnation, ...placeAsked(spec, manifest.type) };
  }

  // The chart at work.

  send(event: AgentEvent): void {
    this.#stepping(() => this.#chart.send(event));
  }

  #stepping(step: () => void): void {
    const isOutermost = !this.#chart.isStepping;
    step();
    if (!isOutermost) return;
    const held = this.#held;
    this.#held = [];
    for (const token of held) this.answer(token, { value: this.record });
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
        if (command === 'finish') return this.#ledger.finish(this.#whyNothingBegins());
        if (command !== 'abandon') return this.#ledger[command]();
        return this.#ledger.abandonAll(
          `the agent has ended (${describeExit(this.state.lastExit ?? 'killed')})`,
        );
      }
      case 'watchHealth': {
        const { command } = effect.params;
        this.state.health = command === 'watch' ? { status: 'unknown', misses: 0 } : notRunning;
        if (command === 'unwatch') this.#tell({ type: command });
        return;
      }
      case 'handlePermit':
        return this.#handlePermit(effect.params.command);
      case 'raiseAlert':
        return this.#raiseAlert(effect.params.alert, effect.params.error);
      case 'clearAlerts':
        return this.#alerts.clearAll();
      default:
        return unknownEffect(effect);
    }
  }

  #whyNothingBegins(): string {
    const { ordered, paused } = this.state.life.context;
    if (ordered?.reason === 'normal') return 'the agent has completed';
    return `the agent is ending, and is ${paused === undefined ? 'parked' : 'paused'}`;
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
      if (this.#takeOffer()) return;
      const occupant = this.occupant(this.state.life.context.incarnation + 1);
      this.acts.push({ do: 'requestPermit', occupant });
    } else if (command === 'withdraw') this.acts.push({ do: 'withdrawPermit' });
    else if (this.state.hasPermit) {
      this.state.hasPermit = undefined;
      this.acts.push({ do: 'releasePermit' });
    }
  }

  #announce(said: Announcement): void {
    const { event, life, reason = 'killed' } = said;
    this.state.known = life;
    const { isAlive, comesBack, status } = positionOfState(this.state);
    const { id } = this.state;
    const abandoned = [...this.state.abandoned];
    this.emit(lifeEventOf(said, id, { abandoned }, { now: () => this.now } as never));
    const { incarnation } = life;
    switch (event) {
      case 'agent.started': {
        this.#answerStart();
        this.acts.push({ do: 'serving', incarnation });
        this.#ledger.open(this.#quota.join());
        break;
      }
      case 'agent.start_failed':
      case 'agent.stopped':
      case 'agent.completed':
      case 'agent.crashed':
        this.#answerStart(reason);
        this.#answerEnd();
        if (hasEndedForGood(life.at)) this.#endChildren();
        break;
      case 'agent.pausing':
      case 'agent.paused':
      case 'agent.resumed':
        this.#held = [...this.#held, ...this.state.holding];
        this.state.holding = [];
        break;
      case 'agent.stopping':
        this.acts.push({ do: 'notServing', incarnation });
        break;
      case 'agent.forgotten':
        this.#isForgotten = true;
        this.#ledger.discard('the agent was forgotten');
        this.#endChildren();
        this.acts.push({ do: 'forget' });
        this.#answer(this.state.starting, { value: undefined }, () => (this.state.starting = []));
        break;
      default:
    }
    if (!isAlive && !comesBack) this.#ledger.endWaits(`the agent is ${status}`);
  }

  #endChildren(): void {
    if (this.state.children.length > 0) this.acts.push({ do: 'endChildren' });
  }

  #raiseAlert(alert: AlertKind, error: ErrorInfo | undefined): void {
    const why = this.state.lastExit ?? this.state.life.context.reason ?? 'killed';
    const rested = this.#resumed;
    const isTold = rested?.at === 'awaitingOperator' || rested?.at === 'gaveUp';
    this.#alerts.raise(alert, alertText(this.state.spec, alert, why, error), isTold);
  }

  // What the body tells, through its node.

  #report(report: NodeReport): void {
    const at = this.now;
    switch (report.type) {
      case 'ready':
        this.state.manifest = report.manifest;
        return this.send({ type: 'body.ready', at, tick: at });
      case 'finished':
        return this.send({ type: 'body.finished', at });
      case 'task.completed':
        if (report.state) this.#keepState(report.state);
        return this.#ledger.settle(report);
      case 'task.failed':
        return this.#ledger.settle(report);
      case 'task.parked':
        return this.#ledger.park(report);
      case 'task.progress_watched':
        return this.#ledger.progressWatched(report.taskId, report.what);
      case 'request.made':
        return this.#requests.made(report);
      case 'request.withdrawn':
        return this.#ledger.asks.questions.withdrawn(report.taskId, report.requestId);
      case 'state.changed':
        return this.#keepState(report.state);
      case 'state.saved':
        this.#keepState(report.state);
        return this.send({ type: 'body.saved', at });
      case 'state.save_failed':
        return this.send({ type: 'body.save_failed', at, error: report.error });
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

  /** What became of what a task wants to spend. */
  reserved(act: Extract<Act, { do: 'reserve' }>, answer: Answer<Granted>): void {
    this.#requests.reserved(act, answer);
  }

  #healthTold({ health, verdict }: Extract<NodeReport, { type: 'health' }>): void {
    if (this.state.health.status === 'not_running') return;
    this.state.health = health;
    const { status } = positionOfState(this.state);
    if (verdict === 'missed') this.send({ type: 'health.missed', at: this.now });
    if (verdict === 'passed' && status === 'unresponsive')
      this.send({ type: 'health.passed', at: this.now, busy: this.state.isBusy });
  }

  #exited(reason: ExitReason): void {
    const incarnation = this.state.seat!.incarnation;
    this.state.seat = undefined;
    this.state.usage = undefined;
    this.state.lastExit = reason;
    this.#takeNext();
    this.#quota.leave();
    this.acts.push({ do: 'vacate', incarnation });
    this.#alerts.clear('body_not_ending');
    const { now: at, chance } = this.moment;
    this.send({
      type: 'xstate.done.actor.body',
      actorId: 'body',
      output: { reason, at, tick: at, chance },
    } as AgentEvent);
    this.#moveOn();
  }

  /** Its next body is made of the spec as it is now. */
  #takeNext(): void {
    const { next } = this.state;
    if (next === undefined) return;
    this.state.manifest = next.manifest;
    this.state.next = undefined;
  }

  #moveOn(): void {
    if (!this.state.isMoving || positionOfState(this.state).isAlive) return;
    if (!this.isBetweenPlaces) this.state.isMoving = false;
    else if (!this.#takeOffer()) this.acts.push({ do: 'startElsewhere' });
  }

  #stuck(): void {
    const { id, spec } = this.state;
    const message = `agent ${id} was killed, and its ${spec.isolation} host cannot end it: it runs on, past its limits, and may keep the program from exiting`;
    if (this.#alerts.raise('body_not_ending', message)) this.#answerEnd();
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
    this.events.push({ ...event, at: this.now });
  }

  answer(token: string, answer: Answer): void {
    this.acts.push({ do: 'answer', token, answer });
  }

  #tell(message: BodyMessage): void {
    this.#ledgerActs.post(message);
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

function unknownEffect(effect: never): never {
  throw new Error(`the chart of an agent wants what nobody can do here: ${JSON.stringify(effect)}`);
}
