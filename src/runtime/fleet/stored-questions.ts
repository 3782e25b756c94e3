/**
 * Questions of a fleet that no program has open: read from its store, and answered there for the next program.
 *
 * I1  An answer is stored in one commit: the changed question together with its event.
 */
import { z } from 'zod';
import { checkAnswer } from '../agent/answer-check.ts';
import {
  type KeptQuestion,
  ownerOfQuestion,
  type QuestionRecord,
  storedQuestions,
} from '../agent/question-record.ts';
import { type Store, storeShape } from '../journal/store.ts';
import { type ActOptions, actSchema, saidBy } from '../values/act.ts';
import { AgentSystemError, errorInfoOf, inWords } from '../values/errors.ts';
import { parseInput } from '../values/malformed.ts';

const inputSchema = z.strictObject({
  store: storeShape,
  options: actSchema,
});

interface Found {
  readonly kept: KeptQuestion;
  readonly place: number;
}

/**
 * The open questions of a store, as they were asked.
 *
 * The store is opened and closed: no other program may have it open meanwhile.
 *
 * @throws AgentSystemError `AGENT_SPEC_INVALID` for an invalid store, `STORE_FAILED`
 */
export async function openQuestions(store: Store): Promise<readonly QuestionRecord[]> {
  parseInput(inputSchema, { store, options: {} }, { what: 'openQuestions' });
  return opened(store, (found) =>
    found.map(({ kept }) => kept.record).filter(({ status }) => status === 'open'),
  );
}

/**
 * Answers a question of a store, for the next program on it. Resolves with the question as it then stands.
 *
 * The store is opened and closed: no other program may have it open meanwhile.
 *
 * @throws AgentSystemError `AGENT_SPEC_INVALID` for an invalid store or invalid options, `STORE_FAILED`, and as
 * `questions.answer`
 */
export async function answerStoredQuestion(
  store: Store,
  id: string,
  value: unknown,
  options: ActOptions = {},
): Promise<QuestionRecord> {
  const { by } = parseInput(inputSchema, { store, options }, { what: 'answerStoredQuestion' }).options;
  return opened(store, async (found, lastSequence) => {
    const known = found.find(({ kept }) => kept.record.id === id);
    if (known === undefined) {
      throw new AgentSystemError('QUESTION_UNKNOWN', `no question ${inWords(id)} is in this store`);
    }
    const { kept, place } = known;
    checkAnswer(kept.record, value);
    const { refused: _, ...open } = kept.record;
    const at = Date.now();
    const who = saidBy(by);
    const record: QuestionRecord = { ...open, status: 'answered', answer: value, answeredAt: at, ...who };
    const { agentId, taskId, task, key } = record;
    const json = JSON.stringify({ ...kept, record } satisfies KeptQuestion);
    await store.append({
      events: [
        {
          type: 'question.answered',
          sequence: lastSequence + 1,
          at,
          agentId,
          incarnation: 0,
          questionId: id,
          taskId,
          task,
          key,
          answer: value,
          ...who,
        },
      ],
      states: new Map([[ownerOfQuestion(taskId, place), { json, stateVersion: 1 }]]),
    });
    return record;
  });
}

async function opened<Value>(
  store: Store,
  work: (found: readonly Found[], lastSequence: number) => Value | Promise<Value>,
): Promise<Value> {
  try {
    const { tasks, lastSequence } = await store.recover();
    const found: Found[] = [];
    for (const { taskId } of tasks) {
      const kept = await storedQuestions(store, taskId);
      found.push(...kept.map((one, place) => ({ kept: one, place })));
    }
    return await work(found, lastSequence);
  } catch (thrown) {
    if (thrown instanceof AgentSystemError) throw thrown;
    const message = `the store could not be read or written: ${errorInfoOf(thrown).message}`;
    throw new AgentSystemError('STORE_FAILED', message, { cause: thrown });
  } finally {
    await store.close();
  }
}
