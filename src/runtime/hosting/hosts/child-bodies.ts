/**
 * The parent's end of the protocol: the bodies of one child, and what its end means for each of them.
 *
 * Owns the way to the child, the deadlines of its end, and who was told what. Knows no thread and no process.
 *
 * I1  Every body that was opened exits exactly once, whatever the child does; nothing is reported after it.
 * I2  Where a body was the child's last, it exits when the child is gone: nothing of it overlaps the next.
 * I3  A request that cannot be cloned fails the one thing it belongs to, and never throws.
 * I4  A message of a child that breaks the protocol in any field is dropped and counted.
 */
import type { ExitReason } from '../../../machines/index.ts';
import { countElsewhere } from '../../engine/agent-counts.ts';
import type { SteadyClock } from '../../time/clock.ts';
import { OnceATurn } from '../../time/once-a-turn.ts';
import type { Body, BodyListener, BodyReport, BodyRequest, BodyStart, Usage } from '../host.ts';
import type { Child, ChildListener } from './child.ts';
import { withErrors } from './errors-within.ts';
import {
  BATCH_ITEMS,
  type BodyKey,
  CHILD,
  childMessage,
  cloneError,
  type ChildRequest,
  type ToChild,
  WINDOW,
  type ChildReport,
} from './protocol.ts';
import { cloneProblemOf, type Reach } from '../../values/clone-survey.ts';
import { errorInfoOf } from '../../values/errors.ts';
import { jsonProblemOf } from '../../values/json-survey.ts';
import { eachReport, endOf } from './message-check.ts';

export interface ChildBodiesOptions {
  readonly clock: SteadyClock;
  /** How long a child may take to leave once its last body has ended; then it is killed. */
  readonly leaveTimeoutMs: number;
  /** How long one body of several may take to obey a kill; then all of them are killed with their child. */
  readonly killGraceMs: number;
  /** How long a killed child may take to be gone; then its bodies are told to be stuck. */
  readonly killTimeoutMs: number;
  /** The name of the group that shares the child, where there is one. */
  readonly group: string | undefined;
  /** The child takes no more bodies: it is about to end, or gone. */
  closing(): void;
  gone(): void;
}

export class ChildBodies implements ChildListener {
  readonly #options: ChildBodiesOptions;
  readonly #bodies = new Map<BodyKey, RemoteBody>();
  #child!: Child;
  #nextKey = 1;
  #waiting: ToChild[] = [];
  readonly #soon = new OnceATurn(() => this.#flush());
  #received = 0;
  #acknowledged = 0;
  #isClosing = false;
  #isKilled = false;
  #isGone = false;
  /** Bodies that are neither killed nor about to exit. */
  #living = 0;
  #timer: unknown;
  /** What the child measured of itself, where nobody else can. */
  #reported: Usage | undefined;

  constructor(options: ChildBodiesOptions) {
    this.#options = options;
  }

  /** Called once, first: `start` makes the child. */
  join(start: (listener: ChildListener) => Child): void {
    this.#child = start(this);
  }

  get isOpen(): boolean {
    return !this.#isClosing && !this.#isKilled && !this.#isGone;
  }

  get usage(): Usage | undefined {
    const usage = this.#child.usage ?? this.#reported;
    const sharers = this.#bodies.size;
    // The memory of single members is unknown: each is shown an equal share.
    return usage === undefined || sharers <= 1
      ? usage
      : { memoryBytes: usage.memoryBytes / sharers, cpuMs: usage.cpuMs / sharers };
  }

  open({ module, ...start }: BodyStart & { readonly module: URL }, listener: BodyListener): Body {
    const key = this.#nextKey;
    this.#nextKey += 1;
    const body = new RemoteBody(this, key, start.agentId, listener);
    this.#bodies.set(key, body);
    this.#living += 1;
    this.#post({ body: key, request: { type: 'open', start: { ...start, module: module.href } } });
    return body;
  }

  ask(body: RemoteBody, request: BodyRequest): void {
    if (body.isEnding || this.#isGone) return;
    if (request.type === 'task.cancel' && 'cause' in request) {
      const { cause, ...cancel } = request;
      const reason = arrivesAsItIs(cause) ? { cause } : { error: errorInfoOf(cause) };
      return this.#post({ body: body.key, request: { ...cancel, ...reason } });
    }
    if (request.type === 'request.refused') {
      const { cause: _, ...refusal } = request;
      return this.#post({ body: body.key, request: refusal });
    }
    if (request.type !== 'task.run') return this.#post({ body: body.key, request });
    const { transfer, ...run } = request;
    if (transfer === undefined || transfer.length === 0) return this.#post({ body: body.key, request: run });
    this.#flush();
    this.#sendApart({ body: body.key, request: run }, transfer);
  }

  kill(body: RemoteBody): void {
    if (body.isEnding || this.#isGone) return;
    body.isKilled = true;
    this.#living -= 1;
    if (this.#living === 0) return this.killAll('killed');
    this.#post({ body: body.key, request: { type: 'kill' } });
    const { clock, killGraceMs } = this.#options;
    body.timer = clock.setTimeout(() => {
      const message = `group "${this.#options.group}" was killed with its member ${body.agentId}, which did not end`;
      this.killAll({ error: { name: 'GroupKilled', message } });
    }, killGraceMs);
  }

  killAll(reason: ExitReason): void {
    if (this.#isGone) return;
    this.#child.kill(reason);
    if (this.#isKilled) return;
    this.#isKilled = true;
    const { clock, killTimeoutMs } = this.#options;
    clock.clearTimeout(this.#timer);
    this.#timer = clock.setTimeout(() => {
      for (const body of this.#bodies.values()) body.listener.stuck?.();
    }, killTimeoutMs);
    this.#close();
  }

  /** Gives the child up: it no longer keeps the program alive, nor does any deadline of its end. */
  abandon(): void {
    this.#options.clock.clearTimeout(this.#timer);
    this.#child.ref(false);
  }

  watch(): void {
    this.#child.watch();
  }

  // Messages of the child.

  message(message: unknown): void {
    if (this.#isGone) return;
    if (!eachReport(message, this.#hear)) return this.#dropped(message);
    this.#received += 1;
    if (this.#received - this.#acknowledged >= WINDOW / 2) this.#soon.ask();
  }

  printed(stream: 'stdout' | 'stderr', line: string): void {
    const [body] = this.#bodies.values();
    // What it printed before its end may come after what it said of that.
    if (body === undefined || body.isKilled) return;
    const { group } = this.#options;
    const fields = group === undefined ? { stream } : { stream, group };
    body.listener.report({
      type: 'log',
      level: stream === 'stderr' ? 'warn' : 'info',
      message: line,
      fields,
    });
  }

  ended(reason: ExitReason): void {
    this.#isGone = true;
    this.#options.clock.clearTimeout(this.#timer);
    this.#close();
    this.#options.gone();
    const bodies = [...this.#bodies.values()];
    this.#bodies.clear();
    for (const body of bodies) {
      this.#options.clock.clearTimeout(body.timer);
      // Past its memory it ends for that, even while it is being killed.
      const isKill = body.isKilled && reason !== 'out_of_memory';
      body.listener.exited(body.announced ?? (isKill ? 'killed' : reason));
    }
  }

  readonly #hear = (key: BodyKey, report: ChildReport): void => {
    switch (report.type) {
      case 'exited':
        // The next body in this child would fail in the same way, even if the module has been mended.
        if (report.didNotLoad === true) this.#options.closing();
        return this.#exited(key, endOf(report));
      case 'crashed':
        return this.#crashed(endOf(report));
      case 'usage':
        this.#reported = report.usage;
        return;
      case 'counted':
        return countElsewhere(report.charts);
      case 'described':
        return;
      default: {
        const body = this.#bodies.get(key);
        if (body === undefined || body.announced !== undefined) return;
        if (report.type === 'ready') {
          if (body.isReady) return body.listener.dropped?.();
          body.isReady = true;
          this.#child.started?.();
        }
        body.listener.report(report);
      }
    }
  };

  /** It is counted with the body that it names, or else with the first: nobody can tell who sent it. */
  #dropped(message: unknown): void {
    const key: unknown = Array.isArray(message) ? message[0] : undefined;
    const [first] = this.#bodies.values();
    (this.#bodies.get(key as BodyKey) ?? first)?.listener.dropped?.();
  }

  #exited(key: BodyKey, reason: ExitReason): void {
    const body = this.#bodies.get(key);
    if (body === undefined || body.announced !== undefined) return;
    if (!body.isKilled) this.#living -= 1;
    body.announced = reason;
    this.#options.clock.clearTimeout(body.timer);
    if (this.#living === 0) {
      this.#post({ body: CHILD, request: { type: 'end' } });
      return this.#awaitLeaving(reason);
    }
    this.#bodies.delete(key);
    body.listener.exited(reason);
  }

  /** It leaves by itself: what it ends with was said, and holds for each of its bodies. */
  #crashed(reason: ExitReason): void {
    this.#living = 0;
    for (const body of this.#bodies.values()) body.announced ??= reason;
    this.#awaitLeaving(reason);
  }

  #awaitLeaving(reason: ExitReason): void {
    if (this.#isKilled || this.#isClosing) return;
    this.#close();
    const { clock, leaveTimeoutMs } = this.#options;
    this.#timer = clock.setTimeout(() => this.killAll(reason), leaveTimeoutMs);
  }

  #close(): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#options.closing();
  }

  // The way to the child.

  #post(item: ToChild): void {
    this.#waiting.push(item);
    if (this.#waiting.length >= BATCH_ITEMS) this.#flush();
    else this.#soon.ask();
  }

  #flush(): void {
    const items = this.#waiting;
    if (this.#isGone || (items.length === 0 && this.#received === this.#acknowledged)) return;
    this.#waiting = [];
    try {
      this.#send(items);
    } catch {
      for (const item of items) this.#sendApart(item);
    }
  }

  /** One item alone, so that one which cannot be cloned is found. */
  #sendApart(item: ToChild, transfer: readonly ArrayBuffer[] = []): void {
    try {
      this.#send([item], transfer);
    } catch (thrown) {
      this.#refuse(item, thrown);
    }
  }

  #send(items: readonly ToChild[], transfer: readonly ArrayBuffer[] = []): void {
    const errors: Error[] = [];
    for (const { request } of items) assertSendable(request, this.#child.kind, errors);
    this.#child.send(withErrors(childMessage(this.#received, items), errors), transfer);
    this.#acknowledged = this.#received;
  }

  /** Answers a request that cannot be sent. */
  #refuse({ body: key, request }: ToChild, thrown: unknown): void {
    const body = this.#bodies.get(key);
    if (body === undefined || body.isEnding) return;
    const tell = (report: BodyReport): void => body.listener.report(report);
    switch (request.type) {
      case 'open':
        return this.#exited(key, { error: cloneError('initArgs', thrown) });
      case 'task.run': {
        const error = cloneError('the input of the task', thrown);
        return tell({ type: 'task.failed', taskId: request.taskId, code: 'TASK_INPUT_INVALID', error });
      }
      case 'vote.asked': {
        const error = cloneError('the proposal', thrown);
        return tell({ type: 'vote.cast', roundId: request.proposal.roundId, vote: 'abstain', error });
      }
      case 'request.answered': {
        const { requestId, taskId } = request;
        const error = cloneError('the answer', thrown);
        return this.#post({
          body: key,
          request: { type: 'request.refused', requestId, taskId, code: 'REQUEST_INVALID', error },
        });
      }
      case 'offer.asked':
        // What it takes at all is answered; of this task nothing is said.
        return this.#post({ body: key, request: { type: 'offer.asked', questionId: request.questionId } });
      default: {
        const { message } = cloneError(`a ${request.type}`, thrown);
        return tell({ type: 'log', level: 'error', message });
      }
    }
  }
}

/**
 * @param errors is given the errors in it
 * @throws TypeError that says what of a request its reader could not have, and where in its value
 */
function assertSendable(request: ChildRequest, reach: Reach, errors: Error[]): void {
  const problem = cloneProblemOf(ownValueOf(request), reach, errors);
  if (problem !== undefined) throw new TypeError(problem);
}

/** What callers put into a request. */
function ownValueOf(request: ChildRequest): unknown {
  switch (request.type) {
    case 'open':
      return request.start.initArgs;
    case 'task.run':
      return request.input;
    case 'variable.changed':
      return request.variable.value;
    case 'vote.asked':
      return request.proposal.value;
    case 'request.answered':
      return request.value;
    case 'offer.asked':
      return request.task?.input;
    default:
      return undefined;
  }
}

export class RemoteBody implements Body {
  readonly key: BodyKey;
  readonly agentId: string;
  readonly listener: BodyListener;
  /** The reason that it gave before it was gone. */
  announced: ExitReason | undefined;
  isReady = false;
  isKilled = false;
  timer: unknown;
  readonly #bodies: ChildBodies;

  constructor(bodies: ChildBodies, key: BodyKey, agentId: string, listener: BodyListener) {
    this.#bodies = bodies;
    this.key = key;
    this.agentId = agentId;
    this.listener = listener;
  }

  get isEnding(): boolean {
    return this.isKilled || this.announced !== undefined;
  }

  post(request: BodyRequest): void {
    this.#bodies.ask(this, request);
  }

  kill(): void {
    this.#bodies.kill(this);
  }

  usage(): Usage | undefined {
    return this.#bodies.usage;
  }
}

/** Whether a reason that is no error arrives as it is. */
function arrivesAsItIs(reason: unknown): boolean {
  if (typeof reason === 'object' && reason !== null && !Array.isArray(reason)) {
    const prototype: unknown = Object.getPrototypeOf(reason);
    if (prototype !== Object.prototype && prototype !== null) return false;
  }
  return jsonProblemOf(reason) === undefined;
}
