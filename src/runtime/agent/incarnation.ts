/**
 * One incarnation of an agent, from the opening of its body to its end: the only child of the agent's chart.
 *
 * Owns the body, its share of the memory and places that the system admits, and its part in coordination. It decides
 * nothing: reports of the body go to the agent.
 *
 * I1  Reports that come before the host has handed the body over wait until then.
 * I2  A host that throws has lost its body: the agent's body ends, and the chart goes on.
 * I3  It ends once. Later reports are dropped, and counted.
 * I4  Bodies and records share no data: each body gets its own copy of `initArgs`.
 */
import type { BodyCommand, ExitReason } from '../../machines/index.ts';
import type { AnyAgentDefinition } from '../definition/define-agent.ts';
import type { SavedState } from '../definition/saved-state.ts';
import type { Child, ChildReport } from '../engine/chart.ts';
import type {
  Body,
  BodyListener,
  BodyReport,
  BodyRequest,
  Host,
  Usage,
  VariableState,
} from '../hosting/host.ts';
import { errorInfoOf } from '../values/errors.ts';
import { ignoreRejection, isThenable } from '../values/thenable.ts';
import type { AgentServices, CoordinatedAgent, CoordinatedBody, Participation } from './agent-services.ts';
import type { KeptSpec } from './agent-terms.ts';

/** The agent, as its incarnations know it: what a body is made from. */
export interface EmbodiedAgent extends CoordinatedAgent {
  readonly services: AgentServices;
  readonly host: Host;
  readonly module: AnyAgentDefinition | URL;
  /** Why its last body ended. */
  readonly previousStop: ExitReason | undefined;
  /** Something in its record may have changed. */
  changed(): void;
}

/** The agent, and where its bodies report to. */
export interface IncarnationOwner {
  readonly agent: EmbodiedAgent;
  /** A copy of `initArgs` for its body, with the secrets in it, or a promise of one. */
  initArgsOf(incarnation: Incarnation): unknown;
  /** The body begins with this state. `isKept`: the store has it; else it is still being written. */
  restored(state: SavedState, isKept: boolean): void;
  bodyReported(incarnation: Incarnation, report: BodyReport): void;
  /** Returns the reason without secrets. */
  bodyEnded(reason: ExitReason, thrown: unknown): ExitReason;
  bodyStuck(): void;
  bodyDropped(): void;
}

const NO_VARIABLES: readonly VariableState[] = Object.freeze([]);

/** Votes that a body may give beyond those that it was asked for. */
const STRAY_VOTES = 100;

/** An end that came before its host had handed the body over. */
class EarlyExit {
  readonly reason: ExitReason;
  readonly thrown: unknown;

  constructor(reason: ExitReason, thrown: unknown) {
    this.reason = reason;
    this.thrown = thrown;
  }
}

export class Incarnation implements BodyListener, Child, CoordinatedBody {
  // What each task, vote and variable needs comes first, side by side: in a large fleet none of it is in a cache.
  private body: Body | undefined = undefined;
  private readonly owner: IncarnationOwner;
  /** It needs nothing any more. */
  isOver = false;
  /** Whether its host measures its body. */
  isMeasured = false;
  private participation: Participation | undefined = undefined;
  readonly number: number;
  /** The spec that its body is made from; the agent's may have changed since. */
  readonly spec: KeptSpec;
  readonly host: Host;
  readonly module: AnyAgentDefinition | URL;
  private readonly chart: ChildReport;
  /** Whether it holds a place and memory of the system's limits. */
  private isAdmitted = false;
  private early: (BodyReport | EarlyExit)[] | undefined = undefined;
  /** How many of its votes are still heard: each is an event, and its code may send any number. */
  private votesLeft = STRAY_VOTES;

  constructor(owner: IncarnationOwner, number: number, chart: ChildReport) {
    this.owner = owner;
    const { spec, host, module } = owner.agent;
    this.spec = spec;
    this.host = host;
    this.module = module;
    this.number = number;
    this.chart = chart;
  }

  /** Whether there is a body that takes requests. */
  get isOpen(): boolean {
    return this.body !== undefined && !this.isOver;
  }

  /** Reads the saved state, then opens the body. */
  open(): void {
    const { id, services } = this.owner.agent;
    const { spec } = this;
    const refusal = services.admission.refusal(id, spec.resources);
    if (refusal) return this.end({ error: errorInfoOf(refusal) });
    services.admission.reserve(spec.resources);
    this.isAdmitted = true;
    // A state that is still being written is newer than what the store has.
    const onItsWay = services.journal.stateOnItsWay(id);
    const isKept = onItsWay === undefined;
    let saved: SavedState | undefined | Promise<SavedState | undefined> = undefined;
    let initArgs: unknown;
    try {
      saved = isKept ? services.store.state(id) : (onItsWay ?? undefined);
      initArgs = this.owner.initArgsOf(this);
    } catch (thrown) {
      // Nobody waits for the state any more.
      if (isThenable(saved)) ignoreRejection(saved);
      return this.failed(thrown);
    }
    if (isThenable(saved) || isThenable(initArgs)) this.openLater(saved, initArgs, isKept);
    else this.openWith(saved, initArgs, isKept);
  }

  /** Apart: a function written within `open` would cost every body an object for what it shares with that. */
  private openLater(
    saved: SavedState | undefined | Promise<SavedState | undefined>,
    initArgs: unknown,
    isKept: boolean,
  ): void {
    Promise.all([saved, initArgs]).then(
      ([state, args]) => this.openWith(state, args, isKept),
      (thrown: unknown) => this.failed(thrown),
    );
  }

  private openWith(restored: SavedState | undefined, initArgs: unknown, isKept: boolean): void {
    if (this.isOver) return;
    const { agent } = this.owner;
    const { id: agentId, previousStop } = agent;
    const { spec } = this;
    if (restored) this.owner.restored(restored, isKept);
    let body: Body;
    try {
      this.participation = agent.services.coordination.join(agent, this);
      body = this.host.open(
        {
          agentId,
          incarnation: this.number,
          module: this.module,
          agentType: agent.manifest.type,
          initArgs,
          secrets: spec.secrets,
          restored,
          previousStop,
          variables: this.participation?.variables ?? NO_VARIABLES,
          resources: spec.resources,
        },
        this,
      );
    } catch (thrown) {
      return this.failed(thrown);
    }
    this.body = body;
    // Its init may have killed the agent.
    if (this.isOver) return this.kill();
    this.isMeasured = isMeasured(body);
    if (this.isMeasured) agent.changed();
    const early = this.early;
    this.early = undefined;
    if (early === undefined) return;
    for (let at = 0; at < early.length; at++) {
      const told = early[at]!;
      if (told instanceof EarlyExit) this.end(told.reason, told.thrown);
      else this.reported(told);
    }
  }

  // What the agent and coordination ask of it.

  post(request: BodyRequest): void {
    if (this.isOver) return;
    if (request.type === 'vote.asked') this.votesLeft += 1;
    try {
      this.body?.post(request);
    } catch (thrown) {
      this.kill();
      this.failed(thrown);
    }
  }

  command(command: BodyCommand): void {
    // The saved state has not been read yet: no body was opened, and none will be.
    if (this.body === undefined) return this.end(command === 'kill' ? 'killed' : 'shutdown');
    if (command === 'kill') this.kill();
    else this.post({ type: command === 'save' ? 'state.save' : 'terminate' });
  }

  /** It runs, and takes part in coordination. */
  participate(): void {
    const { agent } = this.owner;
    this.participation = agent.services.coordination.started(agent, this, this.participation);
  }

  /** The agent's part in coordination has changed. */
  followCoordination(): void {
    const { agent } = this.owner;
    this.participation = agent.services.coordination.changed(agent, this, this.participation);
  }

  /** It ends, or has ended: it takes no part in coordination any more. */
  retire(): void {
    this.participation?.ended();
  }

  /** The agent is gone: kills the body, without a report. */
  discard(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.leaveAdmission();
    this.retire();
    this.kill();
  }

  /** The chart no longer invokes it. Nothing to do: an effect of its own ends the body. */
  stop(): void {}

  usage(): Usage | undefined {
    if (!this.isMeasured) return undefined;
    try {
      return this.body?.usage?.();
    } catch {
      return undefined;
    }
  }

  /** Passes a report of the body to coordination. */
  tellCoordination(report: BodyReport): void {
    if (report.type === 'vote.cast') {
      if (this.votesLeft === 0) return this.dropped();
      this.votesLeft -= 1;
    }
    if (this.participation) return this.participation.reported(report);
    const { agent } = this.owner;
    agent.services.coordination.strayed(agent, this.number, report);
  }

  // Reports of the body.

  report(report: BodyReport): void {
    if (this.body) this.reported(report);
    else this.later(report);
  }

  exited(reason: ExitReason, thrown?: unknown): void {
    if (this.body) this.end(reason, thrown);
    else this.later(new EarlyExit(reason, thrown));
  }

  stuck(): void {
    if (!this.isOver) this.owner.bodyStuck();
  }

  dropped(): void {
    this.owner.bodyDropped();
  }

  /** Once its host has handed the body over. */
  private later(told: BodyReport | EarlyExit): void {
    if (this.early === undefined) this.early = [told];
    else this.early.push(told);
  }

  private reported(report: BodyReport): void {
    if (!this.isOver) {
      // There is no secret in it, and nothing for the agent.
      if (report.type === 'variable.acknowledged') return this.tellCoordination(report);
      return this.owner.bodyReported(this, report);
    }
    this.dropped();
    // The round of a vote refuses it, which is an event.
    if (report.type === 'vote.cast') this.tellCoordination(report);
  }

  private end(reason: ExitReason, thrown?: unknown): void {
    if (this.isOver) return this.dropped();
    this.isOver = true;
    this.leaveAdmission();
    const told = this.owner.bodyEnded(reason, thrown);
    const { clock, random } = this.owner.agent.services;
    this.chart.done({ reason: told, at: clock.now(), tick: clock.elapsed(), chance: random() });
  }

  private failed(thrown: unknown): void {
    this.end({ error: errorInfoOf(thrown) });
  }

  private kill(): void {
    try {
      this.body?.kill();
    } catch (thrown) {
      this.failed(thrown);
    }
  }

  private leaveAdmission(): void {
    if (!this.isAdmitted) return;
    this.isAdmitted = false;
    this.owner.agent.services.admission.release(this.spec.resources);
  }
}

/** Whether its host measures it. A host of the user's own may return anything. */
function isMeasured(body: Body | undefined): boolean {
  try {
    return body?.usage !== undefined;
  } catch {
    return false;
  }
}
