/**
 * A child's end of the protocol: opens bodies, passes requests to them, and sends their reports.
 *
 * Owns the bodies of one thread or process, and the order in which they are served. Knows no thread and no
 * process: it is given messages, and ends through `leave`.
 *
 * I1  Health checks and cancels never wait behind tasks: work is done in slices, and between two of them the
 *     loop hears what has come. A task that is cancelled before its turn is answered without being run.
 * I2  Every body that was opened is told of once as exited, or the whole child as crashed.
 * I3  What cannot be cloned fails the one thing it belongs to.
 */
import type { ExitReason } from '../../../machines/index.ts';
import { changesHere } from '../../engine/agent-counts.ts';
import type { ChartCounts } from '../../engine/chart-counts.ts';
import { AgentBody } from '../agent-body.ts';
import { cloneProblemOf, type Reach } from '../../values/clone-survey.ts';
import { isShortAsText } from '../../values/text-measure.ts';
import { errorInfoOf, inWords } from '../../values/errors.ts';
import type { BodyReport, BodyRequest } from '../host.ts';
import { MAX_REQUEST_TEXT } from '../request-bounds.ts';
import { loadAgentModule } from '../../definition/load-agent-module.ts';
import { describeDefinition } from './in-process.ts';
import { SendBuffer } from './send-buffer.ts';
import { messageOf, withErrors, type WithErrors } from './errors-within.ts';
import {
  type BodyKey,
  CHILD,
  type ChildMessage,
  cloneError,
  eachRequest,
  MAX_COUNTS_TEXT,
  MAX_LOG_TEXT,
  type ChildRequest,
  type ParentMessage,
  type RemoteStart,
  type ToParent,
  type ChildReport,
} from './protocol.ts';

export interface BodyServerOptions {
  /** Whether values to the parent stay in the process, or leave it. */
  readonly reach: Reach;
  /** Sends one message; throws when a value in it cannot be cloned. `sent` is called once it has left. */
  send(message: WithErrors<ParentMessage>, transfer: readonly ArrayBuffer[], sent?: () => void): void;
  /** Ends the thread or process. */
  leave(exitCode: number): void;
  /** Code was loaded, and whoever waited for it has heard. */
  loaded?(): void;
}

/** Work for one body, waiting for its turn. */
interface Turn {
  readonly body: BodyKey;
  readonly taskId: string | undefined;
  run(): void;
}

/** How long the loop may be kept from hearing what has come, when no single piece of work takes longer. */
const SLICE_MS = 5;

/** What is left of a message that is too long to be sent, in characters. */
const MAX_SUBSTITUTE = 8_192;

export class BodyServer {
  readonly #options: BodyServerOptions;
  readonly #sendBuffer: SendBuffer;
  readonly #bodies = new Map<BodyKey, AgentBody>();
  #turns: Turn[] = [];
  /** What was counted of the charts that its agents are, and has not left. */
  #untold: ChartCounts[] = [];
  #isWorking = false;
  #isGone = false;

  constructor(options: BodyServerOptions) {
    this.#options = options;
    this.#sendBuffer = new SendBuffer({
      send: (message, transfer, sent) => {
        this.#send(message, errorsOfSendable(message, options.reach), transfer, sent);
      },
      substitute: (item, thrown) => this.#substitute(item, thrown),
    });
  }

  receive(came: WithErrors<ChildMessage>): void {
    if (this.#isGone) return;
    const message = messageOf(came);
    this.#sendBuffer.taken(message[0]);
    eachRequest(message, this.#take);
    if (!this.#isWorking) this.#work();
  }

  /** An error that no body could catch. */
  crash(thrown: unknown): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#turns = [];
    this.#sendBuffer.put({
      body: CHILD,
      report: { type: 'crashed', reason: { error: errorInfoOf(thrown) } },
    });
    this.#sendBuffer.drain(() => this.#options.leave(1));
  }

  /** Sends everything that waits: the last chance before an exit. */
  flush(): void {
    if (!this.#isGone) this.#sendBuffer.drain();
  }

  /** Reports something of the child itself. */
  tell(report: ChildReport): void {
    this.#sendBuffer.urgent({ body: CHILD, report });
  }

  readonly #take = (body: BodyKey, request: ChildRequest): void => {
    switch (request.type) {
      case 'open':
        return this.#open(body, request.start);
      case 'kill':
        return this.#bodies.get(body)?.kill();
      case 'describe':
        return void this.#describe(request);
      case 'end':
        return this.#sendBuffer.drain(() => this.#options.leave(0));
      default:
        return this.#ask(body, request);
    }
  };

  #open(key: BodyKey, { module, ...start }: RemoteStart): void {
    const url = new URL(module);
    let didNotLoad = false;
    const body = new AgentBody(
      { ...start, module: url },
      {
        report: (report) => this.#report(key, report),
        exited: (reason) => this.#exited(key, reason, didNotLoad),
      },
    );
    this.#bodies.set(key, body);
    loadAgentModule(url, start.agentType).then(
      (definition) => this.#await({ body: key, taskId: undefined, run: () => body.run(definition) }),
      (thrown: unknown) => {
        didNotLoad = true;
        body.fail({ error: errorInfoOf(thrown) });
      },
    );
  }

  #ask(key: BodyKey, request: BodyRequest): void {
    const body = this.#bodies.get(key);
    if (body === undefined) return;
    if (request.type === 'health.check') return body.post(request);
    if (request.type === 'task.cancel') {
      if (this.#isWithdrawn(key, request.taskId)) {
        const { taskId, reason, endsAttempt } = request;
        const error = request.error ?? { name: 'AbortError', message: reason };
        const code = endsAttempt === 'timed_out' ? 'TASK_TIMED_OUT' : 'TASK_ABANDONED';
        const retry = endsAttempt === undefined ? {} : { retry: true };
        return this.#report(key, { type: 'task.failed', taskId, code, error, ...retry });
      }
      return body.post(request);
    }
    const taskId = request.type === 'task.run' ? request.taskId : undefined;
    this.#turns.push({ body: key, taskId, run: () => body.post(request) });
  }

  #isWithdrawn(body: BodyKey, taskId: string): boolean {
    const place = this.#turns.findIndex((turn) => turn.taskId === taskId && turn.body === body);
    if (place === -1) return false;
    this.#turns.splice(place, 1);
    return true;
  }

  #await(turn: Turn): void {
    this.#turns.push(turn);
    if (!this.#isWorking) this.#work();
  }

  /** Serves waiting work for one slice, then lets the loop read messages. */
  #work(): void {
    if (this.#turns.length === 0) return;
    this.#isWorking = true;
    const turns = this.#turns;
    this.#turns = [];
    const until = performance.now() + SLICE_MS;
    let served = 0;
    while (served < turns.length) {
      turns[served]!.run();
      served += 1;
      if (performance.now() >= until) break;
    }
    this.#isWorking = false;
    if (served === turns.length && this.#turns.length === 0) return;
    this.#turns = [...turns.slice(served), ...this.#turns];
    this.#isWorking = true;
    setImmediate(() => this.#work());
  }

  #report(body: BodyKey, report: BodyReport): void {
    if (this.#isGone) return;
    switch (report.type) {
      case 'health.answered':
      case 'health.failed':
        return this.#sendBuffer.urgent({ body, report });
      case 'task.failed': {
        // What was thrown stays here: its description travels.
        const { cause: _, ...told } = report;
        return this.#sendBuffer.put({ body, report: told });
      }
      case 'task.completed': {
        const { type, taskId, output, state, transfer } = report;
        const told = state === undefined ? { type, taskId, output } : { type, taskId, output, state };
        return this.#sendBuffer.put({ body, report: told }, transfer);
      }
      case 'request.withdrawn': {
        const { cause: _, ...told } = report;
        return this.#sendBuffer.put({ body, report: told });
      }
      case 'log':
        // It may be the last before an abort, or a loop without end: it leaves at once, as far as there is credit.
        this.#sendBuffer.put({ body, report });
        return this.#sendBuffer.flush();
      case 'ready':
        // Nothing urgent may overtake it.
        this.#sendBuffer.put({ body, report });
        this.#sendBuffer.drain();
        return this.#options.loaded?.();
      default:
        return this.#sendBuffer.put({ body, report });
    }
  }

  #exited(body: BodyKey, reason: ExitReason, didNotLoad: boolean): void {
    if (!this.#bodies.delete(body) || this.#isGone) return;
    this.#sendBuffer.put({ body, report: { type: 'exited', reason, ...(didNotLoad ? { didNotLoad } : {}) } });
    this.#sendBuffer.drain();
  }

  async #describe({
    question,
    module,
    initArgs,
  }: Extract<ChildRequest, { type: 'describe' }>): Promise<void> {
    const before = activeResources();
    try {
      const manifest = await describeDefinition(await loadAgentModule(new URL(module)), initArgs);
      // What ends by itself has a turn to do so.
      await new Promise((resolve) => setImmediate(resolve));
      const isHolding = isMoreThan(activeResources(), before);
      this.tell({ type: 'described', question, manifest, ...(isHolding ? { isHolding } : {}) });
      this.#options.loaded?.();
    } catch (thrown) {
      this.tell({ type: 'described', question, error: errorInfoOf(thrown) });
    }
  }

  /** What was counted goes along: it costs no message of its own, and is there with the answer that it belongs to. */
  #send(
    message: ParentMessage,
    errors: readonly Error[],
    transfer: readonly ArrayBuffer[],
    sent?: () => void,
  ): void {
    const send = (whole: ParentMessage) => this.#options.send(withErrors(whole, errors), transfer, sent);
    this.#untold.push(...changesHere());
    const charts = this.#untold;
    if (charts.length === 0) return send(message);
    if (isShortAsText(charts, MAX_COUNTS_TEXT)) {
      try {
        send([...message, CHILD, { type: 'counted', charts }]);
        this.#untold = [];
        return;
      } catch {
        // Whichever of the two it is: what agents say does not wait for it.
      }
    } else this.#untold = [];
    send(message);
  }

  #substitute({ body, report }: ToParent, thrown: unknown): ToParent | undefined {
    switch (report.type) {
      case 'task.completed': {
        // The state that went with it was not heard of: the next task has to tell it again.
        this.#bodies.get(body)?.forgetSaved();
        const error = cloneError('the output of the task', thrown);
        return { body, report: { type: 'task.failed', taskId: report.taskId, code: 'TASK_FAILED', error } };
      }
      case 'health.answered': {
        const { message } = cloneError('the detail of a health check', thrown);
        this.#report(body, { type: 'log', level: 'warn', message });
        return { body, report: { type: 'health.answered', checkId: report.checkId } };
      }
      case 'task.progress': {
        const { message } = cloneError('the progress of a task', thrown);
        return { body, report: { type: 'log', level: 'warn', message } };
      }
      case 'task.chunk': {
        // It cannot be left out: what comes after it would be taken for the whole.
        this.#bodies.get(body)?.breakTask(report.taskId, cloneError('a chunk of the task', thrown));
        return undefined;
      }
      case 'log': {
        const { message: problem } = cloneError('the fields', thrown);
        const fields = { fields: inWords(report.fields), problem };
        return { body, report: { ...report, message: report.message.slice(0, MAX_SUBSTITUTE), fields } };
      }
      case 'state.saved':
        return { body, report: { type: 'state.save_failed', error: cloneError('the state', thrown) } };
      case 'state.changed': {
        this.#bodies.get(body)?.forgetSaved();
        const { message } = cloneError('the state, which was not saved,', thrown);
        return { body, report: { type: 'log', level: 'error', message } };
      }
      case 'request.made': {
        const { requestId, taskId, name } = report;
        const error = cloneError(`what is given along with ${name}`, thrown);
        this.#bodies
          .get(body)
          ?.post({ type: 'request.refused', requestId, taskId, code: 'REQUEST_INVALID', error });
        return undefined;
      }
      case 'offer.told': {
        const { state: _, ...offer } = report.offer;
        return { body, report: { ...report, offer } };
      }
      default:
        return undefined;
    }
  }
}

/**
 * The errors in a message.
 *
 * @throws TypeError that says what of a message its reader could not have, and where in its value
 */
function errorsOfSendable(message: ParentMessage, reach: Reach): readonly Error[] {
  const errors: Error[] = [];
  for (let at = 1; at < message.length; at += 2) {
    const report = message[at] as ChildReport;
    const problem = cloneProblemOf(ownValueOf(report), reach, errors);
    if (problem !== undefined) throw new TypeError(problem);
    if (report.type === 'log' && !isShortAsText(report.fields, MAX_LOG_TEXT)) {
      throw new RangeError(`they are longer than ${MAX_LOG_TEXT} characters`);
    }
    if (report.type === 'request.made' && !isShortAsText(report.args, MAX_REQUEST_TEXT)) {
      // One that cannot be read says so itself.
      structuredClone(report.args);
      throw new RangeError(`it is longer than ${MAX_REQUEST_TEXT} characters`);
    }
  }
  return errors;
}

/** What an agent's code put into a report. */
function ownValueOf(report: ChildReport): unknown {
  switch (report.type) {
    case 'task.completed':
      return report.output;
    case 'task.chunk':
      return report.chunk;
    case 'task.progress':
      return report.value;
    case 'health.answered':
      return report.detail;
    case 'offer.told':
      return report.offer;
    case 'request.made':
      return report.args;
    case 'log':
      return report.fields;
    default:
      return undefined;
  }
}

/** What keeps this thread or process busy, by its kind, and how many of each. */
function activeResources(): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}

function isMoreThan(counts: ReadonlyMap<string, number>, before: ReadonlyMap<string, number>): boolean {
  return [...counts].some(([kind, count]) => count > (before.get(kind) ?? 0));
}
