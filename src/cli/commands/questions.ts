/** `mabeam questions` and `mabeam answer`: what tasks have asked people, of a running system or of a store. */
import { answerStoredQuestion, openQuestions, type QuestionRecord } from '../../index.ts';
import { apiOf, byOf, type Call, type JsonOption, outJson, storeOf, type TargetOptions } from '../call.ts';
import { plainText } from '../console.ts';
import { inShort } from '../event-line.ts';
import { count, moment } from '../figures.ts';
import { part } from '../fleet-api.ts';
import { storeAt } from '../stored-fleet.ts';
import { type Column, printTable } from '../table.ts';
import { valueFrom } from '../value-text.ts';

export type QuestionOptions = TargetOptions & JsonOption;

const COLUMNS: readonly Column<QuestionRecord>[] = [
  { title: 'ID', text: ({ id }) => id },
  { title: 'SINCE', text: ({ askedAt }) => moment(askedAt), dispensability: 1 },
  { title: 'AGENT', text: ({ agentId }) => agentId },
  { title: 'TASK', text: ({ task }) => task, dispensability: 2 },
  { title: 'QUESTION', text: askedText, isFlexible: true },
];

export async function questions(call: Call, options: QuestionOptions): Promise<void> {
  const store = storeOf(options);
  const open =
    store === undefined
      ? (await apiOf(call, options).get<{ readonly questions: readonly QuestionRecord[] }>('questions'))
          .questions
      : await openQuestions(storeAt(store));
  const { console } = call;
  if (options.json) return outJson(console, open);
  printTable(console, open, COLUMNS);
  console.note(open.length === 0 ? 'nobody is asked' : `${count(open.length)} open, oldest first`);
}

/** @param text JSON, or else the text itself */
export async function answer(call: Call, id: string, text: string, options: QuestionOptions): Promise<void> {
  const store = storeOf(options);
  const value = valueFrom(text);
  const record =
    store === undefined
      ? ((await apiOf(call, options).act(`questions/${part(id)}`, { answer: value }))
          .result as QuestionRecord)
      : await answerStoredQuestion(storeAt(store), id, value, { by: byOf(options) });
  if (options.json) return outJson(call.console, record);
  call.console.out(`${plainText(id)}  answered with ${inShort(value)}`);
}

/** All that a person is asked. */
export function askedText({ question, details }: Pick<QuestionRecord, 'question' | 'details'>): string {
  return details === undefined ? question : `${question} ${JSON.stringify(details)}`;
}
