/**
 * Commands to one agent of a fleet, on their way to its virtual object.
 *
 * I1  A command is done once, however often its answer gets lost on the way.
 * I2  Only a command whose answer may come later costs a second call.
 */
import { LONGEST_TIMER_MS } from '../../runtime/time/long-delay.ts';
import { AgentSystemError, errorInfoOf, inWords } from '../../runtime/values/errors.ts';
import { type Answer, valueOf } from '../engine/call-answer.ts';
import { toAgent, toKey } from '../engine/calls.ts';
import { type EngineClient, REPEATABLE } from '../engine/engine-client.ts';
import type { TaskRecord } from '../../runtime/fleet/task-record.ts';
import type { AskedWork } from '../tasks/task-entries.ts';
import { type Command, type KeyedSubmission, type Look, type LookQuestion, nodeOf } from '../engine/names.ts';

/** Commands whose answer comes later: after a start, an end, or a task. */
const ANSWERED_LATER: ReadonlySet<Command['type']> = new Set([
  'start',
  'restart',
  'stop',
  'kill',
  'awaitStart',
  'awaitEnd',
  'execute',
  'awaitTask',
]);

/** Time for a question to reach a node, and its answer to come back, ms. */
const WAY_MS = 5_000;

export class FleetCommands {
  readonly #engine: EngineClient;

  constructor(engine: EngineClient) {
    this.#engine = engine;
  }

  /** @throws AgentSystemError `SYSTEM_CLOSED` */
  assertOpen(): void {
    this.#engine.assertOpen();
  }

  /** @throws AgentSystemError as the agent refuses it; `AGENT_NOT_FOUND` for what is no id */
  async give<Value>(
    id: string,
    command: Command,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<Value> {
    this.assertOpen();
    assertId(id);
    const { signal } = options;
    const at = await this.#engine.now();
    const method = ANSWERED_LATER.has(command.type) ? 'ask' : 'command';
    const answer = await this.#engine.call<Answer<Value>>(
      toAgent(id, method),
      { ...command, at },
      signal === undefined ? {} : { signal },
    );
    return valueOf(answer);
  }

  /** Gives a task to the picked agent, unless the target has a task with this key. */
  async submitOnce(
    target: object,
    keys: { readonly idempotencyKey: string | undefined; readonly dedupeKey: string | undefined },
    picked: Answer<string>,
    work: AskedWork,
  ): Promise<TaskRecord> {
    const asked: KeyedSubmission = { picked, work, at: await this.#engine.now() };
    return valueOf(await this.#engine.call<Answer<TaskRecord>>(toKey(target, keys, 'submit'), asked));
  }

  /** A call that changes nothing. */
  async read<Value>(
    id: string,
    method: 'savedState' | 'task' | 'tasks' | 'legalForTask' | 'question' | 'questions',
    parameter: unknown = null,
  ): Promise<Value> {
    this.assertOpen();
    assertId(id);
    return this.#engine.call<Value>(toAgent(id, method), parameter, REPEATABLE);
  }

  /**
   * An agent's record and placement.
   *
   * @throws AgentSystemError `AGENT_NOT_FOUND`; `STORE_FAILED` of one whose snapshot the code of the nodes cannot read
   */
  async look(id: string): Promise<Look> {
    this.assertOpen();
    assertId(id);
    const asked: LookQuestion = { takesRefusal: true };
    const look = await this.#engine.call<Look | Answer<Look> | null>(toAgent(id, 'look'), asked, REPEATABLE);
    if (look === null) throw notFound(id);
    return 'record' in look ? look : valueOf(look);
  }

  /**
   * Asks a node for what only it knows.
   *
   * @param timeoutMs time for the answer itself; the way there has its own time
   * @throws AgentSystemError `NODE_UNREACHABLE` when it has not answered by then, `SYSTEM_CLOSED`
   */
  async serve<Value>(node: string, what: string, parameter: unknown, timeoutMs: number): Promise<Value> {
    const waitMs = Math.min(Math.ceil(timeoutMs) + WAY_MS, LONGEST_TIMER_MS);
    const call = { ...REPEATABLE, signal: AbortSignal.timeout(waitMs) };
    try {
      return await this.#engine.call<Value>(
        { service: nodeOf(node), method: 'serve' },
        { what, parameter },
        call,
      );
    } catch (cause) {
      if (cause instanceof AgentSystemError && cause.code === 'SYSTEM_CLOSED') throw cause;
      const why = call.signal.aborted ? ` within ${waitMs} ms` : `: ${errorInfoOf(cause).message}`;
      const message = `node ${node} has not answered${why}`;
      throw new AgentSystemError('NODE_UNREACHABLE', message, { cause, details: { node } });
    }
  }
}

/** An agent's key is its id, and no key is empty, or has half of a character. */
export function assertId(id: unknown): asserts id is string {
  if (typeof id !== 'string' || id === '' || !id.isWellFormed()) throw notFound(id);
}

function notFound(id: unknown): AgentSystemError {
  return new AgentSystemError('AGENT_NOT_FOUND', `no agent ${inWords(id)} is registered`, {
    agentId: typeof id === 'string' ? id : undefined,
  });
}
