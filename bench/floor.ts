/**
 * The floor under a task: what JavaScript takes for it with none of the runtime around.
 *
 * `bare` is a promise that is settled in a microtask, with one frozen event. `by hand` is a round trip that does what
 * every task has to have done, and nothing else: its acceptance and its end are committed apart, each in a microtask,
 * its work runs in its caller's context with a signal and a context object of its own, its state becomes JSON, its
 * events and its record are kept up to a bound. It checks nothing, and knows no other case.
 */
import { AsyncResource } from 'node:async_hooks';
import { type Emit, measure } from './measurement.ts';

const WARM = 5_000;
const KEPT = 10_000;

export async function benchFloor(times: number, emit: Emit): Promise<void> {
  const bare = new Bare();
  await warm(() => bare.run());
  emit(await measure('floor_bare', { times, operation: () => bare.run() }));
  const byHand = new TaskByHand();
  await warm(() => byHand.execute({ type: 'test' }));
  emit(await measure('floor_task', { times, operation: () => byHand.execute({ type: 'test' }) }));
}

async function warm(operation: () => Promise<unknown>): Promise<void> {
  for (let warmed = 0; warmed < WARM; warmed++) await operation();
}

class Bare {
  #sequence = 0;
  event: object | undefined = undefined;

  run(): Promise<number> {
    return new Promise((resolve) => {
      const sequence = ++this.#sequence;
      this.event = Object.freeze({
        sequence,
        at: Date.now(),
        type: 'task.completed',
        agentId: 'agent',
        incarnation: 1,
        taskId: `task-${sequence}`,
        task: 'test',
        waitedMs: 0,
        ranMs: 0,
      });
      queueMicrotask(() => resolve(sequence));
    });
  }
}

interface Context {
  readonly input: unknown;
  readonly state: { done: number };
  readonly signal: AbortSignal;
  readonly progress: (value: unknown) => void;
}

const run = ({ state }: Context): number => ++state.done;

class TaskByHand {
  readonly #events: object[] = [];
  readonly #records = new Map<string, { status: string }>();
  readonly #state = { done: 0 };
  readonly ended: string[] = [];
  json = '';
  #sequence = 0;

  execute({ type: task, input }: { readonly type: string; readonly input?: unknown }): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const taskId = `task-${this.#sequence + 1}`;
    const caller = new AsyncResource('task');
    const acceptedAt = performance.now();
    this.#records.set(taskId, { status: 'waiting' });
    this.#emit({
      sequence: 0,
      at: 0,
      type: 'task.accepted',
      agentId: 'agent',
      incarnation: 1,
      taskId,
      task,
      retry: false,
    });
    queueMicrotask(() => {
      const startedAt = performance.now();
      this.#emit({
        sequence: 0,
        at: 0,
        type: 'task.started',
        agentId: 'agent',
        incarnation: 1,
        taskId,
        task,
      });
      const { signal } = new AbortController();
      const progress = (value: unknown): void => this.#progress(taskId, value);
      try {
        const output = caller.runInAsyncScope(run, undefined, {
          input,
          state: this.#state,
          signal,
          progress,
        });
        this.json = JSON.stringify(this.#state);
        const bytes = Buffer.byteLength(this.json);
        this.#emit({
          sequence: 0,
          at: 0,
          type: 'agent.state_saved',
          agentId: 'agent',
          incarnation: 1,
          bytes,
        });
        const now = performance.now();
        const [waitedMs, ranMs] = [startedAt - acceptedAt, now - startedAt];
        this.#emit({
          sequence: 0,
          at: 0,
          type: 'task.completed',
          agentId: 'agent',
          incarnation: 1,
          taskId,
          task,
          waitedMs,
          ranMs,
        });
        queueMicrotask(() => this.#end(taskId, output, resolve));
      } catch (thrown) {
        reject(thrown);
      }
    });
    return promise;
  }

  #emit(event: { sequence: number; at: number; readonly [field: string]: unknown }): void {
    event.sequence = ++this.#sequence;
    event.at = Date.now();
    this.#events[event.sequence % KEPT] = event;
  }

  #progress(taskId: string, value: unknown): void {
    this.#emit(Object.freeze({ sequence: 0, at: 0, type: 'task.progress', taskId, value }));
  }

  #end(taskId: string, output: unknown, resolve: (output: unknown) => void): void {
    this.#records.get(taskId)!.status = 'done';
    const place = this.#sequence % KEPT;
    this.#records.delete(this.ended[place] ?? '');
    this.ended[place] = taskId;
    resolve(output);
  }
}
