import type { ToldTask } from '../../runtime/agent/task-events.ts';
import type { TaskEntry } from './task-entries.ts';

/** A task as the events and errors of one program tell of it. */
export function toldOf(
  entry: TaskEntry,
  given: { readonly input?: unknown; readonly output?: unknown; readonly by?: string | undefined } = {},
): ToldTask {
  const {
    id: taskId,
    task: type,
    incarnation,
    retry,
    before,
    attempts: attempt,
    startedAt,
    acceptedAt,
  } = entry;
  const { timeoutMs, policy, priority, due, idempotencyKey, dedupeKey, endsWithCallers: called } = entry;
  return {
    taskId,
    incarnation,
    retry,
    policy,
    before,
    attempt,
    acceptedAt,
    startedAt: startedAt ?? acceptedAt,
    begunAt: startedAt,
    output: given.output,
    trace: entry.terms?.trace,
    request: {
      type,
      input: given.input,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      policy,
      ...(priority === undefined ? {} : { priority }),
      dueAt: due?.dueAt,
      submission: entry.submitted
        ? { idempotencyKey, dedupeKey, by: given.by, called, accepted: ignore }
        : undefined,
    },
  };
}

const ignore = (): void => {};
