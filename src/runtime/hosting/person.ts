/** A task asks a person: the question as the system is asked it, and what becomes of the answer. */
import type { AskedQuestion } from '../definition/task-abilities.ts';
import { dataCopy } from '../values/data-copy.ts';
import { AgentSystemError, inWords } from '../values/errors.ts';
import { judge, jsonSchemaOf, unlessAborted } from '../values/schema.ts';
import type { AskSystem } from './ask-system.ts';

/** What the system tells of a question. */
type Told = { readonly answer: unknown } | { readonly isExpired: true };

/**
 * Resolves with the answer, as the schema makes it: a copy, which the task may change.
 *
 * @param key of the question in its task
 * @throws AgentSystemError `REQUEST_INVALID`, `QUESTION_EXPIRED`; the task's reason once it is cancelled
 */
export async function askPerson(
  asked: AskedQuestion,
  key: string,
  system: AskSystem & { readonly signal: AbortSignal },
): Promise<unknown> {
  const { question, details, deadlineMs, countsTime, schema } = (asked ?? {}) as Partial<AskedQuestion>;
  if (typeof question !== 'string' || question === '') {
    throw new AgentSystemError('REQUEST_INVALID', `ask: expected a question, got ${inWords(question)}`);
  }
  const json = jsonSchemaOf(schema);
  let refused: string | undefined;
  for (;;) {
    const told = (await system.ask('task.ask', {
      key,
      question,
      ...(json === undefined ? {} : { schema: json }),
      ...(details === undefined ? {} : { details }),
      ...(deadlineMs === undefined ? {} : { deadlineMs }),
      ...(countsTime === undefined ? {} : { countsTime }),
      ...(refused === undefined ? {} : { refused }),
    })) as Told;
    if ('isExpired' in told) return otherwise(asked, key);
    // In-process it is the very answer that events and records hold.
    const judged = judge(schema, dataCopy(told.answer));
    const verdict = judged instanceof Promise ? await unlessAborted(judged, system.signal) : judged;
    if (!('problem' in verdict)) return verdict.value;
    system.signal.throwIfAborted();
    // Another program may have taken it, which has not this schema.
    refused = verdict.problem;
  }
}

function otherwise(asked: AskedQuestion, key: string): unknown {
  if (!('otherwise' in asked)) {
    const message = `question ${key} was not answered within ${asked.deadlineMs} ms`;
    throw new AgentSystemError('QUESTION_EXPIRED', message, { details: { key } });
  }
  return asked.otherwise;
}
