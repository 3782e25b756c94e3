/**
 * Questions of one agent's tasks to people, as its virtual object keeps them: as data, by the rules of
 * runtime/agent/questions.ts.
 *
 * Owns each question until its task ends. A task that is begun again and asks again finds its question with its answer.
 *
 * I1  A question has one answer: the first. The task gets it after it was kept.
 * I2  A question is open until it is answered, its deadline has passed, or its task has ended. The end of a body, or of a
 *     node, does not end it.
 * I3  A request that arrives twice asks once.
 */
import { checkAnswer } from '../../runtime/agent/answer-check.ts';
import {
  answeredQuestion,
  type AskArgs,
  askedQuestion,
  questionAfter,
  refusedQuestion,
  type ToldAnswer,
} from '../../runtime/agent/question-acts.ts';
import type { QuestionEventBody, QuestionRecord } from '../../runtime/agent/question-record.ts';
import type { EventBody } from '../../runtime/journal/system-event.ts';
import { saidBy } from '../../runtime/values/act.ts';
import { AgentSystemError, inWords } from '../../runtime/values/errors.ts';
import type { AgentState } from '../agent/agent-state.ts';
import type { Due } from '../engine/kept-chart.ts';
import type { KeptQuestion } from './kept-question.ts';
import type { TaskEntry } from './task-entries.ts';

export interface QuestionsOwner {
  readonly state: AgentState;
  readonly now: number;
  nextOrder(): number;
  emit(event: EventBody): void;
  /** Answers a request of the living body. */
  answerRequest(requestId: number, taskId: string, value: unknown): void;
  /** A question of its task was opened, or was closed. */
  questionOpened(taskId: string): void;
  questionClosed(taskId: string): void;
  /** Its task waits for one more answer, or for one less. */
  beginsToAsk(taskId: string): void;
  hasAsked(taskId: string): void;
}

export class TaskQuestions {
  readonly #owner: QuestionsOwner;

  constructor(owner: QuestionsOwner) {
    this.#owner = owner;
  }

  get #kept(): readonly KeptQuestion[] {
    return this.#owner.state.questions ?? [];
  }

  /** When the open ones expire. */
  *dues(): Iterable<Due & { readonly question: KeptQuestion }> {
    for (const question of this.#kept) if (question.due !== undefined) yield { ...question.due, question };
  }

  /** A task asks. @returns the answer, if it is known at once @throws AgentSystemError `REQUEST_INVALID` */
  ask({ id: taskId, task }: TaskEntry, requestId: number, args: AskArgs): ToldAnswer | undefined {
    const { state, now } = this.#owner;
    const ofTask = this.#kept.filter(({ record }) => record.taskId === taskId);
    let question = ofTask.find(({ record }) => record.key === args.key);
    if (question === undefined) {
      const asker = { agentId: state.id, taskId, task, asked: ofTask.length, now };
      question = { record: askedQuestion(args, asker), waiting: [], heard: 0 };
      state.questions = [...this.#kept, question];
      this.#opened(question, { type: 'question.asked', question: args.question });
    } else if (requestId <= question.heard) {
      if (question.waiting.some((waiting) => waiting.requestId === requestId)) return undefined;
    } else if (args.refused !== undefined && question.record.status === 'answered') {
      question.record = refusedQuestion(question.record, args.refused);
      this.#opened(question, { type: 'question.refused', why: args.refused });
    }
    question.heard = Math.max(question.heard, requestId);
    const { status, answer } = question.record;
    if (status === 'answered') return { answer };
    if (status === 'expired') return { isExpired: true };
    question.waiting = [...question.waiting, { requestId, isHeld: !args.countsTime }];
    this.#owner.beginsToAsk(taskId);
    return undefined;
  }

  /** @throws AgentSystemError `QUESTION_UNKNOWN`, `QUESTION_CLOSED`, `ANSWER_INVALID` */
  answer(id: string, value: unknown, by: string | undefined): QuestionRecord {
    const question = findQuestion(this.#owner.state, id);
    checkAnswer(question.record, value);
    question.record = answeredQuestion(question.record, value, this.#owner.now, by);
    this.#tell(question, { type: 'question.answered', answer: value, ...saidBy(by) });
    this.#closed(question, { answer: value });
    return question.record;
  }

  expire(question: KeptQuestion): void {
    question.record = questionAfter(question.record, 'question.expired');
    this.#tell(question, { type: 'question.expired' });
    this.#closed(question, { isExpired: true });
  }

  /** A request is withdrawn; its task goes on. */
  withdrawn(taskId: string, requestId: number): void {
    this.#letGo((question) => question.record.taskId === taskId, [requestId]);
    this.#owner.hasAsked(taskId);
  }

  /** An attempt of a task has ended, and with it its requests. */
  attemptEnded(taskId: string): void {
    this.#letGo(({ record }) => record.taskId === taskId);
  }

  /** The next body numbers its requests anew. */
  bodyEnded(): void {
    this.#letGo(() => true);
    for (const question of this.#kept) question.heard = 0;
  }

  taskEnded(taskId: string): void {
    const ofTask = this.#kept.filter(({ record }) => record.taskId === taskId);
    if (ofTask.length === 0) return;
    this.#owner.state.questions = this.#kept.filter(({ record }) => record.taskId !== taskId);
    for (const question of ofTask) {
      if (question.record.status === 'open') this.#tell(question, { type: 'question.withdrawn' });
    }
  }

  openOf(taskId: string): number {
    return this.#kept.filter(({ record }) => record.taskId === taskId && record.status === 'open').length;
  }

  /** Whether the time of a task stands still. */
  isHeld(taskId: string): boolean {
    return this.#kept.some(
      ({ record, waiting }) => record.taskId === taskId && waiting.some(({ isHeld }) => isHeld),
    );
  }

  /** Whether a task waits for a person now. */
  isAsking(taskId: string): boolean {
    return this.#kept.some(({ record, waiting }) => record.taskId === taskId && waiting.length > 0);
  }

  #opened(question: KeptQuestion, told: QuestionEventBody): void {
    const { deadlineAt, taskId } = question.record;
    if (deadlineAt !== undefined) question.due = { dueAt: deadlineAt, order: this.#owner.nextOrder() };
    this.#tell(question, told);
    this.#owner.questionOpened(taskId);
  }

  #closed(question: KeptQuestion, told: ToldAnswer): void {
    const { taskId } = question.record;
    const { waiting } = question;
    question.due = undefined;
    question.waiting = [];
    this.#owner.questionClosed(taskId);
    for (const { requestId } of waiting) this.#owner.answerRequest(requestId, taskId, told);
    if (waiting.length > 0) this.#owner.hasAsked(taskId);
  }

  #letGo(isMeant: (question: KeptQuestion) => boolean, requests?: readonly number[]): void {
    for (const question of this.#kept) {
      if (question.waiting.length === 0 || !isMeant(question)) continue;
      question.waiting = question.waiting.filter(
        ({ requestId }) => requests !== undefined && !requests.includes(requestId),
      );
    }
  }

  #tell({ record }: KeptQuestion, told: QuestionEventBody): void {
    const { id: questionId, agentId, taskId, task, key } = record;
    this.#owner.emit({ ...told, questionId, agentId, incarnation: 0, taskId, task, key });
  }
}

/** @throws AgentSystemError `QUESTION_UNKNOWN` */
export function findQuestion({ questions = [] }: Pick<AgentState, 'questions'>, id: string): KeptQuestion {
  const found = questions.find(({ record }) => record.id === id);
  if (found !== undefined) return found;
  throw new AgentSystemError('QUESTION_UNKNOWN', `no question ${inWords(id)} is known`);
}
