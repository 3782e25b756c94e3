/**
 * The judge of an agent: after every move it checks what can be seen of the agent against each law.
 *
 * It only asks the agent for its state, which the runtime does not notice.
 */
import { isDeepStrictEqual } from 'node:util';
import { type AgentStatus, hasBody } from '../../machines/index.ts';
import type { Store } from '../../runtime/journal/store.ts';
import type { SystemEvent } from '../../runtime/journal/system-event.ts';
import { type AgentSystemError, errorInfoOf, inWords } from '../../runtime/values/errors.ts';
import type { Calls } from './calls.ts';
import type { AgentLaw, LawName } from './laws.ts';
import { life, type Place } from './life-model.ts';
import { lifeMoveOf, type Move, type MoveKind } from './moves.ts';
import type { Program } from './program.ts';
import type { Seen, Subject } from './subject.ts';

/** The stage on which the agent is tested. */
export interface Judged {
  readonly agentId: string;
  readonly subject: Subject;
  readonly calls: Calls;
  /** The same for all of its programs. */
  readonly store: Store;
  readonly events: readonly SystemEvent[];
  readonly program: Program;
  readonly place: Place;
  /** Throws, unless the agent is not held to that law. */
  break(law: LawName, problem: string, cause?: unknown): void;
}

export class Judge {
  readonly #stage: Judged;
  /** The agent completed itself, or was allowed to end, in the present move. */
  #isExcused = false;
  /** The agent has ended by itself, on purpose. */
  hasEndedItself = false;

  constructor(stage: Judged) {
    this.#stage = stage;
  }

  /** @throws LawBroken */
  async judge(move: Move, before: Place, result: string | undefined): Promise<void> {
    this.#isExcused = false;
    this.#judgeOwnEnds(move);
    this.#judgeTasks();
    this.#judgeLife(move, before, result);
    await this.#judgeState(move, before);
  }

  /** @throws LawBroken */
  expectBodies(count: number): void {
    const { size } = this.#stage.program.host.bodies;
    if (size !== count) this.#stage.break('one body at the most', `${size} bodies live, expected ${count}`);
  }

  /** Ends that only the agent caused, and what its functions threw with no caller waiting. */
  #judgeOwnEnds(move: Move): void {
    const { program, subject, calls, place } = this.#stage;
    const { host } = program;
    const [complaint] = host.complaints.splice(0);
    if (complaint?.startsWith('terminate')) this.#stage.break('it ends in order', complaint);
    else if (complaint !== undefined) this.#stage.break('what is answered is kept', complaint);
    const ends = host.ownEnds.splice(0);
    const failures = subject.faults.failed;
    subject.faults.failed = 0;
    if (host.isFinished) {
      host.isFinished = false;
      this.#isExcused = true;
      this.hasEndedItself = true;
    }
    const [end] = ends;
    if (end === undefined) return;
    this.#isExcused = true;
    this.hasEndedItself = true;
    const mayEnd = failures > 0 || calls.all.some(({ task }) => subject.planOf(task).mayEnd === true);
    if (mayEnd) return;
    const why =
      typeof end.reason === 'object' && 'error' in end.reason
        ? end.reason.error.message
        : inWords(end.reason);
    if (isOneOf(move, 'start', 'wait', 'lose', 'reboot') && place !== 'idle') {
      this.#stage.break('it starts', why);
    }
    this.#stage.break(move.move === 'variable' ? 'a variable is borne' : 'it does not break', why);
  }

  #judgeTasks(): void {
    const { events, calls, subject } = this.#stage;
    const ends = new Map<string, number>();
    for (const event of events) {
      if (!('taskId' in event)) continue;
      const { type, taskId } = event;
      if (type === 'task.accepted') ends.set(taskId, 0);
      else if (type !== 'task.started') ends.set(taskId, (ends.get(taskId) ?? 0) + 1);
    }
    for (const [taskId, count] of ends) {
      if (count > 1) this.#stage.break('a task ends once', `${taskId} has ${count} ends in the event stream`);
    }
    for (const { task, outcome } of calls.all) {
      if (outcome === undefined || 'output' in outcome || outcome.error.code !== 'TASK_FAILED') continue;
      const { mayFail = false } = subject.planOf(task);
      const cause = outcome.error.cause instanceof Error ? outcome.error.cause : outcome.error;
      const isMeant = wasMadeToFail(cause) || (typeof mayFail === 'function' ? mayFail(cause) : mayFail);
      if (!isMeant)
        this.#stage.break('a valid input is done', messageWithCause(outcome.error), outcome.error);
    }
  }

  #judgeLife(move: Move, before: Place, result: string | undefined): void {
    const { agentId, subject, calls, program, place } = this.#stage;
    const status: AgentStatus | 'gone' =
      place === 'gone' ? 'gone' : program.system.agents.get(agentId).status;
    const isAlive = status !== 'gone' && hasBody(status);
    this.expectBodies(isAlive ? 1 : 0);
    const kind = lifeMoveOf(move);
    const expected = kind === undefined ? before : life[before][kind];
    if (this.#isExcused || expected === place) return;
    // A chart may leave a task open for as long as it likes, and a stop then waits for it.
    if (subject.isChart && place === 'stopping') return;
    // Of several open tasks only one has moved.
    if (calls.open.length > 1) return;
    const law: AgentLaw = place === 'stopping' ? 'it ends in order' : 'its life is as the pages say';
    if (expected === 'idle' && (place === 'waiting' || place === 'down')) {
      const { reason } = program.system.agents.get(agentId);
      this.#stage.break('it starts', `it is ${status}, for ${inWords(reason)}`);
    }
    this.#stage.break(law, `after ${result ?? move.move} it is ${place} (${status}), expected ${expected}`);
  }

  async #judgeState(move: Move, before: Place): Promise<void> {
    const { agentId, subject, store, program, place } = this.#stage;
    const { host } = program;
    const isForgotten = place === 'gone';
    const kept = isForgotten ? undefined : await store.state(agentId);
    if (!isForgotten && kept?.json !== host.told?.json) {
      const problem = `the store has ${inWords(kept?.json)}, its body has told ${inWords(host.told?.json)}`;
      this.#stage.break('what is answered is kept', problem);
    }
    const isQuiet = place === 'idle' || place === 'busy' || place === 'overdue';
    let json = kept?.json;
    if (isQuiet) {
      const asked = host.body!.state();
      await program.quiet();
      try {
        json = (await asked)?.json;
      } catch (thrown) {
        this.#stage.break('what is answered is kept', errorInfoOf(thrown).message, thrown);
      }
    }
    // A chart goes on by itself as soon as it is restored.
    if (place === 'idle' && isRestart(before, move) && !subject.isChart && kept && json !== undefined) {
      const [then, now] = [JSON.parse(kept.json) as unknown, JSON.parse(json) as unknown];
      if (!isDeepStrictEqual(then, now)) {
        const problem = `it was ${inWords(then)}, and is ${inWords(now)}`;
        this.#stage.break('what is restored is what was saved', problem);
      }
    }
    if (json !== undefined && !isForgotten) await this.#judgeInvariants(json, isQuiet);
  }

  async #judgeInvariants(json: string, isAlive: boolean): Promise<void> {
    const { subject, calls } = this.#stage;
    const { invariants = {} } = subject.options;
    const whole = JSON.parse(json) as { readonly snapshot?: unknown };
    for (const [name, holds] of Object.entries(invariants)) {
      const state: unknown = subject.isChart ? whole.snapshot : structuredClone(whole);
      const seen: Seen = { state, isAlive, last: calls.last };
      let problem: string | undefined;
      let cause: unknown;
      try {
        if ((await holds(seen)) === false) problem = `does not hold of ${inWords(state)}`;
      } catch (thrown) {
        problem = errorInfoOf(thrown).message;
        cause = thrown;
      }
      if (problem !== undefined) this.#stage.break(`invariant ${name}`, problem, cause);
    }
  }
}

function isOneOf(move: Move, ...kinds: readonly MoveKind[]): boolean {
  return kinds.includes(move.move);
}

/** Whether the move has begun a life that goes on from what was saved, where anything was. */
function isRestart(place: Place, { move }: Move): boolean {
  return move === 'start' || move === 'lose' || (move === 'wait' && place === 'waiting');
}

function wasMadeToFail(error: Error): boolean {
  return error.message.endsWith('was made to fail') || ('code' in error && error.code === 'INTERRUPTED');
}

/** An error's message, with that of its cause where it does not say it. */
export function messageWithCause({ message, cause }: AgentSystemError): string {
  return cause instanceof Error && !message.includes(cause.message)
    ? `${message} (${cause.message})`
    : message;
}
