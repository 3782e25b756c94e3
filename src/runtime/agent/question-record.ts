/** Questions as they are kept and shown: JSON data, the same in every program. */
import type { QuestionStatus } from '../../machines/index.ts';
import type { Store } from '../journal/store.ts';

/** All that is known of one question. Times are epoch ms. */
export interface QuestionRecord {
  /** The task's id, and the key of the question in it. */
  readonly id: string;
  readonly agentId: string;
  readonly taskId: string;
  /** The name of the task in the definition. */
  readonly task: string;
  readonly key: string;
  readonly question: string;
  /** What an answer has to be, as JSON Schema, where the task has said so and its library can say it. */
  readonly schema?: Readonly<Record<string, unknown>>;
  /** What the task shows along with the question. */
  readonly details?: unknown;
  readonly status: QuestionStatus;
  readonly askedAt: number;
  /** When nobody is waited for any more. */
  readonly deadlineAt?: number;
  readonly answer?: unknown;
  readonly answeredAt?: number;
  /** Who answered, as they said. */
  readonly by?: string;
  /** Why the last answer was refused by the task, and the question is open again. */
  readonly refused?: string;
}

/** A question as a store has it, with what its task needs to be begun again. */
export interface KeptQuestion {
  readonly record: QuestionRecord;
  /** Left out where it is no JSON data: its task cannot be begun again then. */
  readonly task?: {
    readonly input?: unknown;
    /** What was left of its time; with `deadlineAt` (epoch ms) where that runs on while it waits. */
    readonly timeoutMs?: number;
    readonly deadlineAt?: number;
  };
}

/** Whose state a question is in the store: no agent's. */
export function ownerOfQuestion(taskId: string, place: number): string {
  return `question\u0000${taskId}\u0000${place}`;
}

/** The questions that a store has kept of a task, in the order in which they were asked. */
export async function storedQuestions(store: Store, taskId: string): Promise<KeptQuestion[]> {
  const kept: KeptQuestion[] = [];
  for (;;) {
    const state = await store.state(ownerOfQuestion(taskId, kept.length));
    if (state === undefined) return kept;
    kept.push(JSON.parse(state.json) as KeptQuestion);
  }
}
