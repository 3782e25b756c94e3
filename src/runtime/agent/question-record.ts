/** Questions as JSON data: as the store keeps them, and as the public API shows them. */
import type { QuestionStatus } from '../../machines/index.ts';
import type { Store } from '../journal/store.ts';
import type { SystemEvent } from '../journal/system-event.ts';

/** One question. Times are epoch ms. */
export interface QuestionRecord {
  /** The task's id, and the key of the question in it. */
  readonly id: string;
  /** The agent whose task asks. */
  readonly agentId: string;
  /** The task that asks. */
  readonly taskId: string;
  /** The name of the task in the definition. */
  readonly task: string;
  /** Names the question within its task. */
  readonly key: string;
  /** What is asked, in words. */
  readonly question: string;
  /** JSON Schema of the answer, if the task gave a schema and its library can convert it. */
  readonly schema?: Readonly<Record<string, unknown>>;
  /** What the task shows along with the question. */
  readonly details?: unknown;
  /** Whether it is open, and else how it ended. */
  readonly status: QuestionStatus;
  /** Epoch ms. */
  readonly askedAt: number;
  /** When the question expires. */
  readonly deadlineAt?: number;
  /** The answer, once there is one. */
  readonly answer?: unknown;
  /** Epoch ms. */
  readonly answeredAt?: number;
  /** Who answered: `by` of the answer. */
  readonly by?: string;
  /** Why the task refused the last answer; the question is open again. */
  readonly refused?: string;
}

/** A question as a store has it, with what its task needs to be begun again. */
export interface KeptQuestion {
  readonly record: QuestionRecord;
  /** Left out if it is not JSON data: its task cannot be begun again then. */
  readonly task?: {
    readonly input?: unknown;
    /** What was left of its time, ms; with `deadlineAt` (epoch ms) if its time runs while it waits. */
    readonly timeoutMs?: number;
    readonly deadlineAt?: number;
    /** How long it has waited, ms, once it is answered: the stamps of the record are the wall clock's. */
    readonly heldMs?: number;
  };
}

/** The owner of a question's state in the store. */
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

type QuestionEvent = Extract<SystemEvent, { readonly type: `question.${string}` }>;
/** What an event tells of a question beside which one it is. */
export type QuestionEventBody = QuestionEvent extends infer Event
  ? Event extends QuestionEvent
    ? Omit<Event, 'sequence' | 'at' | 'agentId' | 'incarnation' | 'questionId' | 'taskId' | 'task' | 'key'>
    : never
  : never;
