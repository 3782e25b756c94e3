/**
 * The tasks of one body: checks their input, runs them, checks their output, and reports their end.
 *
 * It is the list of those that are under way, and owns their abort signals. Knows no queue and no deadline: it is told
 * to run and to cancel.
 *
 * I1  Every task is answered exactly once, unless the body exits first.
 * I2  A task of a synchronous definition is run synchronously: no promise is made for it.
 * I3  Of a task that failed, or was cancelled before its work was done, nothing stays in the state; with
 *     `keepStateOnFailure`, a chart, or a state that has no copy (body-state.ts), all of it does.
 */
import type { ErrorInfo } from '../../machines/index.ts';
import { isPending, isTaskRefusal } from '../definition/agent-self.ts';
import type { TaskContext } from '../definition/contexts.ts';
import { limitSaid, parkAsked, type ParkRequest } from '../definition/parking.ts';
import type { SavedState } from '../definition/saved-state.ts';
import { errorFrom, errorInfoOf, inWords } from '../values/errors.ts';
import { jsonProblemOf } from '../values/json-survey.ts';
import { OpenTasks } from '../values/open-tasks.ts';
import { judge, unlessAborted, type Verdict } from '../values/schema.ts';
import { ignoreRejection, isThenable } from '../values/thenable.ts';
import { BodyRequests, taskHasEnded } from './body-requests.ts';
import { settle, type WorkOwner } from './body-work.ts';
import type { CallableTask } from './callable-definition.ts';
import { ChunkSender, isChunkGenerator, streamed } from './chunk-sender.ts';
import type { BodyRequest, TraceParent } from './host.ts';
import { type EndedAttempt, RunningTask, type TaskAsker } from './running-task.ts';
import { taskContextOf, type TaskContextOwner } from './task-context.ts';
import { refused } from '../time/loop-turn.ts';
import { withinTrace } from './trace-parent.ts';

export class BodyTasks extends OpenTasks<RunningTask> implements TaskContextOwner, TaskAsker {
  readonly body: WorkOwner;
  /** Tasks whose result is there and is being judged. */
  private judging = 0;
  /** What they have asked of the system: few ask for anything. */
  private requests: BodyRequests | undefined = undefined;

  constructor(body: WorkOwner) {
    super();
    this.body = body;
  }

  /** Whether an answer is under way. */
  get isJudging(): boolean {
    return this.judging > 0;
  }

  run(request: Extract<BodyRequest, { type: 'task.run' }>): void {
    const { taskId, task: name, input } = request;
    const { definition, isServing } = this.body;
    const task = Object.hasOwn(definition.tasks, name) ? definition.tasks[name] : undefined;
    if (task === undefined) {
      const error = { name: 'TypeError', message: `${definition.type} has no task ${inWords(name)}` };
      return this.body.tell({ type: 'task.failed', taskId, code: 'TASK_INCOMPATIBLE', error });
    }
    if (!isServing) {
      const error = { name: 'Error', message: `${definition.type} is ending` };
      return this.body.tell({ type: 'task.failed', taskId, code: 'AGENT_NOT_RUNNING', error });
    }
    const running = new RunningTask(request, this);
    this.add(running);
    if (task.input === undefined) return this.begin(running, task, input);
    const verdict = judge(task.input, input);
    if (verdict instanceof Promise) {
      const judged = unlessAborted(verdict, running.signal);
      void judged.then((given) => this.inputJudged(running, task, given));
    } else this.inputJudged(running, task, verdict);
  }

  cancel(request: Extract<BodyRequest, { type: 'task.cancel' }>): void {
    const task = this.get(request.taskId);
    if (task === undefined) return;
    const { endsAttempt: as, reason } = request;
    if (as === undefined) return task.abort(reasonOf(request));
    const error = Object.assign(new Error(reason), { name: NAMES[as] });
    task.ended ??= { as, error };
    task.abort(error);
  }

  emit(task: RunningTask, chunk: unknown): Promise<void> {
    const { clock, definition } = this.body;
    if (this.get(task.taskId) !== task) return refused(clock, taskHasEnded());
    const { taskId, name } = task;
    task.stream ??= new ChunkSender(task, definition.tasks[name]?.chunk, clock, (told) =>
      this.body.tell({ type: 'task.chunk', taskId, chunk: told }),
    );
    return task.stream.emit(chunk);
  }

  chunksTaken({ taskId, taken }: Extract<BodyRequest, { type: 'task.chunks_taken' }>): void {
    this.get(taskId)?.stream?.taken(taken);
  }

  /** A report of a task was lost. */
  breakOne(taskId: string, error: ErrorInfo): void {
    const task = this.get(taskId);
    if (task === undefined) return;
    task.broken = errorFrom(error);
    task.abort(task.broken);
  }

  ask(task: RunningTask, name: string, args: unknown, signal?: AbortSignal): Promise<unknown> {
    const { clock } = this.body;
    if (this.get(task.taskId) !== task) return refused(clock, taskHasEnded());
    this.requests ??= new BodyRequests((report) => this.body.tell(report), clock);
    return this.requests.ask(task, name, args, signal);
  }

  /** What one of them has asked for. */
  answered(answer: Extract<BodyRequest, { type: 'request.answered' | 'request.refused' }>): void {
    this.requests?.answered(answer);
  }

  /** The body is gone. */
  abortAll(): void {
    if (this.size === 0) return;
    const error = new Error('the agent has ended');
    for (const task of this) task.abort(error);
    this.clear();
  }

  progress(task: RunningTask, value: unknown): void {
    const { taskId } = task;
    if (this.get(taskId) === task) this.body.tell({ type: 'task.progress', taskId, value });
  }

  private inputJudged(running: RunningTask, task: CallableTask, verdict: Verdict): void {
    if (!('problem' in verdict)) return this.begin(running, task, verdict.value);
    if (!this.settled(running)) return;
    const { taskId, ended } = running;
    if (ended !== undefined) return this.reportEnded(running, ended);
    const error = { name: 'TypeError', message: verdict.problem };
    this.body.tell({ type: 'task.failed', taskId, code: 'TASK_INPUT_INVALID', error });
  }

  private begin(running: RunningTask, task: CallableTask, input: unknown): void {
    this.body.state.begin(running);
    const context = taskContextOf(this, running, input);
    let output: unknown;
    try {
      output = running.trace === undefined ? task.run(context) : runWithin(running.trace, task, context);
      if (isPending(output) || isThenable(output)) return this.await(running, task, output);
      if (isChunkGenerator(output)) return this.stream(running, task, output);
    } catch (thrown) {
      return this.fail(running, thrown);
    }
    this.judgeOutput(running, task, output);
  }

  /** Apart, for what is written here costs every task that is run through it. */
  private await(running: RunningTask, task: CallableTask, work: unknown): void {
    settle(
      () => work,
      (output) => this.judgeOutput(running, task, output),
      (thrown) => this.fail(running, thrown),
    );
  }

  private stream(running: RunningTask, task: CallableTask, chunks: AsyncGenerator): void {
    const emit = (chunk: unknown) => this.emit(running, chunk);
    this.await(
      running,
      task,
      withinTrace(running.trace, () => streamed(chunks, emit, running.signal)),
    );
  }

  private judgeOutput(running: RunningTask, task: CallableTask, output: unknown): void {
    const left = running.stream?.drained();
    if (left !== undefined) return void left.then(() => this.judgeOutput(running, task, output));
    if (task.output === undefined) {
      this.complete(running, output);
      return this.body.tellChanged();
    }
    this.judging += 1;
    const verdict = judge(task.output, output);
    if (verdict instanceof Promise) {
      const judged = unlessAborted(verdict, running.signal);
      void judged.then((given) => this.outputJudged(running, given));
    } else this.outputJudged(running, verdict);
  }

  private outputJudged(running: RunningTask, verdict: Verdict): void {
    this.judging -= 1;
    if ('problem' in verdict) {
      const message = `the output of ${running.name} is not as defined: ${verdict.problem}`;
      this.fail(running, new TypeError(message));
    } else this.complete(running, verdict.value);
    this.body.tellChanged();
  }

  private complete(task: RunningTask, output: unknown): void {
    if (task.broken !== undefined) return this.fail(task, task.broken);
    if (task.ended !== undefined) return this.fail(task, task.ended.error);
    const problem = task.isKept ? jsonProblemOf({ output }) : undefined;
    if (problem !== undefined) {
      const why = `${problem}, expected JSON data: what it gives is kept, or crosses machines`;
      return this.fail(task, new TypeError(why));
    }
    if (!this.settled(task)) return;
    const { state: states, saves } = this.body;
    let state: SavedState | undefined;
    try {
      // The caller of a cancelled task was told that it was not done.
      if (task.signal.aborted && states.takesBack(task)) states.drop(task);
      else state = saves.commit(task);
    } catch (thrown) {
      states.drop(task);
      this.reportFailure(task, thrown);
      return this.finishIfLast(task);
    }
    const { taskId, given: transfer } = task;
    this.body.tell(
      transfer === undefined
        ? { type: 'task.completed', taskId, output, state }
        : { type: 'task.completed', taskId, output, state, transfer },
    );
    this.finishIfLast(task);
  }

  private fail(task: RunningTask, thrown: unknown): void {
    if (!this.settled(task)) return;
    this.body.state.drop(task);
    const parked = task.signal.aborted ? undefined : this.parkOf(thrown);
    if (parked) {
      const said = parkAsked(thrown) === undefined ? { error: errorInfoOf(thrown) } : {};
      return this.body.tell({ type: 'task.parked', taskId: task.taskId, ...parked, ...said });
    }
    this.reportFailure(task, thrown);
    // A cancelled task has been answered: a throw is how it obeys.
    const isCrash = this.body.definition.onTaskError === 'crash' && !isTaskRefusal(thrown);
    if (isCrash && !task.signal.aborted) this.body.crash(thrown);
    else this.finishIfLast(task);
  }

  /** A chart has gone on by what has failed: none of its tasks is begun anew. */
  private parkOf(thrown: unknown): ParkRequest | undefined {
    const { chart, onLimit } = this.body.definition;
    return parkAsked(thrown) ?? (chart === undefined && onLimit !== 'fail' ? limitSaid(thrown) : undefined);
  }

  /** The agent's own end, asked for by a task; one that was cancelled has nothing to say any more. */
  private finishIfLast(task: RunningTask): void {
    if (task.isLast && !task.signal.aborted) this.body.tell({ type: 'finished' });
  }

  private reportFailure(task: RunningTask, thrown: unknown): void {
    const { taskId, ended } = task;
    if (ended !== undefined) return this.reportEnded(task, ended);
    const error = errorInfoOf(thrown);
    if (isTaskRefusal(thrown)) {
      const { expected } = thrown;
      return this.body.tell({ type: 'task.failed', taskId, code: 'TASK_INCOMPATIBLE', error, expected });
    }
    const retry = this.isWorthAnother(task, thrown);
    this.body.tell({
      type: 'task.failed',
      taskId,
      code: 'TASK_FAILED',
      error,
      cause: thrown,
      ...(retry ? { retry } : {}),
    });
  }

  /** After a cancel, a throw of its work is how it obeys. */
  private reportEnded(task: RunningTask, { as, error: cause }: EndedAttempt): void {
    const { taskId } = task;
    const isLate = as === 'timed_out';
    this.body.tell({
      type: 'task.failed',
      taskId,
      code: isLate ? 'TASK_TIMED_OUT' : 'TASK_ABANDONED',
      error: errorInfoOf(cause),
      cause,
      retry: isLate ? this.isWorthAnother(task, cause) : true,
    });
  }

  /** Whether there is another attempt after an error, as its definition has it. */
  private isWorthAnother({ name }: RunningTask, thrown: unknown): boolean {
    const { retry } = this.body.definition.tasks[name]!;
    const when = typeof retry === 'object' ? retry.when : undefined;
    if (when === undefined) return true;
    try {
      const answer: unknown = when(thrown);
      if (typeof answer === 'boolean') return answer;
      if (isThenable(answer)) ignoreRejection(answer);
      throw new TypeError(`expected true or false, got ${inWords(answer)}`);
    } catch (fault) {
      this.body.log.error(`retry.when of task ${name} failed`, { error: errorInfoOf(fault) });
      return false;
    }
  }

  /** Whether the end of the task is still to be reported; true once. */
  private settled(task: RunningTask): boolean {
    if (this.get(task.taskId) !== task) return false;
    this.remove(task);
    this.requests?.ended(task);
    task.stream?.end(taskHasEnded());
    return !this.body.isGone;
  }
}

const NAMES: Readonly<Record<EndedAttempt['as'], string>> = {
  timed_out: 'TimeoutError',
  interrupted: 'AbortError',
};
function runWithin(trace: TraceParent, task: CallableTask, context: TaskContext<unknown, unknown>): unknown {
  return withinTrace(trace, () => task.run(context));
}

/** What the signal of a cancelled task says: as its caller has put it, where a caller did. */
function reasonOf(request: Extract<BodyRequest, { type: 'task.cancel' }>): unknown {
  if ('cause' in request) return request.cause;
  return request.error ? errorFrom(request.error) : new Error(request.reason);
}
