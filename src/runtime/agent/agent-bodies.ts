/**
 * One agent's bodies, one after another: what the living body is and reports, how the last one ended, and from what the
 * next one is made.
 *
 * Owns the incarnation that lives and what is asked of it, and is the keeper of their states. It decides nothing:
 * reports become events of the agent's chart, or go to the part that asked.
 *
 * I1  Other parts hear of the end of a body after its event was emitted.
 */
import type { Logger } from 'pino';
import type { BodyCommand, ExitReason, Isolation } from '../../machines/index.ts';
import type { AskedTask, Offer } from '../definition/agent-self.ts';
import type { AgentManifest } from '../definition/manifest.ts';
import type { SavedState } from '../definition/saved-state.ts';
import type { ChildReport } from '../engine/chart.ts';
import type { BodyReport, BodyRequest, Usage } from '../hosting/host.ts';
import type { CommitListener, Journal } from '../journal/journal.ts';
import type { SteadyClock } from '../time/clock.ts';
import { dataCopy, frozenData } from '../values/data-copy.ts';
import { AgentSystemError, errorInfoOf } from '../values/errors.ts';
import type { SecretValues } from '../values/secret-paths.ts';
import type { AgentSecrets } from './agent-secrets.ts';
import type { KeptSpec } from './agent-terms.ts';
import type { AgentTasks } from './agent-tasks.ts';
import { type EmbodiedAgent, Incarnation, type IncarnationOwner } from './incarnation.ts';
import { Offers, type OffersOwner } from './offers.ts';
import { pendingFields } from './pending-fields.ts';
import { withoutSecrets } from './secret-reports.ts';
import { StateKeeper } from './state-keeper.ts';

/** What the next body is made from, if that differs from what the living body was made from. */
interface NextBody {
  readonly manifest: AgentManifest;
  readonly pending: readonly string[];
}

const NOTHING_PENDING: readonly string[] = Object.freeze([]);

/** The agent whose bodies they are. */
export interface BodiesOwner extends EmbodiedAgent {
  readonly clock: SteadyClock;
  readonly journal: Journal;
  readonly secrets: AgentSecrets | undefined;
  /** Whether its chart still runs. */
  readonly isActive: boolean;
  healthAnswered(report: Extract<BodyReport, { type: `health.${string}` }>): void;
  /** Its body may never end. */
  answerEndEarly(): void;
  logger(): Logger;
}

export class AgentBodies extends StateKeeper implements IncarnationOwner, OffersOwner {
  readonly agent: BodiesOwner;
  private readonly tasks: AgentTasks;
  private currentManifest: AgentManifest;
  private living: Incarnation | undefined = undefined;
  /** The incarnation that has ended, until its end is announced. */
  private leaving: Incarnation | undefined = undefined;
  private next: NextBody | undefined = undefined;
  private exitedLast: ExitReason | undefined = undefined;
  private thrownLast: unknown = undefined;
  private offers: Offers | undefined = undefined;
  private droppedCount = 0;

  constructor(agent: BodiesOwner, tasks: AgentTasks, manifest: AgentManifest) {
    super();
    this.agent = agent;
    this.tasks = tasks;
    this.currentManifest = manifest;
  }

  get id(): string {
    return this.agent.id;
  }

  get clock(): SteadyClock {
    return this.agent.clock;
  }

  /** The manifest of the agent's definition; for a module in another process or thread, as last reported. */
  get manifest(): AgentManifest {
    return this.currentManifest;
  }

  /** The manifest of the next body. */
  get nextManifest(): AgentManifest {
    return this.next?.manifest ?? this.currentManifest;
  }

  get isolation(): Isolation {
    return (this.living ?? this.agent).host.isolation;
  }

  /** Fields of the spec that changed after the living body was made: in force from the next body on. */
  get pending(): readonly string[] {
    return this.next?.pending ?? NOTHING_PENDING;
  }

  /** Why the last body ended. */
  get lastExit(): ExitReason | undefined {
    return this.exitedLast;
  }

  /** What the last body threw, if it lived in this thread. */
  get lastThrown(): unknown {
    return this.thrownLast;
  }

  /** How many reports came too late, or were malformed. */
  get dropped(): number {
    return this.droppedCount;
  }

  /** Whether its host measures the living body. */
  get isMeasured(): boolean {
    return this.living?.isMeasured === true;
  }

  get usage(): Usage | undefined {
    return this.living?.usage();
  }

  // What the agent asks of the living body.

  open(incarnation: number, report: ChildReport): Incarnation {
    const living = new Incarnation(this, incarnation, report);
    this.living = living;
    this.tasks.hold();
    living.open();
    return living;
  }

  post(request: BodyRequest): void {
    this.living?.post(request);
  }

  command(command: BodyCommand): void {
    this.living?.command(command);
  }

  /** The living body takes part in coordination from here on. */
  participate(): void {
    this.living?.participate();
  }

  /** The living body is ending, and takes no part in coordination any more. */
  retire(): void {
    this.living?.retire();
  }

  /** The end of the last body was announced: its events for coordination come after that in the stream. */
  left(): void {
    const left = this.leaving;
    this.leaving = undefined;
    left?.retire();
  }

  /** Asks the living body which tasks it takes now. */
  offer(task?: AskedTask, isOutlined = false): Promise<Offer> {
    const { id, spec } = this.agent;
    if (!this.living?.isOpen) {
      const message = `agent ${id} has no body that could say what it takes`;
      return Promise.reject(new AgentSystemError('AGENT_NOT_RUNNING', message, { agentId: id }));
    }
    this.offers ??= new Offers(this, spec.health);
    return this.offers.ask(task, isOutlined);
  }

  /**
   * Prepares a change of the agent's spec; called before the change.
   *
   * @param given secrets that come with it
   */
  follow(spec: KeptSpec, manifest: AgentManifest, given: SecretValues): void {
    const living = this.living;
    this.offers?.follow(spec.health);
    if (living === undefined) {
      this.currentManifest = manifest;
      return;
    }
    const { secrets } = this.agent;
    const isRekeyed = [...given].some(([path, value]) => secrets?.differs(path, value));
    const body = { spec: living.spec, manifest: this.currentManifest };
    const pending = pendingFields(body, { spec, manifest }, isRekeyed);
    this.next = pending.length === 0 ? undefined : { manifest, pending };
  }

  followCoordination(): void {
    this.living?.followCoordination();
  }

  /** The agent is gone: kills a body that is left. */
  discard(): void {
    const living = this.living;
    this.living = undefined;
    living?.discard();
    this.offers?.giveUp();
  }

  // What the living incarnation needs and reports.

  initArgsOf(living: Incarnation): unknown {
    const { initArgs } = living.spec;
    const { secrets } = this.agent;
    return secrets === undefined ? dataCopy(initArgs) : secrets.fill(initArgs, living);
  }

  restored(state: SavedState, isKept: boolean): void {
    this.beginWith(isKept ? state : undefined);
  }

  bodyReported(living: Incarnation, told: BodyReport): void {
    const { agent } = this;
    const report = agent.secrets === undefined ? told : withoutSecrets(told, agent.secrets);
    switch (report.type) {
      case 'ready':
        if (report.manifest !== this.currentManifest) this.learn(living, frozenData(report.manifest));
        return agent.send({ type: 'body.ready', at: this.clock.now(), tick: this.clock.elapsed() });
      case 'finished':
        return agent.send({ type: 'body.finished', at: this.clock.now() });
      case 'task.completed':
        // The state and the task are told of as of one moment: it is one act.
        return this.tasks.ended(report, report.state && this.keepState(living, report.state));
      case 'task.failed':
        return this.tasks.ended(report);
      case 'task.parked':
      case 'task.progress':
      case 'task.chunk':
        return this.tasks.reported(report);
      case 'health.answered':
      case 'health.failed':
        return agent.healthAnswered(report);
      case 'offer.told':
        return this.offers?.answered(report);
      case 'request.made':
      case 'request.withdrawn':
        return this.tasks.requested(report);
      case 'state.changed':
        return void this.keepState(living, report.state);
      case 'state.saved':
        return void this.keepState(living, report.state, (error) => this.stateKept(living, error));
      case 'state.save_failed':
        return agent.send({ type: 'body.save_failed', at: this.clock.now(), error: report.error });
      case 'log':
        return agent.logger()[report.level](report.fields ?? {}, report.message);
      default:
        living.tellCoordination(report);
    }
  }

  /** Its module was loaded, and may have changed since it was described. */
  private learn({ module }: Incarnation, manifest: AgentManifest): void {
    const { agent } = this;
    const isNew = manifest.hash !== this.currentManifest.hash;
    this.currentManifest = manifest;
    if (isNew && module instanceof URL) agent.services.manifests.keep(module, manifest);
    agent.changed();
  }

  bodyEnded(ended: ExitReason, thrown: unknown): ExitReason {
    const { agent } = this;
    const reason = agent.secrets === undefined ? ended : agent.secrets.hide(ended);
    this.leaving = this.living;
    this.living = undefined;
    // A chart that a bug has ended announces nothing more.
    if (!agent.isActive) this.left();
    if (this.next) {
      this.currentManifest = this.next.manifest;
      this.next = undefined;
    }
    this.exitedLast = typeof reason === 'object' ? frozenData(reason) : reason;
    // The thrown value itself is shown, unless it holds a secret.
    this.thrownLast = reason === ended ? thrown : undefined;
    this.offers?.giveUp();
    this.tasks.bodyEnded();
    agent.services.alerts.clear('body_not_ending', agent.id);
    return reason;
  }

  bodyDropped(): void {
    this.droppedCount += 1;
    this.agent.changed();
  }

  bodyStuck(): void {
    const { agent } = this;
    const message = `agent ${agent.id} was killed, and its ${this.isolation} host cannot end it: it runs on, past its limits, and may keep the program from exiting`;
    agent.services.alerts.raise('body_not_ending', message, agent.id);
    agent.answerEndEarly();
  }

  private keepState({ number: incarnation }: Incarnation, state: SavedState, kept?: CommitListener): number {
    const { id: agentId, journal } = this.agent;
    return this.keep(journal, { agentId, incarnation, state, kept });
  }

  private stateKept(living: Incarnation, error: AgentSystemError | undefined): void {
    if (living !== this.living) return;
    const at = this.clock.now();
    if (error) this.agent.send({ type: 'body.save_failed', at, error: errorInfoOf(error) });
    else this.agent.send({ type: 'body.saved', at });
  }
}
