/**
 * One turn of a fleet's pool: the shipped pool chart takes its steps, members join and leave, tasks are handed out.
 *
 * It performs nothing, and changes only the state that it is given; effects come back as acts. The rules are those of
 * runtime/pools, over data.
 *
 * I1  Callers that wait for a size, a start or an end are answered once.
 * I2  A snapshot of another version's chart is taken up by what is kept beside it: its members, its queue, and its wish.
 */
import {
  FINISH_SHARE,
  noMembers,
  type ParsedPoolSpec,
  type PoolAlert,
  type PoolCounts,
  type PoolEffect,
  type PoolEvent,
  poolMachine,
  type ScalingPolicy,
  sizeOf,
} from '../../machines/index.ts';
import type { KeptSpec } from '../../runtime/agent/agent-terms.ts';
import type { AgentManifest } from '../../runtime/definition/manifest.ts';
import type { AlertType, EventBody } from '../../runtime/journal/system-event.ts';
import type { Alert } from '../../runtime/observability/alerts.ts';
import type { PoolRecord } from '../../runtime/pools/pool.ts';
import { poolStatusAt, poolTrouble } from '../../runtime/pools/pool-status.ts';
import { AgentSystemError } from '../../runtime/values/errors.ts';
import { type Answer, type Refusal, refusalOf } from '../engine/call-answer.ts';
import {
  ChartAtWork,
  type Due,
  earliestOf,
  isOfThisChart,
  type KeptChart,
  takeAllDue,
} from '../engine/kept-chart.ts';
import { pathOf } from '../engine/state-path.ts';
import { type MemberEnds, type MemberNews, type PoolMember, PoolMembers } from './pool-members.ts';
import {
  type KeptScaling,
  type Measured,
  type OwnLoad,
  PoolScaling,
  type SignalQuestion,
} from './pool-scaling.ts';
import { type KeptTasks, PoolTasks } from './pool-tasks.ts';
import type { AskedWork } from '../tasks/task-entries.ts';
import type { AbortReason } from '../tasks/abort-reason.ts';

/** The part of a pool's spec that is kept. */
export type KeptPoolSpec = Omit<ParsedPoolSpec, 'spec' | 'scale' | 'name'> & {
  readonly scale?: ScalingPolicy | undefined;
  /** Name of its scaling signal. */
  readonly signal?: string | undefined;
};

export interface PoolState extends KeptChart<typeof poolMachine>, KeptTasks {
  readonly name: string;
  readonly pool: KeptPoolSpec;
  readonly spec: KeptSpec;
  readonly manifest: AgentManifest;
  /** Who asked for it. */
  readonly by?: string | undefined;
  members: PoolMember[];
  /** Numbers of the next member, and of the next deadline. */
  nextMember: number;
  armed: number;
  wakeAt: number | undefined;
  opening: string[];
  resizing: string[];
  closing: string[];
  closeAt: number | undefined;
  /** Since its close began. */
  ends?: MemberEnds;
  isRefused: boolean;
  failure: Refusal | undefined;
  lastFailure: string | undefined;
  alerts: Alert[];
  scaling?: KeptScaling;
  /** What its chart says of it, in words that every version of the code understands. */
  known: KnownPool;
}

/** How far its life is, and the size that it wants. */
interface KnownPool {
  readonly phase: 'opening' | 'serving' | 'closing';
  readonly wanted: number;
}

function knownOf({ life }: PoolState): KnownPool {
  const path = pathOf(life.value);
  const phase = path === 'opening' ? path : poolStatusAt(path) === 'closing' ? 'closing' : 'serving';
  return { phase, wanted: life.context.wanted };
}

/** Where its charts stand: dotted paths. */
export interface PoolStates {
  readonly pool: string;
  readonly autoscaler?: string;
}

export type PoolAct =
  | { readonly do: 'bringUp'; readonly id: string }
  | { readonly do: 'dismiss'; readonly id: string; readonly timeoutMs: number | undefined }
  | { readonly do: 'kill'; readonly id: string }
  /** `run`: the pool is told its end, and answers its caller. */
  | { readonly do: 'give' | 'run'; readonly id: string; readonly number: number; readonly work: AskedWork }
  | {
      readonly do: 'cancelCall';
      readonly id: string;
      readonly callId: string;
      readonly reason: AbortReason | undefined;
    }
  /** Asks the nodes how much room they have, and how strained they are, or a signal in place of that. */
  | { readonly do: 'measure'; readonly look: number; readonly question: SignalQuestion | undefined }
  | { readonly do: 'answer'; readonly token: string; readonly answer: Answer };

type Told = EventBody & { readonly at: number };

export class PoolTurn {
  readonly state: PoolState;
  readonly now: number;
  readonly chance: number;
  readonly acts: PoolAct[] = [];
  readonly events: Told[] = [];
  readonly tasks: PoolTasks;
  isClosed = false;
  /** What its chart orders has been done already. */
  #isMuted = false;
  readonly #chart: ChartAtWork<typeof poolMachine>;
  readonly #members: PoolMembers;
  readonly #scaling: PoolScaling | undefined;

  constructor(state: PoolState, { now, chance }: { readonly now: number; readonly chance: number }) {
    this.state = state;
    this.now = now;
    this.chance = chance;
    this.#members = new PoolMembers(this);
    this.tasks = new PoolTasks(this);
    if (state.scaling !== undefined) this.#scaling = new PoolScaling(state.scaling, this);
    this.#chart = new ChartAtWork(poolMachine, state, {
      now,
      nextOrder: () => this.nextOrder(),
      perform: (effect) => this.#perform(effect as PoolEffect),
    });
    if (state.known !== undefined) this.#takeUp(state.known);
  }

  /** Goes on under the charts of this code where another version's were kept. */
  #takeUp({ phase, wanted }: KnownPool): void {
    const { members, pool, closeAt, spec } = this.state;
    const isClosing = phase === 'closing';
    this.#scaling?.takeUp({ min: pool.min, max: pool.max }, isClosing);
    if (isOfThisChart(this.state, poolMachine)) return;
    const found: Record<keyof PoolCounts, number> = { ...noMembers };
    for (const { place } of members) found[place] += 1;
    if (!isClosing) {
      this.#begin(wanted, found);
      return this.#tellDemand();
    }
    // It wants those that it has, for a moment: nothing is done for that, and then it closes.
    this.#isMuted = true;
    this.#begin(sizeOf(found), found);
    this.#isMuted = false;
    const leftMs = closeAt === undefined ? spec.shutdownMs : Math.max(0, closeAt - this.now);
    this.send({ type: 'pool.close', finishMs: leftMs * FINISH_SHARE, closeMs: leftMs });
  }

  #begin(wanted: number, found: PoolCounts | undefined): void {
    const { name, pool, spec } = this.state;
    this.#chart.begin({
      id: `pool ${name}`,
      min: pool.min,
      max: pool.max,
      wanted,
      restart: { ...pool.restart, policy: 'delayed' },
      closeMs: spec.shutdownMs,
      maxConcurrentStarts: pool.maxConcurrentStarts,
      found,
    });
  }

  /** Creates a pool; its caller is answered once the first members run. */
  static creating(
    given: Pick<PoolState, 'name' | 'pool' | 'spec' | 'manifest' | 'by'>,
    moment: { readonly now: number; readonly chance: number },
    token: string,
  ): PoolTurn {
    const { pool } = given;
    const { scale, signal } = pool;
    const state: PoolState = {
      ...given,
      life: undefined as never,
      deadlines: [],
      members: [],
      nextMember: 1,
      nextTask: 1,
      armed: 0,
      wakeAt: undefined,
      queue: [],
      opening: [token],
      resizing: [],
      closing: [],
      closeAt: undefined,
      isRefused: false,
      failure: undefined,
      lastFailure: undefined,
      isFinishing: false,
      tasksAbandoned: 0,
      alerts: [],
      known: undefined as never,
      ...(scale === undefined ? {} : { scaling: PoolScaling.kept(scale, signal, moment.now) }),
    };
    const turn = new PoolTurn(state, moment);
    // The first steps of the pool's chart send events to the autoscaler's.
    turn.#scaling?.begin({ min: pool.min, max: pool.max });
    turn.#begin(pool.target ?? pool.min, undefined);
    return turn;
  }

  get members(): PoolMember[] {
    return this.state.members;
  }

  get ends(): MemberEnds {
    return (this.state.ends ??= { stopped: [], abandoned: [] });
  }

  get kept(): PoolState {
    return this.state;
  }

  get manifest(): AgentManifest {
    return this.state.manifest;
  }

  get queueLimit(): number {
    return this.state.pool.queueLimit;
  }

  get retryAbandoned(): number {
    return this.state.pool.retryAbandoned;
  }

  get closeAt(): number | undefined {
    return this.state.closeAt;
  }

  get isClosing(): boolean {
    return this.state.closeAt !== undefined;
  }

  record(): PoolRecord {
    const { name, manifest, pool, members, queue, lastFailure } = this.state;
    const { wanted, live, starting, down, draining, leaving, retryAt } = this.state.life.context;
    return {
      name,
      type: manifest.type,
      status: poolStatusAt(pathOf(this.state.life.value)),
      min: pool.min,
      max: pool.max,
      wanted,
      live,
      idle: this.#members.live().filter(({ given }) => given.length === 0).length,
      starting,
      down,
      draining: draining + leaving,
      waiting: queue.length,
      members: members.map(({ id }) => id),
      ...(retryAt === undefined ? {} : { retryAt }),
      ...(lastFailure === undefined ? {} : { lastFailure }),
      ...(this.#scaling === undefined ? {} : { scaling: this.#scaling.record() }),
    };
  }

  states(): PoolStates {
    const { life, scaling } = this.state;
    const pool = pathOf(life.value);
    return scaling === undefined ? { pool } : { pool, autoscaler: pathOf(scaling.life.value) };
  }

  resize(wanted: number, by: string | undefined, token: string): void {
    const from = this.state.life.context.wanted;
    if (from !== wanted) this.#scaling?.sizeSet(from, wanted);
    this.state.resizing.push(token);
    this.state.isRefused = false;
    this.state.failure = undefined;
    this.send({ type: 'pool.resize', wanted, why: 'ensureSize', ...(by === undefined ? {} : { by }) });
  }

  close(timeoutMs: number, by: string | undefined, token: string): void {
    this.state.closing.push(token);
    if (this.isClosing) return;
    this.state.closeAt = this.now + timeoutMs;
    this.#scaling?.send({ type: 'autoscaler.close' });
    this.#tellScaled(this.state.life.context.wanted, 0, 'closed', by);
    this.send({ type: 'pool.close', finishMs: timeoutMs * FINISH_SHARE, closeMs: timeoutMs });
  }

  /** Ends one that waits, and tells how it ended. @throws AgentSystemError `TASK_UNKNOWN` */
  cancelWaiting(number: number, why: string, token: string): void {
    this.acts.push({ do: 'answer', token, answer: { value: this.tasks.cancelWaiting(number, why) } });
  }

  /** The nodes' answers to a measurement of the autoscaler. */
  measured(told: Measured): void {
    this.#scaling?.measured(told);
  }

  /** The turn is over: what is known of the pool, and how busy it is from now on. */
  end(): void {
    this.state.known = knownOf(this.state);
    const { concurrency } = this.state.spec.tasks;
    const live = this.#members.live();
    const busy = live.reduce((sum, { given }) => sum + Math.min(given.length, concurrency), 0);
    this.#scaling?.meter(busy, live.length * concurrency);
  }

  broughtUp(id: string, failure: Refusal | undefined): void {
    this.#members.broughtUp(id, failure);
    this.#handOut();
  }

  told(news: MemberNews): void {
    this.#members.told(news);
    this.#handOut();
  }

  gone(id: string, isInOrder: boolean): void {
    this.#members.gone(id, isInOrder);
    this.#handOut();
  }

  wake(): void {
    takeAllDue(
      () => this.#dues(),
      this.now,
      (due) => due.take(),
    );
  }

  nextDueAt(): number | undefined {
    return earliestOf(this.#dues())?.dueAt;
  }

  *#dues(): Iterable<Due & { take(): void }> {
    for (const deadline of this.state.deadlines) {
      yield { ...deadline, take: () => this.#chart.take(deadline) };
    }
    const scaling = this.#scaling;
    for (const deadline of scaling?.deadlines ?? []) {
      yield { ...deadline, take: () => scaling!.take(deadline) };
    }
    yield* this.tasks.dues();
  }

  // Calls of its members.

  newId(): string {
    const id = `${this.state.name}-${this.state.nextMember}`;
    this.state.nextMember += 1;
    return id;
  }

  send(event: PoolEvent): void {
    this.#chart.send(event);
  }

  bringUp(id: string): void {
    this.acts.push({ do: 'bringUp', id });
  }

  dismiss(id: string, timeoutMs: number | undefined): void {
    this.acts.push({ do: 'dismiss', id, timeoutMs });
  }

  kill(id: string): void {
    this.acts.push({ do: 'kill', id });
  }

  failed(failure: Refusal | undefined, why: string): void {
    this.state.failure ??= failure;
    this.state.lastFailure = why;
  }

  #perform(effect: PoolEffect): void {
    if (this.#isMuted) return;
    const members = this.#members;
    switch (effect.type) {
      case 'startMembers':
        return members.start(effect.params.count);
      case 'drainMembers': {
        const { down, starting, live } = effect.params.departure;
        members.dismiss('down', down);
        members.dismiss('starting', starting);
        return members.drain(live);
      }
      case 'returnMembers':
        return members.keep(effect.params.count);
      case 'finishQueue':
        return this.tasks.finish();
      case 'abandonQueue':
        return this.tasks.abandonAll();
      case 'stopMembers':
        return members.end();
      case 'killMembers':
        members.end();
        return members.kill();
      case 'raiseAlert':
        return this.#raiseAlert(effect.params.alert, effect.params.why);
      case 'clearAlerts':
        return this.#clearAlerts();
      case 'announceOpened':
        return this.#opened();
      case 'announceScaled':
      case 'announceRefused': {
        if (effect.type === 'announceRefused') this.state.isRefused = true;
        const { from, to, why, by } = effect.params;
        this.#tellScaled(from, to, why, by);
        return this.#tellDemand();
      }
      case 'announceSettled':
        return this.#settled();
      case 'announceClosed':
        return this.#closed();
    }
  }

  #opened(): void {
    const { pool, opening, by } = this.state;
    this.#tellScaled(0, pool.target ?? pool.min, 'created', by);
    this.state.opening = [];
    this.#answer(opening, { value: this.state.name });
  }

  #settled(): void {
    // Its first members have started under a chart that has taken it up meanwhile.
    if (this.state.opening.length > 0) this.#opened();
    this.#scaling?.send({ type: 'pool.settled' });
    const { isRefused, failure, resizing } = this.state;
    this.state.resizing = [];
    this.state.isRefused = false;
    const isMissed = isRefused && failure !== undefined;
    // Its counts are known once the step is over.
    for (const token of resizing) {
      this.acts.push({ do: 'answer', token, answer: isMissed ? { refusal: failure } : { value: undefined } });
    }
  }

  #closed(): void {
    this.isClosed = true;
    this.#scaling?.send({ type: 'autoscaler.close' });
    const { opening, resizing, closing, failure, name, tasksAbandoned } = this.state;
    const closed = refusalOf(new AgentSystemError('POOL_UNKNOWN', `pool ${name} is closed`));
    this.#clearAlerts();
    this.#answer([...opening, ...resizing], { refusal: closing.length === 0 ? (failure ?? closed) : closed });
    this.#answer(closing, { value: this.#members.report(tasksAbandoned) });
  }

  #answer(tokens: readonly string[], answer: Answer): void {
    for (const token of tokens) this.acts.push({ do: 'answer', token, answer });
  }

  // Tasks.

  #handOut(): void {
    this.tasks.follow(this.members);
    this.tasks.handOut();
  }

  // Calls of its tasks.

  free(): PoolMember | undefined {
    const { concurrency } = this.state.spec.tasks;
    const free = this.#members
      .live()
      .filter(({ given, news }) => given.length < concurrency && news?.takesWork !== false);
    return free.toSorted((one, other) => one.given.length - other.given.length)[0];
  }

  give(id: string, number: number, work: AskedWork, isAnsweredHere: boolean): void {
    this.acts.push({ do: isAnsweredHere ? 'run' : 'give', id, number, work });
  }

  cancelCall(id: string, callId: string, reason: AbortReason | undefined): void {
    this.acts.push({ do: 'cancelCall', id, callId, reason });
  }

  answer(token: string, answer: Answer): void {
    this.#answer([token], answer);
  }

  waits(): void {
    this.#tellDemand();
  }

  finished(): void {
    this.send({ type: 'queue.finished' });
  }

  // Calls of its autoscaler.

  get name(): string {
    return this.state.name;
  }

  nextOrder(): number {
    return (this.state.armed += 1);
  }

  load(): OwnLoad {
    const status = poolStatusAt(pathOf(this.state.life.value));
    return {
      size: this.state.life.context.wanted,
      waiting: this.state.queue.length,
      isSettled: status === 'steady' || status === 'shrinking',
    };
  }

  measure(look: number, question?: SignalQuestion): void {
    this.acts.push({ do: 'measure', look, question });
  }

  scaleTo(wanted: number, why: string): void {
    this.send({ type: 'pool.scale', wanted, why });
    // A task may have come to wait since the load was taken.
    this.#tellDemand();
  }

  raise(alert: AlertType, message: string): void {
    const { name: pool, alerts } = this.state;
    if (alerts.some((other) => other.alert === alert)) return;
    alerts.push({ alert, message, pool, raisedAt: this.now });
    this.#emit({ type: 'alert.raised', alert, message, pool });
  }

  clear(alert: AlertType): void {
    const { name: pool, alerts } = this.state;
    this.state.alerts = alerts.filter((other) => other.alert !== alert);
    if (this.state.alerts.length < alerts.length) this.#emit({ type: 'alert.cleared', alert, pool });
  }

  #tellDemand(): void {
    if (this.state.life.context.wanted === 0 && this.state.queue.length > 0) {
      this.#scaling?.send({ type: 'demand.rose' });
    }
  }

  #raiseAlert(alert: PoolAlert, why: string): void {
    const { name: pool } = this.state;
    const message = poolTrouble(pool, alert, why);
    this.raise(alert, message);
    if (alert !== 'pool_degraded') return;
    const { opening, resizing } = this.state;
    this.state.opening = [];
    this.state.resizing = [];
    this.#answer([...opening, ...resizing], {
      refusal: refusalOf(new AgentSystemError('AGENT_START_FAILED', message)),
    });
  }

  #clearAlerts(): void {
    this.clear('pool_degraded');
    this.clear('pool_starved');
  }

  #tellScaled(from: number, to: number, why: string, by?: string): void {
    if (from === to) return;
    const { name: pool } = this.state;
    this.#emit({ type: 'pool.scaled', pool, from, to, why, ...(by === undefined ? {} : { by }) });
  }

  #emit(event: EventBody): void {
    this.events.push({ ...event, at: this.now });
  }
}
