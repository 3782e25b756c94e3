/**
 * What may happen to a question, as data: asked, answered, refused, expired, withdrawn. Pure; the chart of a question says
 * what may follow what.
 */
import { z } from 'zod';
import {
  durationMs,
  type QuestionChartEvent,
  questionStatuses,
  questionStatusAfter,
} from '../../machines/index.ts';
import { saidBy } from '../values/act.ts';
import { AgentSystemError } from '../values/errors.ts';
import { jsonProblemOf } from '../values/json-survey.ts';
import type { QuestionRecord } from './question-record.ts';

/** The answer to `context.ask`. */
export type ToldAnswer = { readonly answer: unknown } | { readonly isExpired: true };

/** Questions of one task, at most. */
const MAX_QUESTIONS = 1_000;

/** The arguments of `task.ask`. */
export const askArgs = z.strictObject({
  key: z.string().min(1).max(512),
  question: z.string().min(1).max(65_536),
  schema: z.record(z.string(), z.unknown()).optional(),
  details: z.unknown().optional(),
  deadlineMs: durationMs.optional(),
  countsTime: z.boolean().default(false),
  /** Why the task refuses the answer. */
  refused: z.string().max(65_536).optional(),
});
export type AskArgs = z.output<typeof askArgs>;

/**
 * What is asked, as people may see it and a store may keep it.
 *
 * @throws AgentSystemError `REQUEST_INVALID` where the key holds a secret: the question is found again by it
 */
export function shownArgs(args: AskArgs, agentId: string, hide: <Data>(data: Data) => Data): AskArgs {
  const shown = hide(args);
  if (shown.key === args.key) return shown;
  const message = `ask: key ${shown.key}: it holds a secret of the initArgs, and questions are kept in the store`;
  throw new AgentSystemError('REQUEST_INVALID', message, { agentId });
}

/** Which questions are listed. */
export interface QuestionFilter {
  /** Of tasks of this agent. */
  readonly agentId?: string | undefined;
  /** Of this task. */
  readonly taskId?: string | undefined;
  /** Default `open`. */
  readonly status?: QuestionRecord['status'] | undefined;
}

export const questionFilter = z.strictObject({
  agentId: z.string().optional(),
  taskId: z.string().optional(),
  status: z.enum(questionStatuses).default('open'),
});

export interface Asker {
  readonly agentId: string;
  readonly taskId: string;
  readonly task: string;
  /** Questions that its task has asked before. */
  readonly asked: number;
  /** Epoch ms. */
  readonly now: number;
}

/** @throws AgentSystemError `REQUEST_INVALID` for what is no JSON data, and for one question too many */
export function askedQuestion(args: AskArgs, { agentId, taskId, task, asked, now }: Asker): QuestionRecord {
  const { key, question, schema, details, deadlineMs = Infinity } = args;
  const refuse = (problem: string): never => {
    throw new AgentSystemError('REQUEST_INVALID', `question ${key} of task ${task}: ${problem}`, { agentId });
  };
  if (asked >= MAX_QUESTIONS) refuse(`expected ${MAX_QUESTIONS} questions of a task at the most`);
  const problem = jsonProblemOf({ schema, details }, { isNoted: false });
  if (problem !== undefined) refuse(`${problem}, expected JSON data`);
  return {
    id: `${taskId}/${key}`,
    agentId,
    taskId,
    task,
    key,
    question,
    ...(schema === undefined ? {} : { schema }),
    ...(details === undefined ? {} : { details }),
    status: 'open',
    askedAt: now,
    ...(deadlineMs === Infinity ? {} : { deadlineAt: now + Math.ceil(deadlineMs) }),
  };
}

/** @param answer that it may have (answer-check.ts) */
export function answeredQuestion(
  record: QuestionRecord,
  answer: unknown,
  answeredAt: number,
  by: string | undefined,
): QuestionRecord {
  const { refused: _, ...open } = record;
  return questionAfter({ ...open, answer, answeredAt, ...saidBy(by) }, 'question.answered');
}

/** Its task refuses the answer: it is open again. */
export function refusedQuestion(record: QuestionRecord, refused: string): QuestionRecord {
  const { answer: _, answeredAt: _at, by: _by, ...open } = record;
  return questionAfter({ ...open, refused }, 'question.refused');
}

/** The question after an event that its chart takes. */
export function questionAfter(record: QuestionRecord, event: QuestionChartEvent['type']): QuestionRecord {
  const status = questionStatusAfter(record.status, event);
  if (status === undefined)
    throw new Error(`question ${record.id} is ${record.status}, and takes no ${event}`);
  return { ...record, status };
}
