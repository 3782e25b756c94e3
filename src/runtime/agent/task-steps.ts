/**
 * The results of `context.step`, by task and key.
 *
 * Owns each result until the end of its task, in memory and in the store, where it is a state of its own
 * beside those of the agents. A task that runs again gets its results.
 *
 * I1  A step is answered after it was committed; a task has one result for a key: the first that was not refused.
 * I2  The end of a task drops its results. A task that will be done again has not ended.
 * I3  A result that holds a secret of the agent is refused, like a state.
 */
import { z } from 'zod';
import type { Journal } from '../journal/journal.ts';
import type { Recovery, Store } from '../journal/store.ts';
import type { SystemEvent } from '../journal/system-event.ts';
import { hasTaskEnd, mayEndTask } from '../journal/task-ends.ts';
import { AgentSystemError } from '../values/errors.ts';
import { jsonProblemOf } from '../values/json-survey.ts';
import type { SecretNet } from '../values/secret-net.ts';
import { type MadeRequest, type RequestHandler, requestHandler } from './requests.ts';

/** Results by key, in the order in which they were kept. */
export type KeptSteps = readonly (readonly [key: string, value: unknown])[];

/** One step in the store; without `value` if that was `undefined`. */
interface Kept {
  readonly key: string;
  readonly value?: unknown;
}

/** One step of a task. */
interface Step {
  /** As JSON: each run gets its own copy. */
  readonly json: string;
  readonly place: number;
  /** The store failed: its task may try it again. */
  isRefused: boolean;
}

/** Limits of what one task may keep. */
export const MAX_STEPS = 10_000;
const MAX_KEY = 512;
const stepArgs = z.strictObject({
  key: z.string().min(1).max(MAX_KEY),
  value: z.unknown().optional(),
});

export class TaskSteps {
  readonly #journal: Journal;
  readonly #secrets: SecretNet;
  readonly #kept = new Map<string, Map<string, Step>>();

  constructor(journal: Journal, secrets: SecretNet) {
    this.#journal = journal;
    this.#secrets = secrets;
    const ended = (event: SystemEvent) => {
      if (this.#kept.size > 0 && hasTaskEnd(event)) this.#drop(event.taskId);
    };
    journal.observe((type) => (mayEndTask(type) ? ended : undefined));
  }

  /** What a task kept when it ran before; `undefined` for nothing. */
  of(taskId: string): KeptSteps | undefined {
    const kept = this.#kept.size === 0 ? undefined : this.#kept.get(taskId);
    return kept && [...kept].map(([key, { json }]) => [key, (JSON.parse(json) as Kept).value]);
  }

  /** Answers `task.step` once the result is kept. */
  get keep(): RequestHandler {
    return requestHandler(stepArgs, (args, request) => this.#keep(args, request));
  }

  /** Restores the results of an earlier program's tasks that have not ended. */
  async recall({ tasks }: Pick<Recovery, 'tasks'>, store: Store): Promise<void> {
    for (const { taskId } of tasks) {
      let kept = await store.state(ownerOf(taskId, 0));
      if (kept === undefined) continue;
      const steps = new Map<string, Step>();
      this.#kept.set(taskId, steps);
      while (kept !== undefined) {
        const { json } = kept;
        steps.set((JSON.parse(json) as Kept).key, { json, place: steps.size, isRefused: false });
        kept = await store.state(ownerOf(taskId, steps.size));
      }
    }
  }

  #keep(args: z.output<typeof stepArgs>, request: MadeRequest): Promise<void> {
    const { agentId, incarnation, taskId, task } = request;
    const shown = this.#secrets.hide(args, agentId);
    const { key, value } = shown;
    const refuse = (problem: string): never => {
      throw new AgentSystemError('REQUEST_INVALID', `step ${key} of task ${task}: ${problem}`, { agentId });
    };
    const problem = jsonProblemOf(value, { isNoted: false });
    if (problem !== undefined) refuse(`${problem}, expected JSON data`);
    if (shown !== args) refuse('it holds a secret of the initArgs, and steps are kept in the store');
    let steps = this.#kept.get(taskId);
    if (steps === undefined) this.#kept.set(taskId, (steps = new Map<string, Step>()));
    const before = steps.get(key);
    if (before?.isRefused === false) refuse('it is kept already');
    if (before === undefined && steps.size >= MAX_STEPS)
      refuse(`expected ${MAX_STEPS} steps of a task at the most`);
    const json = JSON.stringify({ key, value } satisfies Kept);
    const step: Step = { json, place: before?.place ?? steps.size, isRefused: false };
    steps.set(key, step);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#journal.keepState(ownerOf(taskId, step.place), { json, stateVersion: 1 });
    this.#journal.emit({ type: 'task.step', agentId, incarnation, taskId, task, key }, (error) => {
      step.isRefused = error !== undefined;
      if (error) reject(error);
      else resolve();
    });
    return promise;
  }

  #drop(taskId: string): void {
    const steps = this.#kept.get(taskId);
    if (steps === undefined) return;
    this.#kept.delete(taskId);
    for (let place = 0; place < steps.size; place++) this.#journal.keepState(ownerOf(taskId, place), null);
  }
}

/** The owner of a step's state in the store. */
function ownerOf(taskId: string, place: number): string {
  return `step\u0000${taskId}\u0000${place}`;
}
