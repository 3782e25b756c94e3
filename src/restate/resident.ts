/**
 * One body on its node: opened, spoken to and checked here, told of to the agent's object.
 *
 * Owns the body of one incarnation, and its health checks. Decides nothing of its life.
 *
 * I1  Messages are taken in their order, each once; one that is missing means that the way to this node is broken: the
 *     body is ended, and the agent told.
 * I2  After its end nothing is told of it.
 */
import { type HealthReport, Liveness, type LivenessOwner } from '../runtime/agent/liveness.ts';
import type { AnyAgentDefinition } from '../runtime/definition/define-agent.ts';
import type {
  Body,
  BodyListener,
  BodyReport,
  BodyRequest,
  BodyStart,
  Host,
  Usage,
} from '../runtime/hosting/host.ts';
import type { SteadyClock } from '../runtime/time/clock.ts';
import { errorInfoOf } from '../runtime/values/errors.ts';
import { dataCopy } from '../runtime/values/data-copy.ts';
import type { ExitReason } from '../machines/index.ts';
import type { NodeReport } from './agent-turn.ts';
import type { DeliveredMessage, MessageBatch } from './names.ts';

export type Opening = Extract<DeliveredMessage, { type: 'open' }>;

export interface ResidentOptions {
  readonly agentId: string;
  readonly incarnation: number;
  readonly clock: SteadyClock;
  readonly tell: (report: NodeReport) => void;
  readonly progress: (callId: string, value: unknown) => void;
  readonly log: (report: Extract<BodyReport, { type: 'log' }>) => void;
  /** Where the code of its type is, and who runs it. @throws AgentSystemError when it is not here */
  readonly codeFor: (opening: Opening) => { readonly module: AnyAgentDefinition | URL; readonly host: Host };
  readonly ended: () => void;
}

/** Waits for what its body answers to somebody other than its agent. */
type Listener = (report: BodyReport) => void;

export class Resident implements BodyListener, LivenessOwner {
  readonly options: ResidentOptions;
  readonly #listeners = new Set<Listener>();
  readonly #endListeners = new Set<() => void>();
  /** The newest version that it was told, by variable. */
  readonly #told = new Map<string, number>();
  /** Calls whose callers listen to progress, by task. */
  readonly #followed = new Map<string, string>();
  /** How many chunks came, by task. */
  readonly #chunks = new Map<string, number>();
  #heard = 0;
  #body: Body | undefined;
  #early: (() => void)[] | undefined = [];
  #liveness: Liveness | undefined;
  #hasEnded = false;
  #isReady = false;
  #variables: readonly string[] = [];
  #spec: Opening['spec'] | undefined;
  #shown: HealthReport['status'] | undefined;

  constructor(options: ResidentOptions) {
    this.options = options;
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

  get isServing(): boolean {
    return this.#isReady && !this.#hasEnded;
  }

  get variables(): readonly string[] {
    return this.#variables;
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
      this.#take(message);
    });
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
    this.#post(request);
    return () => this.#listeners.delete(listener);
  }

  checkHealth(): Promise<HealthReport> | undefined {
    return this.#liveness?.check();
  }

  /** Ends it without a word: its agent is another's. */
  abandon(): void {
    this.#hasEnded = true;
    this.#liveness?.unwatch();
    this.#kill();
    for (const listener of this.#endListeners) listener();
  }

  #take(message: DeliveredMessage): void {
    switch (message.type) {
      case 'open':
        return this.#open(message);
      case 'kill':
        return this.#kill();
      case 'watch':
        this.#liveness = new Liveness(this, this.#spec!.health);
        return this.#liveness.watch();
      case 'unwatch':
        return this.#liveness?.unwatch();
      case 'follow':
        this.#followed.set(message.taskId, message.callId);
        return;
      default:
        return this.#post(message);
    }
  }

  #cutOff(first: number): void {
    const message = `message ${first} came to the node, expected ${this.#heard + 1}: what was between is lost`;
    this.#kill();
    this.exited({ error: { name: 'Error', message } });
  }

  #open({ spec, start, manifest }: Opening): void {
    const { agentId, incarnation, codeFor } = this.options;
    this.#spec = spec;
    this.#variables = manifest.variables;
    for (const { name, version } of start.variables) this.#told.set(name, version);
    let body: Body;
    try {
      const { module, host } = codeFor({ type: 'open', spec, start, manifest });
      const opened: BodyStart = {
        agentId,
        incarnation,
        module,
        initArgs: dataCopy(spec.initArgs),
        restored: start.restored,
        previousStop: start.previousStop,
        variables: start.variables,
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
  }

  #post(request: BodyRequest): void {
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

  #kill(): void {
    try {
      this.#body?.kill();
    } catch (thrown) {
      this.exited({ error: errorInfoOf(thrown) });
    }
  }

  // What the body tells.

  report(report: BodyReport): void {
    if (this.#early !== undefined && this.#body === undefined) {
      this.#early.push(() => this.report(report));
      return;
    }
    if (this.#hasEnded) return;
    switch (report.type) {
      case 'log':
        return this.options.log(report);
      case 'task.progress': {
        const callId = this.#followed.get(report.taskId);
        if (callId !== undefined) this.options.progress(callId, report.value);
        return;
      }
      case 'health.answered':
      case 'health.failed':
        return this.#liveness?.answered(report);
      case 'variable.acknowledged':
      case 'vote.cast':
      case 'offer.told':
        for (const listener of this.#listeners) listener(report);
        return;
      case 'request.made':
        return this.#refuse(report);
      case 'request.withdrawn':
        return;
      case 'task.parked': {
        // Nothing of a fleet keeps a reset yet: the task fails, and says why.
        const { taskId, why } = report;
        const error = { name: 'Park', message: why };
        return this.report({ type: 'task.failed', taskId, code: 'TASK_FAILED', error });
      }
      case 'task.chunk':
        return this.#chunk(report.taskId);
      case 'ready':
        this.#isReady = true;
        this.#variables = report.manifest.variables;
        break;
      case 'task.completed':
      case 'task.failed':
        this.#followed.delete(report.taskId);
        this.#chunks.delete(report.taskId);
        break;
      default:
    }
    this.options.tell(asData(report));
  }

  /** Nobody reads what a task of a fleet streams: it goes on as if it had been read. */
  #chunk(taskId: string): void {
    const taken = (this.#chunks.get(taskId) ?? 0) + 1;
    this.#chunks.set(taskId, taken);
    this.#post({ type: 'task.chunks_taken', taskId, taken });
  }

  /** What a task may ask of its system is not to be had of a fleet yet: it is told so, by name. */
  #refuse({ requestId, taskId, name }: Extract<BodyReport, { type: 'request.made' }>): void {
    const message = `${name}: a task of an agent in a fleet cannot ask for it`;
    const error = { name: 'AgentSystemError', message };
    this.#post({ type: 'request.refused', requestId, taskId, code: 'REQUEST_INVALID', error });
  }

  exited(reason: ExitReason): void {
    if (this.#early !== undefined && this.#body === undefined && this.#spec === undefined) return;
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#liveness?.unwatch();
    this.options.tell({ type: 'exited', reason });
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
    this.#post({ type: 'health.check', checkId });
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
function asData(report: Extract<NodeReport, BodyReport>): NodeReport {
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
