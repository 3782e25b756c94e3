/**
 * One trainer's work, insisted upon: a task that a crash cut short is asked for again once the agent is back.
 *
 * Insisting is safe because a trainer's tasks name the epoch they mean: what was finished is not done twice.
 */
import { type AgentSystem, AgentSystemError } from '../../src/index.ts';
import type { SplitName } from './data.ts';

export interface BatchProgress {
  readonly done: number;
  readonly of: number;
}

export interface TaskInput {
  readonly split: SplitName;
  readonly epoch: number;
}

export interface TaskRequest {
  readonly type: 'epoch' | 'validate';
  readonly input: TaskInput;
}

export interface InsistOptions {
  readonly system: AgentSystem;
  readonly id: string;
  readonly signal?: AbortSignal | undefined;
  readonly onAttempt?: () => void;
  readonly onProgress?: (progress: BatchProgress) => void;
}

const MAX_ATTEMPTS = 5;
const BACK_WITHIN_MS = 30_000;

export async function insist(options: InsistOptions, task: TaskRequest): Promise<unknown> {
  const { system, id, signal } = options;
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    options.onAttempt?.();
    try {
      return await system.agents.execute(id, {
        ...task,
        ...(signal ? { signal } : {}),
        onProgress: (progress) => options.onProgress?.(progress as BatchProgress),
      });
    } catch (error) {
      const cutShort =
        error instanceof AgentSystemError &&
        (error.code === 'TASK_ABANDONED' || error.code === 'AGENT_NOT_RUNNING');
      if (!cutShort || attempt === MAX_ATTEMPTS || signal?.aborted) throw error;
      await untilRunning(system, id);
    }
  }
}

/** Resolves when the agent runs; rejects when its supervisor gave it up, or when it is not back in time. */
async function untilRunning(system: AgentSystem, id: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const unsubscribe = system.events.subscribe((event) => {
    if (event.agentId !== id) return;
    if (event.type === 'agent.started') resolve();
    if (event.type === 'agent.gave_up') reject(new Error(`${id} was given up by its supervisor`));
  });
  const timer = setTimeout(() => reject(new Error(`${id} was not running again in time`)), BACK_WITHIN_MS);
  try {
    if (system.agents.get(id).status !== 'running') await promise;
  } finally {
    clearTimeout(timer);
    unsubscribe();
  }
}
