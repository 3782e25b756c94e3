/**
 * A host whose faults a script decides: it delays and loses reports, and ends bodies.
 *
 * The bodies are real: each runs its agent's own code, in this program.
 *
 * I1  Reports of a body arrive in the order in which it made them, or not at all.
 * I2  The end of a body is told once, and nothing of it afterwards, as the contract of hosts demands.
 * I3  A task, or a start, takes as long as the seed says: its code runs all at once, at the end of that time.
 * I4  A body whose program has died reports nothing.
 */
import type { ExitReason, ParsedAgentSpec } from '../../machines/index.ts';
import type { SavedState } from '../../runtime/definition/saved-state.ts';
import type {
  Body,
  BodyListener,
  BodyReport,
  BodyRequest,
  BodyStart,
  Host,
} from '../../runtime/hosting/host.ts';
import { inProcessHost } from '../../runtime/hosting/hosts/in-process.ts';
import type { SimulatedClock } from '../simulated-clock.ts';
import type { ReportKind } from './deeds.ts';

/** What a judge sees of the bodies. */
export interface BodyWitness {
  opened(start: BodyStart): void;
  /** The runtime was told a state of the agent. */
  stateTold(agentId: string, state: SavedState): void;
  /** The runtime was told that a task is done. */
  taskDone(agentId: string, taskId: string): void;
  /** A body was told the version of a variable. */
  variablePosted(agentId: string, incarnation: number, name: string, version: number): void;
  exited(agentId: string, incarnation: number): void;
  /** A body was given a task, and has reported its end. */
  taskBegun(agentId: string, taskId: string): void;
  taskOver(agentId: string, taskId: string): void;
  /** A task asked other agents for work; it was answered, or no longer waits. */
  asked(agentId: string, taskId: string, requestId: number, args: unknown): void;
  answered(agentId: string, taskId: string, requestId: number): void;
}

export interface FaultyHostOptions {
  readonly clock: SimulatedClock;
  readonly witness: BodyWitness;
  /** How long the next task of an agent takes; ms. */
  readonly workMs: (agentId: string) => number;
  /** How long its next body takes to be ready; ms. */
  readonly readyMs: (agentId: string) => number;
}

interface Arranged {
  readonly report: ReportKind;
  /** How late it is; `undefined` if it is lost. */
  readonly ms: number | undefined;
}

export class FaultyHost implements Host {
  readonly isolation = 'in-process';
  readonly #inner: Host;
  readonly #options: FaultyHostOptions;
  readonly #bodies = new Set<FaultyBody>();
  readonly #arranged = new Map<string, Arranged[]>();
  readonly #failingStarts = new Set<string>();
  readonly #limits = new Map<string, (number | undefined)[]>();

  constructor(options: FaultyHostOptions) {
    this.#options = options;
    this.#inner = inProcessHost({ clock: options.clock });
  }

  refusal(spec: ParsedAgentSpec): string | undefined {
    return this.#inner.refusal(spec);
  }

  describe(...given: Parameters<Host['describe']>): ReturnType<Host['describe']> {
    return this.#inner.describe(...given);
  }

  open(start: BodyStart, listener: BodyListener): Body {
    const { agentId } = start;
    this.#options.witness.opened(start);
    const body = new FaultyBody(start, listener, this.#options, {
      arranged: (report) => this.#take(agentId, report),
      limit: () => this.#limits.get(agentId)?.splice(0, 1),
      gone: (gone) => this.#bodies.delete(gone),
    });
    this.#bodies.add(body);
    if (this.#failingStarts.delete(agentId)) body.failStart();
    else body.join(this.#inner.open(start, body));
    return body;
  }

  async close(): Promise<void> {
    await this.#inner.close();
  }

  /** Ids of the agents that have a body, one for each body. */
  get live(): readonly string[] {
    return [...this.#bodies].map(({ start }) => start.agentId);
  }

  /** The program has died: its bodies end, and nobody hears of them. */
  die(): void {
    for (const body of this.#bodies) body.mute();
    this.#bodies.clear();
  }

  /** Cancels the faults that were arranged and have not occurred. */
  forgetArranged(): void {
    this.#arranged.clear();
    this.#limits.clear();
    this.#failingStarts.clear();
  }

  crash(agentId: string, reason: ExitReason): void {
    this.#bodyOf(agentId)?.crash(reason);
  }

  hang(agentId: string): void {
    this.#bodyOf(agentId)?.hang();
  }

  /** The next task of the agent runs into a limit. @param afterMs until its reset; `undefined` if that is unknown */
  limit(agentId: string, afterMs: number | undefined): void {
    const limits = this.#limits.get(agentId) ?? [];
    this.#limits.set(agentId, [...limits, afterMs]);
  }

  failStart(agentId: string): void {
    this.#failingStarts.add(agentId);
  }

  /** @param ms how late the next report of that kind is; `undefined` if it is lost */
  arrange(agentId: string, report: ReportKind, ms: number | undefined): void {
    const arranged = this.#arranged.get(agentId) ?? [];
    this.#arranged.set(agentId, [...arranged, { report, ms }]);
  }

  #bodyOf(agentId: string): FaultyBody | undefined {
    return [...this.#bodies].find(({ start }) => start.agentId === agentId);
  }

  #take(agentId: string, report: ReportKind): Arranged | undefined {
    const arranged = this.#arranged.get(agentId);
    const at = arranged?.findIndex((one) => one.report === report) ?? -1;
    return at < 0 ? undefined : arranged!.splice(at, 1)[0];
  }
}

interface Surroundings {
  readonly arranged: (report: ReportKind) => Arranged | undefined;
  /** The limit that the next task runs into, if any. */
  readonly limit: () => readonly (number | undefined)[] | undefined;
  readonly gone: (body: FaultyBody) => void;
}

class FaultyBody implements Body, BodyListener {
  readonly start: BodyStart;
  readonly #listener: BodyListener;
  readonly #options: FaultyHostOptions;
  readonly #around: Surroundings;
  /** Timers of the tasks whose time is not over. */
  readonly #working = new Map<string, unknown>();
  /** Reports on their way, in order. */
  readonly #queue: { readonly deliver: () => void; readonly ms: number }[] = [];
  #isDelivering = false;
  /** The timer of the report that is held up. */
  #late: unknown;
  #inner: Body | undefined;
  #isHung = false;
  #isGone = false;
  #isKilled = false;
  #exitAs: ExitReason | undefined;

  constructor(start: BodyStart, listener: BodyListener, options: FaultyHostOptions, around: Surroundings) {
    this.start = start;
    this.#listener = listener;
    this.#options = options;
    this.#around = around;
  }

  join(inner: Body): void {
    this.#inner = inner;
    if (this.#isKilled) inner.kill();
  }

  // The runtime's side.

  post(request: BodyRequest): void {
    const { agentId, incarnation } = this.start;
    if (request.type === 'variable.changed' && !this.#isGone) {
      const { name, version } = request.variable;
      this.#options.witness.variablePosted(agentId, incarnation, name, version);
    }
    if (request.type === 'request.answered' || request.type === 'request.refused')
      this.#options.witness.answered(agentId, request.taskId, request.requestId);
    if (this.#isHung || this.#isGone) return;
    switch (request.type) {
      case 'task.run': {
        this.#options.witness.taskBegun(agentId, request.taskId);
        const limit = this.#around.limit();
        if (limit !== undefined && limit.length > 0) {
          const [afterMs] = limit;
          const { taskId } = request;
          const reset = afterMs === undefined ? {} : { afterMs };
          return this.report({ type: 'task.parked', taskId, why: 'as the seed says', ...reset });
        }
        const ms = this.#options.workMs(agentId);
        if (ms === 0) break;
        const timer = this.#options.clock.setTimeout(() => {
          this.#working.delete(request.taskId);
          if (!this.#isHung) this.#inner?.post(request);
        }, ms);
        this.#working.set(request.taskId, timer);
        return;
      }
      case 'task.cancel': {
        if (!this.#stopWork(request.taskId)) break;
        const error = { name: 'AbortError', message: 'cancelled at work' };
        const { taskId } = request;
        this.report({ type: 'task.failed', taskId, code: 'TASK_ABANDONED', error });
        return;
      }
      case 'terminate':
        for (const taskId of this.#working.keys()) this.#stopWork(taskId);
        break;
      default:
    }
    this.#inner?.post(request);
  }

  kill(): void {
    this.#isKilled = true;
    if (this.#inner) this.#inner.kill();
    else if (!this.#isGone) this.exited('killed');
  }

  // The body's side.

  report(report: BodyReport): void {
    if (this.#isHung || this.#isGone) return;
    const kind = kindOf(report);
    const arranged = kind === undefined ? undefined : this.#around.arranged(kind);
    if (arranged !== undefined && arranged.ms === undefined) return;
    const ms = kind === 'ready' ? this.#options.readyMs(this.start.agentId) : 0;
    this.#say(() => this.#pass(report), arranged?.ms ?? ms);
  }

  exited(reason: ExitReason, thrown?: unknown): void {
    if (this.#isGone) return;
    const end = () => this.#end(this.#exitAs ?? reason, thrown);
    const arranged = this.#around.arranged('exit');
    if (!this.#isKilled) return this.#say(end, arranged?.ms ?? 0);
    // Its reports that have not arrived are lost.
    this.#isHung = true;
    if (arranged?.ms === undefined) end();
    else this.#options.clock.setTimeout(end, arranged.ms);
  }

  // The script's side.

  crash(reason: ExitReason): void {
    if (this.#exitAs !== undefined) return;
    this.#exitAs = reason;
    this.kill();
  }

  hang(): void {
    this.#isHung = true;
    for (const taskId of this.#working.keys()) this.#stopWork(taskId);
  }

  failStart(): void {
    this.#options.clock.setTimeout(() => {
      if (!this.#isGone) this.#end({ exitCode: 1 }, undefined);
    }, 1);
  }

  mute(): void {
    this.#isGone = true;
    this.#inner?.kill();
  }

  #stopWork(taskId: string): boolean {
    this.#options.clock.clearTimeout(this.#working.get(taskId));
    return this.#working.delete(taskId);
  }

  #pass(report: BodyReport): void {
    const { agentId } = this.start;
    const { witness } = this.#options;
    if ('state' in report && report.state) witness.stateTold(agentId, report.state);
    switch (report.type) {
      case 'task.completed':
        witness.taskDone(agentId, report.taskId);
        witness.taskOver(agentId, report.taskId);
        break;
      case 'task.failed':
      case 'task.parked':
        witness.taskOver(agentId, report.taskId);
        break;
      case 'request.made':
        if (report.name === 'agents.execute')
          witness.asked(agentId, report.taskId, report.requestId, report.args);
        break;
      case 'request.withdrawn':
        witness.answered(agentId, report.taskId, report.requestId);
        break;
      default:
    }
    this.#listener.report(report);
  }

  #end(reason: ExitReason, thrown: unknown): void {
    if (this.#isGone) return;
    this.#isGone = true;
    for (const taskId of this.#working.keys()) this.#stopWork(taskId);
    this.#options.clock.clearTimeout(this.#late);
    const { agentId, incarnation } = this.start;
    this.#around.gone(this);
    this.#options.witness.exited(agentId, incarnation);
    this.#listener.exited(reason, thrown);
  }

  #say(deliver: () => void, ms: number): void {
    this.#queue.push({ deliver, ms });
    if (!this.#isDelivering) this.#deliver();
  }

  #deliver(): void {
    const next = this.#queue.shift();
    this.#isDelivering = next !== undefined;
    if (next === undefined) return;
    const arrive = () => {
      if (!this.#isGone && !(this.#isHung && this.#isKilled)) next.deliver();
      this.#deliver();
    };
    if (next.ms === 0) arrive();
    else this.#late = this.#options.clock.setTimeout(arrive, next.ms);
  }
}

function kindOf({ type }: BodyReport): ReportKind | undefined {
  switch (type) {
    case 'ready':
      return 'ready';
    case 'task.completed':
    case 'task.failed':
      return 'task';
    case 'state.saved':
    case 'state.save_failed':
      return 'saved';
    case 'variable.acknowledged':
      return 'acknowledged';
    case 'vote.cast':
      return 'vote';
    case 'health.answered':
    case 'health.failed':
      return 'health';
    default:
      return undefined;
  }
}
