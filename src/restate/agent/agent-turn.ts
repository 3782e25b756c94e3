/**
 * One turn of an agent: it takes one event, its chart takes its steps, and their effects come back as acts.
 *
 * This is the whole mapping from the agent chart's effects to calls of an engine elsewhere. It decides nothing of a
 * life: the shipped chart says what may happen, driven by pure steps. It performs nothing: time, chance and places for
 * bodies come with the event, and the state that it is given is all it changes. What an agent of one program does in
 * memory (runtime/agent/agent.ts) it does as data, in the same order, and with the same parts: its bodies, its tasks,
 * its callers.
 *
 * I1  An event that is sent while the effects of a step are noted waits until all of them are: run to completion.
 * I2  Deadlines are one table. The wake that is outstanding is the earliest of them, or earlier.
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
  hasEndedForGood,
  type Parked,
} from '../../machines/index.ts';
import type { AgentRecord } from '../../runtime/agent/agent-record.ts';
import type { KeptSpec } from '../../runtime/agent/agent-terms.ts';
import { commandRefusal } from '../../runtime/agent/command-refusal.ts';
import { type Announcement, lifeEventOf } from '../../runtime/agent/life-event.ts';
import { alertText, whyNothingBegins } from '../../runtime/agent/life-messages.ts';
import { notRunning } from '../../runtime/agent/liveness.ts';
import type { QuestionRecord } from '../../runtime/agent/question-record.ts';
import type { AgentManifest } from '../../runtime/definition/manifest.ts';
import { policyOf } from '../../runtime/fleet/spec-reading.ts';
import type { Usage } from '../../runtime/hosting/host.ts';
import type { EventBody, SpecChange } from '../../runtime/journal/system-event.ts';
import type { QuotaRecord } from '../../runtime/limits/quotas.ts';
import { saidBy } from '../../runtime/values/act.ts';
import type { Answer } from '../engine/call-answer.ts';
import { ChartAtWork, type Due, earliestOf, takeAllDue } from '../engine/kept-chart.ts';
import { AgentBudgets } from '../limits/agent-budgets.ts';
import { AgentQuota } from '../limits/agent-quota.ts';
import { isAway } from '../engine/names.ts';
import type { Granted } from '../limits/budget-messages.ts';
import type { Occupant, Placement } from '../nodes/placement.ts';
import { LedgerActs } from '../tasks/ledger-acts.ts';
import type { AskedWork, EndedTask, TaskEntry } from '../tasks/task-entries.ts';
import { TaskLedger } from '../tasks/task-ledger.ts';
import { TaskRequests } from '../tasks/task-requests.ts';
import type { Act, BodyMessage, Moment, NodeReport, RequestAnswer } from './agent-acts.ts';
import { AgentAlerts } from './agent-alerts.ts';
import { AgentBodies } from './agent-bodies.ts';
import { AgentCallers } from './agent-callers.ts';
import { AgentPlaces, type LossOffer } from './agent-places.ts';
import { type AgentState, positionOfState, recordOfState } from './agent-state.ts';
import { agentChartHash, type Charted, chartRefusal, verdictOn } from './chart-version.ts';
import { type NewAgent, newAgentState } from './new-agent.ts';
import { takenUpLife } from './taken-up-life.ts';
import type { AbortReason } from '../tasks/abort-reason.ts';

type Told = EventBody & { readonly at: number };

export class AgentTurn {
  readonly state: AgentState;
  readonly moment: Moment;
  readonly acts: Act[] = [];
  readonly events: Told[] = [];
  readonly ledger: TaskLedger;
  readonly requests: TaskRequests;
  readonly quota: AgentQuota;
  readonly alerts: AgentAlerts;
  readonly callers: AgentCallers;
  readonly places: AgentPlaces;
  readonly #bodies: AgentBodies;
  readonly #budgets: AgentBudgets;
  readonly #ledgerActs: LedgerActs;
  readonly #chart: ChartAtWork<typeof agentMachine>;
  /** The life that is being resumed. */
  #resumed: AgentLife | undefined;
  #isForgotten = false;
  #isArriving = false;

  constructor(state: AgentState, moment: Moment) {
    this.state = state;
    this.moment = moment;
    this.#budgets = new AgentBudgets(this);
    this.quota = new AgentQuota(this);
    this.alerts = new AgentAlerts(this);
    this.callers = new AgentCallers(this);
    this.places = new AgentPlaces(this);
    this.#ledgerActs = new LedgerActs(this, this.quota, this.#budgets);
    this.ledger = new TaskLedger(this.#ledgerActs);
    this.requests = new TaskRequests(this, this.ledger.asks, this.#budgets);
    this.#bodies = new AgentBodies(this);
    this.#chart = new ChartAtWork(agentMachine, state, {
      now: moment.now,
      nextOrder: () => this.nextOrder(),
      perform: (effect) => this.#perform(effect as AgentEffect),
      spawn: () => this.#open(),
    });
  }

  /** The turn that makes an agent known. */
  static registering(added: NewAgent, moment: Moment): AgentTurn {
    const { id, spec, manifest, by } = added;
    const turn = new AgentTurn(newAgentState(added, moment), moment);
    const agentType = manifest.type;
    turn.emit({
      type: 'agent.registered',
      agentId: id,
      incarnation: 0,
      agentType,
      spec,
      manifest,
      ...saidBy(by),
    });
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
    return this.places.isBetween;
  }

  /** Whether its next life is this one, and waits for a place. */
  isWaitingFor(incarnation: number): boolean {
    const isWaiting = this.isBetweenPlaces || positionOfState(this.state).path === 'crashed.queued';
    return isWaiting && this.state.life.context.incarnation + 1 === incarnation;
  }

  /** Requests of tasks that came with the reports of this turn, and are answered at once. */
  get requestAnswers(): readonly RequestAnswer[] {
    return this.requests.answers;
  }

  get isForgotten(): boolean {
    return this.#isForgotten;
  }

  get record(): AgentRecord {
    return recordOfState(this.state);
  }

  /**
   * Goes on under the chart of this code if its snapshot is of another.
   *
   * @throws AgentSystemError `STORE_FAILED`, with both identities, for one whose last event told of a place that this
   * chart does not have
   */
  adoptChart(): void {
    const verdict = verdictOn(this.#charted);
    if (verdict === 'same') return;
    if (verdict === 'refused') throw chartRefusal(this.#charted);
    this.state.isUnlisted = true;
    if (verdict === 'resumed') this.#resumeLife(this.state.known);
    else this.#takeUpLife(this.state.known!);
  }

  /** Whether `adoptChart` succeeds. */
  get isReadable(): boolean {
    return verdictOn(this.#charted) !== 'refused';
  }

  get #charted(): Charted {
    const { id: agentId, chart, known, seat } = this.state;
    return { agentId, chart, known, hasBody: seat !== undefined };
  }

  /** Whether this incarnation has its body on this node. */
  isSeatedAt(node: string, incarnation: number): boolean {
    const { seat } = this.state;
    return seat?.node === node && seat.incarnation === incarnation;
  }

  // Commands.

  /** @throws AgentSystemError of a command that its state does not allow */
  refuseUnless(command: AgentCommand): void {
    const position = positionOfState(this.state);
    // An agent that moves will run again: tasks wait for that, and it can be ended.
    if (command === 'execute' && this.state.isMoving) return;
    if ((command === 'stop' || command === 'kill') && this.isBetweenPlaces) return;
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
    this.#takePlace(placement);
    this.callers.forStart(token);
    this.send(withBy({ type: command, at: this.now }, by));
  }

  end(
    event: Extract<AgentEvent, { type: 'agent.stop' | 'agent.kill' }>,
    token: string | undefined,
    by?: string,
  ): void {
    const { isBetweenPlaces } = this;
    // A stop or a kill also ends its move to another node.
    this.state.isMoving = false;
    this.callers.forEnd(token);
    if (isBetweenPlaces) this.#stays();
    else this.send(withBy(event, by));
  }

  /** It has ended on its old node, and does not begin on another. */
  #stays(): void {
    this.acts.push({ do: 'withdrawPermit' });
    this.ledger.endWaits('the agent is stopped');
    this.#endChildren();
    this.callers.answerEnd();
  }

  /**
   * Ends it in order, to begin elsewhere; tasks that come meanwhile wait. One that starts does so once it runs. Nothing to do
   * for one that has no body, or ends anyway.
   */
  move(): void {
    const { status } = positionOfState(this.state);
    const { seat } = this.state;
    if (status === 'starting' && seat !== undefined) seat.mustMove = true;
    if (status !== 'running' && status !== 'unresponsive') return;
    this.state.isMoving = true;
    this.send({ type: 'agent.stop', at: this.now });
  }

  /** Pauses or resumes it. */
  hold(command: 'agent.pause' | 'agent.resume', by: string | undefined, token: string | undefined): void {
    this.callers.forHold(token);
    this.send(withBy({ type: command, at: this.now }, by));
  }

  forget(token: string | undefined, by?: string): void {
    this.callers.forStart(token);
    this.send(withBy({ type: 'agent.forget', at: this.now }, by));
  }

  execute(work: AskedWork): TaskEntry {
    return this.ledger.accept(work);
  }

  cancel(
    by: { readonly taskId?: string; readonly callId?: string },
    why: string,
    cancel?: { readonly by?: string | undefined },
    reason?: AbortReason,
  ): boolean {
    return this.ledger.cancel(by, why, cancel, reason);
  }

  forgetTask(ended: EndedTask, by: string | undefined): void {
    this.ledger.forget(ended, by);
  }

  /** @throws AgentSystemError `QUESTION_UNKNOWN`, `QUESTION_CLOSED`, `ANSWER_INVALID` */
  answerQuestion(id: string, value: unknown, by: string | undefined): QuestionRecord {
    return this.ledger.answerQuestion(id, value, by);
  }

  repeat(ended: EndedTask, again: Pick<AskedWork, 'by' | 'caller' | 'terms'>): TaskEntry {
    return this.ledger.repeat(ended, again);
  }

  /**
   * Its spec is another: what needs no new body is in force at once, the rest from the next one on.
   *
   * As `follow` of agent.ts, over kept state.
   */
  follow(
    spec: KeptSpec,
    manifest: AgentManifest,
    changes: readonly SpecChange[],
    by: string | undefined,
  ): void {
    const { id: agentId } = this.state;
    const { incarnation } = this.state.life.context;
    this.#bodies.follow(spec, manifest);
    const movesOn = spec.quota !== this.state.spec.quota && this.state.mode === 'open';
    if (movesOn) this.quota.leave();
    this.state.spec = spec;
    this.state.revision += 1;
    const agentType = manifest.type;
    const told = { agentId, incarnation, agentType, spec, manifest, changes, registered: 0 };
    this.emit({ type: 'agent.updated', ...told, ...(by === undefined ? {} : { by }) });
    this.send({ type: 'policy.changed', policy: policyOf(spec) });
    if (movesOn) this.ledger.open(this.quota.join());
    this.ledger.follow();
    this.#tell({ type: 'spec.changed', health: spec.health, coordination: spec.coordination });
  }

  /** One that it has spawned. @returns whether it can have children: it has not ended for good */
  adopt(child: AgentState['children'][number]): boolean {
    const { known, children } = this.state;
    if (known !== undefined && hasEndedForGood(known.at) && !this.isBetweenPlaces) return false;
    this.state.children = [...children.filter(({ id }) => id !== child.id), child];
    return true;
  }

  // The quota that it shares with others.

  /** The state of a quota that it shares: sent when it joins, and at each change. */
  quotaStands(quota: string, parked: Parked | undefined): void {
    this.quota.stands(quota, parked);
  }

  /** Its own limit is taken as reset. @throws AgentSystemError `QUOTA_UNKNOWN` of one that it never ran into */
  liftQuota(by: string | undefined): QuotaRecord {
    return this.quota.lift(by);
  }

  limitKnown(parked: Parked): void {
    this.ledger.parked(parked);
  }

  quotaParked(parked: Parked): void {
    this.send({ type: 'quota.parked', at: this.now, parked });
  }

  quotaReleased(): void {
    this.send({ type: 'quota.released', at: this.now });
  }

  /** Tasks that wait for their turn, or run. */
  get load(): number {
    return this.ledger.load;
  }

  nothingHoldsItBack(): void {
    this.ledger.resume();
  }

  // Events.

  /** It may restart, on that node; or begin there, where it has ended elsewhere to do so. */
  permitGranted(placement: Placement): void {
    if (this.isBetweenPlaces) return this.#arrive(placement);
    this.state.hasPermit = true;
    this.#takePlace(placement);
    this.send({ type: 'permit.granted', at: this.now });
  }

  /**
   * It has ended elsewhere to begin here, and goes on as one that restarts: where its start fails, or that node is lost, too,
   * its restart policy says what follows. Nobody is told of a restart, and none is counted.
   */
  #arrive(placement: Placement): void {
    const known = this.state.known!;
    this.places.offer({ occupant: this.occupant(known.incarnation + 1), place: placement });
    this.#isArriving = true;
    this.#resumeLife({ ...known, at: 'waiting', restarts: known.restarts - 1, restartAt: this.now });
    this.#isArriving = false;
    this.wake();
  }

  #takePlace(placement: Placement): void {
    this.state.placement = placement;
    this.coordinate(placement.turns);
  }

  /** Coordination has gone, or come back, so often; a new chart takes it to be there. */
  coordinate(turns: number = 0): void {
    const newest = Math.max(turns, this.state.turns ?? 0);
    if (newest > 0) this.state.turns = newest;
    const isThere = !isAway(newest);
    if (this.state.life.context.isCoordinated === isThere) return;
    this.send({ type: isThere ? 'coordination.restored' : 'coordination.lost' });
    this.state.isUnlisted = true;
  }

  /** Takes a node's reports on an incarnation, numbered from `first` on. @returns whether it is the living one */
  reported(incarnation: number, first: number, reports: readonly NodeReport[], usage?: Usage): boolean {
    const isLiving = this.#bodies.reported(incarnation, first, reports, usage);
    if (this.state.seat?.mustMove && !this.state.isMoving) this.move();
    return isLiving;
  }

  /**
   * Its node is gone, or is taken for gone: it goes on from what its last event said, as after the loss of a program, and
   * under the chart of this code.
   *
   * @param offered a place for its next body: it takes that, or gives it back
   */
  hostLost(node: string, incarnation: number, offered?: LossOffer): void {
    const { known } = this.state;
    if (!this.isSeatedAt(node, incarnation) || known === undefined) {
      if (offered !== undefined) this.places.declineStale(incarnation + 1);
      return;
    }
    const { at, startedFrom } = known;
    this.state.hasPermit = undefined;
    this.#bodies.lost();
    this.ledger.lost();
    this.quota.leave();
    const isRolledBack = at === 'starting' && startedFrom !== 'restart';
    if (isRolledBack) this.callers.answerStart('host_lost');
    this.places.offer(offered);
    this.#resumeLife(known);
    if (isRolledBack) this.callers.answerEnd();
    this.places.moveOn();
    // A restart after the loss of a node is due at once.
    this.wake();
    this.places.declineLeft(incarnation + 1);
  }

  /** A new chart goes on with the life that its last event told of. */
  #resumeLife(known: AgentLife | undefined): void {
    const { id, spec } = this.state;
    this.#bodies.takeNext();
    this.#chart.begin({ id, policy: policyOf(spec) });
    this.state.chart = agentChartHash();
    if (known === undefined) return;
    this.#resumed = known;
    this.send({ type: 'life.resumed', at: this.now, tick: this.now, life: known });
    this.#resumed = undefined;
  }

  /** A new chart goes on with the life that its last event told of, and with its body. */
  #takeUpLife(known: AgentLife): void {
    const { life, deadlines, ending } = takenUpLife(this.state, known, this);
    this.state.life = life;
    this.state.deadlines = deadlines;
    this.state.chart = agentChartHash();
    for (const effect of ending) this.#perform(effect);
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
    for (const deadline of this.quota.deadlines) {
      yield { ...deadline, take: () => this.quota.take(deadline) };
    }
    yield* this.ledger.dues();
  }

  /** What its next body requires of a node. */
  occupant(incarnation: number): Occupant {
    return this.places.occupant(incarnation);
  }

  // The chart at work.

  send(event: AgentEvent): void {
    this.#stepping(() => this.#chart.send(event));
  }

  #stepping(step: () => void): void {
    const isOutermost = !this.#chart.isStepping;
    step();
    if (isOutermost) this.callers.stepEnded();
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
        if (command === 'finish') return this.ledger.finish(whyNothingBegins(this.state.life.context));
        if (command !== 'abandon') return this.ledger[command]();
        return this.ledger.abandonAll(
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
        return this.places.handlePermit(effect.params.command);
      case 'raiseAlert':
        return this.#raiseAlert(effect.params.alert, effect.params.error);
      case 'clearAlerts':
        return this.alerts.clearAll();
      default:
        return unknownEffect(effect);
    }
  }

  /** Opens a body: the chart's only child. */
  #open(): void {
    this.ledger.hold();
    this.#bodies.open();
    const { manifest, life } = this.state;
    this.#tell({ type: 'open', previousStop: life.context.reason, manifest });
  }

  #announce(said: Announcement): void {
    const { event, life, reason = 'killed' } = said;
    this.state.known = life;
    if (this.#isArriving) return;
    const { id } = this.state;
    const abandoned = [...this.state.abandoned];
    this.emit(lifeEventOf(said, id, { abandoned }, { now: () => this.now } as never));
    if (event === 'agent.started' || event === 'agent.start_failed') this.state.isMoving = false;
    const { incarnation } = life;
    switch (event) {
      case 'agent.started': {
        this.callers.answerStart();
        this.acts.push({ do: 'serving', incarnation });
        this.ledger.open(this.quota.join());
        break;
      }
      case 'agent.start_failed':
      case 'agent.stopped':
      case 'agent.completed':
      case 'agent.crashed':
        this.callers.answerStart(reason);
        this.callers.answerEnd();
        if (hasEndedForGood(life.at) && !this.isBetweenPlaces) this.#endChildren();
        break;
      case 'agent.pausing':
      case 'agent.paused':
      case 'agent.resumed':
        this.callers.heldOrResumed();
        break;
      case 'agent.stopping':
        this.acts.push({ do: 'notServing', incarnation });
        break;
      case 'agent.forgotten':
        this.#isForgotten = true;
        this.ledger.discard('the agent was forgotten');
        this.#budgets.agentForgotten();
        this.#endChildren();
        this.callers.answerForgotten();
        break;
      default:
    }
    this.endWaits();
  }

  /** No task waits for it any more, unless it comes back by itself. */
  endWaits(): void {
    const { isAlive, comesBack, status } = positionOfState(this.state);
    if (!isAlive && !comesBack) this.ledger.endWaits(`the agent is ${status}`);
  }

  #endChildren(): void {
    if (this.state.children.length > 0) this.acts.push({ do: 'endChildren' });
  }

  #raiseAlert(alert: AlertKind, error: ErrorInfo | undefined): void {
    const why = this.state.lastExit ?? this.state.life.context.reason ?? 'killed';
    const rested = this.#resumed;
    const isTold = rested?.at === 'awaitingOperator' || rested?.at === 'gaveUp';
    this.alerts.raise(alert, alertText(this.state.spec, alert, why, error), isTold);
  }

  /** What became of what a task wants to spend. */
  reserved(act: Extract<Act, { do: 'reserve' }>, answer: Answer<Granted>): void {
    this.requests.reserved(act, answer);
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
}

/** Who asks, where they said so. */
function withBy(event: AgentCommandEvent, by: string | undefined): AgentCommandEvent {
  return by === undefined ? event : { ...event, by };
}

function unknownEffect(effect: never): never {
  throw new Error(`the chart of an agent wants what nobody can do here: ${JSON.stringify(effect)}`);
}
