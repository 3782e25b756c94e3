/** Whether a question may get an answer: checked by the program that asked, or by another one. */
import { z } from 'zod';
import { AgentSystemError, inWords } from '../values/errors.ts';
import { jsonProblemOf } from '../values/json-survey.ts';
import { problemOf } from '../values/schema.ts';
import type { QuestionRecord } from './question-record.ts';

/**
 * @throws AgentSystemError `QUESTION_CLOSED` for a question that is not open, `ANSWER_INVALID` for what is no JSON data,
 * or not as the question's schema says
 */
export function checkAnswer(record: QuestionRecord, value: unknown): void {
  const { id, agentId, status, by, schema } = record;
  const details = { questionId: id, status, ...(by === undefined ? {} : { by }) };
  if (status !== 'open') {
    const who = by === undefined ? '' : ` by ${by}`;
    const message = `question ${id} is ${status}${who}: expected an open one`;
    throw new AgentSystemError('QUESTION_CLOSED', message, { agentId, details });
  }
  const problem = problemWith(schema, value);
  if (problem === undefined) return;
  throw new AgentSystemError('ANSWER_INVALID', `question ${id}: the answer: ${problem}`, {
    agentId,
    details,
  });
}

function problemWith(schema: QuestionRecord['schema'], value: unknown): string | undefined {
  if (value === undefined) return `expected an answer, got ${inWords(value)}`;
  const problem = jsonProblemOf(value, { isNoted: false });
  if (problem !== undefined) return `${problem}, expected JSON data`;
  if (schema === undefined) return undefined;
  let judge: z.ZodType;
  try {
    judge = z.fromJSONSchema(schema);
  } catch {
    // A schema that this library cannot read is checked by the task itself: an answer that it refuses comes back.
    return undefined;
  }
  const judged = judge.safeParse(value);
  return judged.success ? undefined : problemOf(judged.error.issues, value);
}
