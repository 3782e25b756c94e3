/**
 * Any host, with a test between it and the runtime: the test can hold tasks, lose bodies and read states.
 *
 * The bodies behind it are real. Owns what is held, and the runtime's open requests.
 *
 * I1  What is not held passes unchanged, in order.
 * I2  The runtime does not notice when a test reads a body's state.
 */
import type { ExitReason, Isolation, ParsedAgentSpec } from '../../machines/index.ts';
import type { AgentManifest } from '../../runtime/definition/manifest.ts';
import type { SavedState } from '../../runtime/definition/saved-state.ts';
import type {
  Body,
  BodyListener,
  BodyReport,
  BodyRequest,
  BodyStart,
  DescriptionTurn,
  Host,
  Usage,
} from '../../runtime/hosting/host.ts';

type RunRequest = Extract<BodyRequest, { type: 'task.run' }>;

/** What a body did on its own. */
export interface OwnEnd {
  readonly reason: ExitReason;
}

export class InterposedHost implements Host {
  readonly #inner: Host;
  readonly #manifests: Map<string, Promise<AgentManifest>>;
  readonly bodies = new Set<InterposedBody>();
  /** Where the next task is held. */
  holdNext: 'before' | 'after' | undefined;
  /** Ends that neither a test nor the runtime asked for, until they are taken. */
  readonly ownEnds: OwnEnd[] = [];
  /** Log lines of a body about failures of its agent, until they are taken. */
  readonly complaints: string[] = [];
  /** The last state of the agent that the runtime got. */
  told: SavedState | undefined;
  /** An agent has asked for its own end. */
  isFinished = false;

  /** @param manifests what modules were described as before: to ask a host costs a process */
  constructor(inner: Host, manifests: Map<string, Promise<AgentManifest>>) {
    this.#inner = inner;
    this.#manifests = manifests;
  }

  get isolation(): Isolation {
    return this.#inner.isolation;
  }

  refusal(spec: ParsedAgentSpec): string | undefined {
    return this.#inner.refusal(spec);
  }

  describe(
    module: URL,
    initArgs: unknown,
    resources?: ParsedAgentSpec['resources'],
    turn?: DescriptionTurn,
  ): Promise<AgentManifest> {
    const key = `${module.href} ${JSON.stringify(initArgs)}`;
    let known = this.#manifests.get(key);
    if (known === undefined) {
      known = this.#inner.describe(module, initArgs, resources, turn);
      this.#manifests.set(key, known);
    }
    return known;
  }

  open(start: BodyStart, listener: BodyListener): Body {
    const body = new InterposedBody(this, listener);
    this.bodies.add(body);
    body.join(this.#inner.open(start, body));
    return body;
  }

  async close(): Promise<void> {
    await this.#inner.close();
  }

  /** The program dies, and its bodies with it, without a report. */
  async die(): Promise<void> {
    for (const body of this.bodies) body.mute();
    await this.close();
  }

  /** The living body, if there is one. */
  get body(): InterposedBody | undefined {
    const [body] = this.bodies;
    return body;
  }

  /** Open requests, each under its own name. */
  get unanswered(): readonly string[] {
    return [...this.bodies].flatMap((body) => body.unanswered);
  }
}

interface Held {
  readonly taskId: string;
  readonly request?: RunRequest;
  report?: BodyReport;
  isCancelled: boolean;
}

let bodyCount = 0;

export class InterposedBody implements Body, BodyListener {
  readonly #host: InterposedHost;
  readonly #listener: BodyListener;
  readonly #held = new Map<string, Held>();
  /** What the runtime and the test have asked, and has not been answered. */
  readonly #asked = new Set<string>(['open']);
  readonly #number = (bodyCount += 1);
  /** Whose each answer to a `state.save` is, in order. */
  readonly #saves: (((report: BodyReport | undefined) => void) | 'runtime')[] = [];
  #inner: Body | undefined;
  #isMuted = false;
  #isCommanded = false;
  #exitAs: ExitReason | undefined;

  constructor(host: InterposedHost, listener: BodyListener) {
    this.#host = host;
    this.#listener = listener;
  }

  join(inner: Body): void {
    this.#inner = inner;
  }

  get unanswered(): readonly string[] {
    return [...this.#asked].map((asked) => `${this.#number} ${asked}`);
  }

  get holds(): boolean {
    return this.#held.size > 0;
  }

  /** Ids of the tasks that the body has, and has not answered; what is held counts once it is answered. */
  get openTasks(): readonly string[] {
    return [...this.#asked].filter((key) => key.startsWith('task:')).map((key) => key.slice(5));
  }

  // The runtime's side.

  post(request: BodyRequest): void {
    switch (request.type) {
      case 'task.run':
        return this.#run(request);
      case 'task.cancel': {
        const held = this.#held.get(request.taskId);
        if (held) held.isCancelled = true;
        break;
      }
      case 'state.save':
        this.#saves.push('runtime');
        this.#asked.add('save');
        break;
      case 'health.check':
        this.#asked.add(`health:${request.checkId}`);
        break;
      case 'variable.changed':
        this.#asked.add(`variable:${request.variable.name}`);
        break;
      case 'vote.asked':
        this.#asked.add(`vote:${request.proposal.roundId}`);
        break;
      case 'offer.asked':
        this.#asked.add(`offer:${request.questionId}`);
        break;
      case 'terminate':
        this.#isCommanded = true;
        this.#asked.add('end');
        break;
    }
    this.#inner?.post(request);
  }

  kill(): void {
    this.#isCommanded = true;
    this.#asked.add('end');
    this.#inner?.kill();
  }

  usage(): Usage | undefined {
    return this.#inner?.usage?.();
  }

  // The body's side.

  report(report: BodyReport): void {
    if (this.#isMuted) return;
    this.#noteAnswer(report);
    if (report.type === 'state.saved' || report.type === 'state.save_failed') {
      const whose = this.#saves.shift();
      if (typeof whose === 'function') return whose(report);
    }
    if (report.type === 'task.completed' || report.type === 'task.failed') {
      const held = this.#held.get(report.taskId);
      if (held && held.request === undefined) {
        held.report = report;
        return;
      }
    }
    this.#pass(report);
  }

  exited(reason: ExitReason, thrown?: unknown): void {
    this.#host.bodies.delete(this);
    this.#asked.clear();
    for (const whose of this.#saves.splice(0)) if (typeof whose === 'function') whose(undefined);
    if (this.#isMuted) return;
    if (!this.#isCommanded) this.#host.ownEnds.push({ reason });
    this.#listener.exited(this.#exitAs ?? reason, thrown);
  }

  stuck(): void {
    this.#listener.stuck?.();
  }

  dropped(): void {
    this.#listener.dropped?.();
  }

  // The test's side.

  /** Releases everything that is held. */
  release(): void {
    for (const held of this.#held.values()) {
      const { taskId, request, report, isCancelled } = held;
      this.#held.delete(taskId);
      if (request === undefined) {
        if (report) this.#pass(report);
      } else if (isCancelled) {
        // As a child does with a task that is cancelled before its turn.
        const error = { name: 'AbortError', message: 'cancelled before it began' };
        this.#pass({ type: 'task.failed', taskId, code: 'TASK_ABANDONED', error });
      } else {
        this.#asked.add(`task:${taskId}`);
        this.#inner?.post(request);
      }
    }
  }

  /** The body is lost, and the runtime told so as if by `reason`. */
  lose(reason: ExitReason): void {
    this.#exitAs = reason;
    this.kill();
  }

  mute(): void {
    this.#isMuted = true;
    this.#inner?.kill();
  }

  /** The state as it would be saved now; `undefined` where the body ends first. @throws Error for one that cannot be */
  async state(): Promise<SavedState | undefined> {
    const { promise, resolve } = Promise.withResolvers<BodyReport | undefined>();
    this.#saves.push(resolve);
    this.#asked.add('save');
    this.#inner?.post({ type: 'state.save' });
    const report = await promise;
    if (report?.type === 'state.saved') return report.state;
    if (report?.type === 'state.save_failed') throw new Error(report.error.message);
    return undefined;
  }

  #run(request: RunRequest): void {
    const at = this.#host.holdNext;
    this.#host.holdNext = undefined;
    const { taskId } = request;
    if (at === 'before') {
      this.#held.set(taskId, { taskId, request, isCancelled: false });
      return;
    }
    if (at === 'after') this.#held.set(taskId, { taskId, isCancelled: false });
    this.#asked.add(`task:${taskId}`);
    this.#inner?.post(request);
  }

  #pass(report: BodyReport): void {
    if ('state' in report && report.state) this.#host.told = report.state;
    if (report.type === 'finished') this.#host.isFinished = true;
    if (report.type === 'log' && report.level === 'error' && isComplaint(report.message)) {
      this.#host.complaints.push(`${report.message}: ${messageIn(report.fields)}`);
    }
    this.#listener.report(report);
  }

  #noteAnswer(report: BodyReport): void {
    switch (report.type) {
      case 'ready':
        this.#asked.delete('open');
        break;
      case 'task.completed':
      case 'task.failed':
        this.#asked.delete(`task:${report.taskId}`);
        break;
      case 'health.answered':
      case 'health.failed':
        this.#asked.delete(`health:${report.checkId}`);
        break;
      case 'variable.acknowledged':
        this.#asked.delete(`variable:${report.name}`);
        break;
      case 'vote.cast':
        this.#asked.delete(`vote:${report.roundId}`);
        break;
      case 'offer.told':
        this.#asked.delete(`offer:${report.questionId}`);
        break;
      case 'state.saved':
      case 'state.save_failed':
        if (this.#saves.length <= 1) this.#asked.delete('save');
        break;
      default:
    }
  }
}

/** What a body itself logs of its agent's functions: anything else is the agent's own. */
function isComplaint(message: string): boolean {
  return message === 'terminate threw' || message === 'its state was not saved';
}

function messageIn(fields: object | undefined): string {
  const error: unknown = fields && 'error' in fields ? fields.error : undefined;
  return typeof error === 'object' && error !== null && 'message' in error
    ? String(error.message)
    : 'no reason';
}
