/**
 * One agent's bodies, one after another, as their nodes report them: where the living one is, what it reports, and from
 * what the next one is made.
 *
 * As runtime/agent/agent-bodies.ts in one program, over kept state. It decides nothing: reports become events of
 * the agent's chart, or go to the part that asked.
 *
 * I1  A report of an earlier incarnation changes nothing, and is counted.
 * I2  A report that arrives twice is taken once: reports are numbered.
 */
import type { AgentEvent, ExitReason } from '../../machines/index.ts';
import type { KeptSpec } from '../../runtime/agent/agent-terms.ts';
import { notRunning } from '../../runtime/agent/liveness.ts';
import { pendingFields } from '../../runtime/agent/pending-fields.ts';
import type { AgentManifest } from '../../runtime/definition/manifest.ts';
import type { SavedState } from '../../runtime/definition/saved-state.ts';
import type { Usage } from '../../runtime/hosting/host.ts';
import type { EventBody } from '../../runtime/journal/system-event.ts';
import type { AgentQuota } from '../limits/agent-quota.ts';
import type { TaskLedger } from '../tasks/task-ledger.ts';
import type { TaskRequests } from '../tasks/task-requests.ts';
import type { Act, Moment, NodeReport } from './agent-acts.ts';
import type { AgentAlerts } from './agent-alerts.ts';
import type { AgentCallers } from './agent-callers.ts';
import type { AgentPlaces } from './agent-places.ts';
import { type AgentState, positionOfState } from './agent-state.ts';

/** The agent's turn, and those that its bodies report to. */
export interface BodiesOwner {
  readonly state: AgentState;
  readonly moment: Moment;
  readonly acts: Act[];
  readonly ledger: TaskLedger;
  readonly requests: TaskRequests;
  readonly quota: AgentQuota;
  readonly alerts: AgentAlerts;
  readonly callers: AgentCallers;
  readonly places: AgentPlaces;
  emit(event: EventBody): void;
  send(event: AgentEvent): void;
}

export class AgentBodies {
  readonly #owner: BodiesOwner;

  constructor(owner: BodiesOwner) {
    this.#owner = owner;
  }

  get #state(): AgentState {
    return this.#owner.state;
  }

  /** Opens a body in the place that the agent was given. */
  open(): void {
    const { id, life, placement } = this.#state;
    if (placement === undefined) throw new Error(`agent ${id} starts, and has no place on a node`);
    const { incarnation } = life.context;
    this.#state.seat = { node: placement.node, incarnation, told: 0, heard: 0 };
  }

  /** Prepares a change of the agent's spec: from which spec and manifest its next body is made. */
  follow(spec: KeptSpec, manifest: AgentManifest): void {
    const { seat, next } = this.#state;
    if (seat === undefined) {
      this.#state.manifest = manifest;
      return;
    }
    const body = next?.body ?? { spec: this.#state.spec, manifest: this.#state.manifest };
    const pending = pendingFields(body, { spec, manifest }, false);
    this.#state.next = pending.length === 0 ? undefined : { manifest, pending, body };
  }

  /** Its next body is made from the current spec. */
  takeNext(): void {
    const { next } = this.#state;
    if (next === undefined) return;
    this.#state.manifest = next.manifest;
    this.#state.next = undefined;
  }

  /** The body is gone with its node. */
  lost(): void {
    this.#state.seat = undefined;
    this.#state.usage = undefined;
    this.#state.health = notRunning;
    this.#state.lastExit = 'host_lost';
  }

  /** Takes a node's reports on an incarnation, numbered from `first` on. @returns whether it is the living one */
  reported(incarnation: number, first: number, reports: readonly NodeReport[], usage?: Usage): boolean {
    let number = first;
    for (const report of reports) {
      const { seat } = this.#state;
      if (seat?.incarnation !== incarnation) {
        this.#dropped();
        continue;
      }
      // A repetition: its sender did not learn that it was taken.
      if (number > seat.heard) {
        seat.heard = number;
        this.#report(report);
      } else if (report.type === 'request.made') this.#owner.requests.madeAgain(report);
      number += 1;
    }
    const isLiving = this.#state.seat?.incarnation === incarnation;
    if (usage !== undefined && isLiving) this.#state.usage = usage;
    return isLiving;
  }

  #report(report: NodeReport): void {
    const { ledger, requests } = this.#owner;
    const { now: at } = this.#owner.moment;
    switch (report.type) {
      case 'ready':
        this.#state.manifest = report.manifest;
        return this.#owner.send({ type: 'body.ready', at, tick: at });
      case 'finished':
        return this.#owner.send({ type: 'body.finished', at });
      case 'task.completed':
        if (report.state) this.#keepState(report.state);
        return ledger.settle(report);
      case 'task.failed':
        return ledger.settle(report);
      case 'task.parked':
        return ledger.park(report);
      case 'task.progress_watched':
        return ledger.progressWatched(report.taskId, report.what);
      case 'request.made':
        return requests.made(report);
      case 'request.withdrawn':
        return ledger.asks.questions.withdrawn(report.taskId, report.requestId);
      case 'state.changed':
        return this.#keepState(report.state);
      case 'state.saved':
        this.#keepState(report.state);
        return this.#owner.send({ type: 'body.saved', at });
      case 'state.save_failed':
        return this.#owner.send({ type: 'body.save_failed', at, error: report.error });
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
    if (this.#state.health.status === 'not_running') return;
    this.#state.health = health;
    const { now: at } = this.#owner.moment;
    const { status } = positionOfState(this.#state);
    if (verdict === 'missed') this.#owner.send({ type: 'health.missed', at });
    if (verdict === 'passed' && status === 'unresponsive')
      this.#owner.send({ type: 'health.passed', at, busy: this.#state.isBusy });
  }

  #exited(reason: ExitReason): void {
    const { quota, alerts, places, acts } = this.#owner;
    const { incarnation } = this.#state.seat!;
    this.#state.seat = undefined;
    this.#state.usage = undefined;
    this.#state.lastExit = reason;
    this.takeNext();
    quota.leave();
    acts.push({ do: 'vacate', incarnation });
    alerts.clear('body_not_ending');
    const { now: at, chance } = this.#owner.moment;
    this.#owner.send({
      type: 'xstate.done.actor.body',
      actorId: 'body',
      output: { reason, at, tick: at, chance },
    } as AgentEvent);
    places.moveOn();
  }

  #stuck(): void {
    const { id, spec } = this.#state;
    const { alerts, callers } = this.#owner;
    const message = `agent ${id} was killed, and its ${spec.isolation} host cannot end it: it runs on, past its limits, and may keep the program from exiting`;
    if (alerts.raise('body_not_ending', message)) callers.answerEnd();
  }

  #dropped(): void {
    this.#state.dropped += 1;
  }

  #keepState(state: SavedState): void {
    const { id: agentId, life } = this.#state;
    this.#owner.acts.push({ do: 'keepState', state });
    this.#owner.emit({
      type: 'agent.state_saved',
      agentId,
      incarnation: life.context.incarnation,
      bytes: Buffer.byteLength(state.json),
      stateVersion: state.stateVersion,
    });
  }
}
