/**
 * One body on its node: opened and checked here, and reported to the agent's object.
 *
 * Owns the body of one incarnation, and its health checks. Decides nothing of its life.
 *
 * I1  Messages are taken in their order, each once. A missing one means that the connection to this node is broken: the
 *     body is ended, and its agent is told.
 * I2  After its end nothing more is reported.
 * I3  Secrets of its `initArgs` are asked of the node at its start, and are in nothing that is reported.
 */
import { type HealthReport, Liveness, type LivenessOwner } from '../../runtime/agent/liveness.ts';
import type { AnyAgentDefinition } from '../../runtime/definition/define-agent.ts';
import type { AgentManifest } from '../../runtime/definition/manifest.ts';
import type {
  Body,
  BodyListener,
  BodyReport,
  BodyRequest,
  BodyStart,
  Host,
  Usage,
  VariableState,
} from '../../runtime/hosting/host.ts';
import type { SteadyClock } from '../../runtime/time/clock.ts';
import { errorInfoOf } from '../../runtime/values/errors.ts';
import { dataCopy } from '../../runtime/values/data-copy.ts';
import { noSecrets, outermostPaths } from '../../runtime/values/secret-paths.ts';
import { isThenable } from '../../runtime/values/thenable.ts';
import type { ExitReason } from '../../machines/index.ts';
import type { NodeReport, RequestAnswer } from '../agent/agent-acts.ts';
import { AgentSecrets, type SecretServices } from '../../runtime/agent/agent-secrets.ts';
import { Offers } from '../../runtime/agent/offers.ts';
import { withoutSecrets } from '../../runtime/agent/secret-reports.ts';
import type { AskedTask, Offer } from '../../runtime/definition/agent-self.ts';
import type { RequestHandlers } from '../../runtime/agent/requests.ts';
import { type AskingTask, ResidentTasks, type ResidentTasksOwner } from './resident-tasks.ts';
import type { DeliveredMessage, MessageBatch } from '../engine/names.ts';

export type Opening = Extract<DeliveredMessage, { type: 'open' }>;

export interface ResidentOptions {
  readonly agentId: string;
  readonly incarnation: number;
  readonly clock: SteadyClock;
  readonly tell: (report: NodeReport) => void;
  /** For the caller that follows a task. */
  readonly show: (callId: string, what: 'progress' | 'chunk', value: unknown) => void;
  /** The newest value of a variable that this node was told. */
  readonly valueOf: (name: string) => VariableState | undefined;
  /** The values that are in force; a promise while they are read. */
  readonly valuesOf: (
    names: readonly string[],
  ) => readonly VariableState[] | Promise<readonly VariableState[]>;
  /** What tasks may ask for. */
  readonly requests: RequestHandlers<AskingTask>;
  readonly log: (report: Extract<BodyReport, { type: 'log' }>) => void;
  readonly secrets: SecretServices;
  /** Where the code of its type is, and who runs it. @throws AgentSystemError when it is not here */
  readonly codeFor: (opening: Opening) => { readonly module: AnyAgentDefinition | URL; readonly host: Host };
  /** The code of a module has said what it is: only its child process knows. */
  readonly described: (manifest: AgentManifest, module: URL) => void;
  readonly ended: () => void;
}

/** Waits for what its body answers to somebody other than its agent. */
type Listener = (report: BodyReport) => void;

/** Until its spec is known nobody asks it. */
const NO_SPEC = { timeoutMs: 0 };

export class Resident implements BodyListener, LivenessOwner, ResidentTasksOwner {
  readonly options: ResidentOptions;
  readonly #listeners = new Set<Listener>();
  readonly #endListeners = new Set<() => void>();
  /** The newest version that it was told, by variable. */
  readonly #told = new Map<string, number>();
  /** The newest version that it has acknowledged, by variable; those that it began with count as that. */
  readonly #acknowledged = new Map<string, number>();
  readonly #tasks: ResidentTasks;
  #manifest: AgentManifest | undefined;
  #heard = 0;
  #body: Body | undefined;
  #early: (() => void)[] | undefined = [];
  #liveness: Liveness | undefined;
  readonly #offers: Offers;
  #secrets: AgentSecrets | undefined;
  /** What came while its secrets, or values of its variables, are fetched. */
  #unread: DeliveredMessage[] | undefined;
  #module: URL | undefined;
  #hasEnded = false;
  #isReady = false;
  #isUnwatched = false;
  #spec: Opening['spec'] | undefined;
  #shown: HealthReport['status'] | undefined;

  constructor(options: ResidentOptions) {
    this.options = options;
    this.#tasks = new ResidentTasks(this);
    this.#offers = new Offers(
      { id: options.agentId, clock: options.clock, post: (request) => this.post(request) },
      NO_SPEC,
    );
  }

  get clock(): SteadyClock {
    return this.options.clock;
  }

  get agentId(): string {
    return this.options.agentId;
  }

  get incarnation(): number {
    return this.options.incarnation;
  }

  get isOver(): boolean {
    return this.#hasEnded;
  }

  get isServing(): boolean {
    return this.#isReady && !this.#hasEnded;
  }

  get variables(): readonly string[] {
    return this.#manifest?.variables ?? [];
  }

  /** The version of a variable that it has acknowledged last; 0 for none. */
  acknowledged(name: string): number {
    return this.#acknowledged.get(name) ?? 0;
  }

  get requests(): RequestHandlers<AskingTask> {
    return this.options.requests;
  }

  get spec(): Opening['spec'] | undefined {
    return this.#spec;
  }

  take({ first, messages }: Pick<MessageBatch, 'first' | 'messages'>): void {
    if (first > this.#heard + 1) return this.#cutOff(first);
    messages.forEach((message, index) => {
      const number = first + index;
      if (number <= this.#heard) return;
      this.#heard = number;
      if (this.#unread === undefined) this.#take(message);
      else this.#takeEarly(message, this.#unread);
    });
  }

  /** There is no body yet: an end is one at once. */
  #takeEarly(message: DeliveredMessage, unread: DeliveredMessage[]): void {
    if (message.type === 'kill') this.exited('killed');
    else if (message.type === 'terminate') this.exited('shutdown');
    else unread.push(message);
  }

  usage(): Usage | undefined {
    return this.#body?.usage?.();
  }

  /** Tells when it has ended; returns how to stop that. */
  whenEnded(listener: () => void): () => void {
    this.#endListeners.add(listener);
    return () => this.#endListeners.delete(listener);
  }

  /** Asks the body something whose answers are heard by `listener` until it is let go. */
  ask(request: BodyRequest, listener: Listener): () => void {
    this.#listeners.add(listener);
    this.post(request);
    return () => this.#listeners.delete(listener);
  }

  /** Its health is checked from now on, unless that is over already. */
  watch(): void {
    if (this.#liveness !== undefined || this.#isUnwatched || this.#hasEnded) return;
    this.#liveness = new Liveness(this, this.#spec!.health);
    this.#liveness.watch();
  }

  checkHealth(): Promise<HealthReport> | undefined {
    return this.#liveness?.check();
  }

  /** Ends it without a word: its agent is another's. */
  abandon(): void {
    this.#hasEnded = true;
    this.#liveness?.unwatch();
    this.#offers.giveUp();
    this.#tasks.clear();
    this.#kill();
    for (const listener of this.#endListeners) listener();
  }

  #take(message: DeliveredMessage): void {
    switch (message.type) {
      case 'open':
        return this.#open(message);
      case 'kill':
        return this.#kill();
      case 'unwatch':
        this.#isUnwatched = true;
        return this.#liveness?.unwatch();
      case 'spec.changed': {
        const { health, coordination } = message;
        this.#spec = { ...this.#spec!, health, coordination };
        this.#offers.follow(health);
        return this.#liveness?.follow(health);
      }
      case 'task.run':
        return this.post(this.#tasks.begin(message, this.#manifest!));
      case 'task.cancel':
        this.#tasks.cancelled(message.taskId);
        return this.post(message);
      case 'task.awaited':
        return this.#tasks.awaited(message);
      case 'request.answered':
      case 'request.refused':
        return this.#tasks.answered(message);
      default:
        return this.post(message);
    }
  }

  /** Which tasks it takes now. @throws AgentSystemError `TASK_TIMED_OUT`, `AGENT_NOT_RUNNING` */
  offer(task: AskedTask | undefined, isOutlined: true | undefined): Promise<Offer> {
    return this.#offers.ask(task, isOutlined === true);
  }

  /** What its agent answers to a task of it. */
  answer(answer: RequestAnswer): void {
    this.#tasks.answered(answer);
  }

  /** The reader of a call has taken so many chunks. */
  chunksTaken(callId: string, taken: number): void {
    this.#tasks.chunksTaken(callId, taken);
  }

  show(callId: string, what: 'progress' | 'chunk', value: unknown): void {
    this.options.show(callId, what, value);
  }

  tell(report: NodeReport): void {
    if (!this.#hasEnded) this.options.tell(report);
  }

  #cutOff(first: number): void {
    const message = `message ${first} came to the node, expected ${this.#heard + 1}: what was between is lost`;
    this.#kill();
    this.exited({ error: { name: 'Error', message } });
  }

  #open(opening: Opening): void {
    const { spec, manifest } = opening;
    this.#spec = spec;
    this.#offers.follow(spec.health);
    this.#manifest = manifest;
    const failed = (thrown: unknown): void => this.exited({ error: errorInfoOf(thrown) });
    let initArgs: unknown;
    try {
      initArgs = this.#initArgsOf(opening);
    } catch (thrown) {
      return failed(thrown);
    }
    const variables = this.options.valuesOf(manifest.variables);
    if (!isThenable(initArgs) && !isThenable(variables)) return this.#openWith(opening, initArgs, variables);
    this.#unread = [];
    Promise.all([initArgs, variables]).then((given) => this.#openWith(opening, ...given), failed);
  }

  /** A copy, with its secrets in it, or a promise of one. */
  #initArgsOf({ spec: { initArgs, secrets }, manifest: { type } }: Opening): unknown {
    if (secrets === undefined) return dataCopy(initArgs);
    const { agentId, secrets: services } = this.options;
    this.#secrets = new AgentSecrets(services, { agentId, type }, outermostPaths(secrets), noSecrets);
    return this.#secrets.fill(initArgs, this);
  }

  #openWith(opening: Opening, initArgs: unknown, variables: readonly VariableState[]): void {
    if (this.#hasEnded) return;
    for (const { name, version } of variables) {
      this.#told.set(name, version);
      this.#acknowledged.set(name, version);
    }
    const { agentId, incarnation, codeFor } = this.options;
    const { spec, start, manifest } = opening;
    let body: Body;
    try {
      const { module, host } = codeFor(opening);
      this.#module = module instanceof URL ? module : undefined;
      const opened: BodyStart = {
        agentId,
        incarnation,
        module,
        agentType: manifest.type,
        initArgs,
        secrets: spec.secrets,
        restored: start.restored,
        previousStop: start.previousStop,
        variables,
        resources: spec.resources,
      };
      body = host.open(opened, this);
    } catch (thrown) {
      const error = errorInfoOf(thrown);
      return this.exited({ error });
    }
    this.#body = body;
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const tell of early) tell();
    const unread = this.#unread ?? [];
    this.#unread = undefined;
    for (const message of unread) this.#take(message);
  }

  /** The data without its secrets; the same object if it has none. */
  hide<Data>(data: Data): Data {
    return this.#secrets === undefined ? data : this.#secrets.hide(data);
  }

  post(request: BodyRequest): void {
    if (request.type === 'variable.changed') {
      const { name, version } = request.variable;
      // It comes by two ways: with the broadcast, and when a body has begun on an older one.
      if (version <= (this.#told.get(name) ?? 0)) return;
      this.#told.set(name, version);
    }
    try {
      this.#body?.post(request);
    } catch (thrown) {
      this.#kill();
      this.exited({ error: errorInfoOf(thrown) });
    }
  }

  #noteAcknowledged(name: string, version: number): void {
    this.#acknowledged.set(name, Math.max(version, this.acknowledged(name)));
  }

  /** What has changed while it started. */
  #catchUp(): void {
    for (const name of this.variables) {
      const variable = this.options.valueOf(name);
      if (variable !== undefined) this.post({ type: 'variable.changed', variable });
    }
  }

  #kill(): void {
    try {
      this.#body?.kill();
    } catch (thrown) {
      this.exited({ error: errorInfoOf(thrown) });
    }
  }

  // What the body tells.

  report(told: BodyReport): void {
    if (this.#early !== undefined && this.#body === undefined) {
      this.#early.push(() => this.report(told));
      return;
    }
    if (this.#hasEnded) return;
    const report = this.#secrets === undefined ? told : withoutSecrets(told, this.#secrets);
    switch (report.type) {
      case 'log':
        return this.options.log(report);
      case 'task.progress':
        return this.#tasks.progressed(report.taskId, report.value);
      case 'health.answered':
      case 'health.failed':
        return this.#liveness?.answered(report);
      case 'variable.acknowledged':
      case 'vote.cast':
        if (report.type === 'variable.acknowledged') this.#noteAcknowledged(report.name, report.version);
        for (const listener of this.#listeners) listener(report);
        return;
      case 'offer.told':
        return this.#offers.answered(report);
      case 'request.made':
      case 'request.withdrawn':
        return this.#tasks.requested(report);
      case 'task.chunk':
        return this.#tasks.chunk(report.taskId, report.chunk);
      case 'task.completed':
      case 'task.failed':
      case 'task.parked':
        return this.options.tell(asData(this.#tasks.ended(report)));
      case 'ready':
        this.#isReady = true;
        this.#manifest = report.manifest;
        if (this.#module !== undefined) this.options.described(report.manifest, this.#module);
        this.#catchUp();
        break;
      default:
    }
    this.options.tell(asData(report));
  }

  exited(reason: ExitReason): void {
    if (this.#early !== undefined && this.#body === undefined && this.#spec === undefined) return;
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#liveness?.unwatch();
    this.#offers.giveUp();
    this.#tasks.clear();
    this.options.tell({ type: 'exited', reason: this.hide(reason) });
    this.options.ended();
    for (const listener of this.#endListeners) listener();
  }

  stuck(): void {
    if (!this.#hasEnded) this.options.tell({ type: 'stuck' });
  }

  dropped(): void {
    if (!this.#hasEnded) this.options.tell({ type: 'dropped' });
  }

  // What its health checks want, and say.

  askHealth(checkId: number): void {
    this.post({ type: 'health.check', checkId });
  }

  healthPassed(): void {
    this.#tellHealth('passed');
  }

  healthMissed(): void {
    this.#tellHealth('missed');
  }

  changed(): void {}

  #tellHealth(verdict: 'passed' | 'missed'): void {
    const health = this.#liveness!.newest;
    // The same as last time says nothing new.
    if (verdict === 'passed' && this.#shown === health.status) return;
    this.#shown = health.status;
    this.options.tell({ type: 'health', health, verdict });
  }
}

/** What was thrown is told as data, and buffers stay here. */
function asData(report: NodeReport): NodeReport {
  if (report.type === 'task.failed') {
    const { cause: _, ...rest } = report;
    return rest;
  }
  if (report.type === 'task.completed') {
    const { transfer: _, ...rest } = report;
    return rest;
  }
  return report;
}
