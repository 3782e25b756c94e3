/**
 * Questions of tasks to people: `system.questions` and `context.ask`.
 *
 * Owns each question until its task ends, in memory and in the store, where it is a state of its own
 * beside those of the agents. A task that runs again and asks again finds its question with its answer.
 *
 * I1  A question has one answer: the first. The task gets it after it was committed.
 * I2  A question is open until it is answered, its deadline has passed, or its task has ended. The end of a body, or of
 *     the program, does not end it.
 * I3  The time of a task does not run while it waits for an answer, unless the task says so.
 * I4  No secret of the agent is shown to people, or kept.
 */
import type { Journal } from '../journal/journal.ts';
import type { Recovery, Store } from '../journal/store.ts';
import type { SystemEvent } from '../journal/system-event.ts';
import { hasTaskEnd, mayEndTask } from '../journal/task-ends.ts';
import type { SteadyClock } from '../time/clock.ts';
import { answered } from '../time/loop-turn.ts';
import { type ActOptions, actSchema, saidBy } from '../values/act.ts';
import { frozenData } from '../values/data-copy.ts';
import { AgentSystemError, inWords } from '../values/errors.ts';
import { jsonProblemOf } from '../values/json-survey.ts';
import { parseInput } from '../values/malformed.ts';
import type { SecretNet } from '../values/secret-net.ts';
import { checkAnswer } from './answer-check.ts';
import {
  answeredQuestion,
  askArgs,
  type AskArgs,
  askedQuestion,
  questionAfter,
  type QuestionFilter,
  questionFilter,
  refusedQuestion,
  shownArgs,
  type ToldAnswer,
} from './question-acts.ts';
import {
  type KeptQuestion,
  ownerOfQuestion,
  type QuestionEventBody,
  type QuestionRecord,
  storedQuestions,
} from './question-record.ts';
import { type MadeRequest, type RequestHandler, requestHandler } from './requests.ts';

interface Asked {
  record: QuestionRecord;
  task: KeptQuestion['task'];
  /** When it was asked, and when it expires: by `elapsed` of the clock, for the stamps of the record are the wall clock's. */
  readonly since: number;
  readonly expiresAt: number;
  /** Its place among the questions of its task. */
  readonly place: number;
  /** Rejects where it could not be kept: for every call of the task that asks it. */
  kept: Promise<void> | undefined;
  timer: unknown;
  /** Its answer is being written to the store. */
  isBeingKept: boolean;
  /** The calls of the task that wait: it may have asked several times. */
  readonly waiting: Set<(told: ToldAnswer) => void>;
}

const NOT_KEPT = 'the answer could not be kept';

export class Questions {
  readonly #journal: Journal;
  readonly #clock: SteadyClock;
  readonly #assertOpen: () => void;
  readonly #secrets: SecretNet;
  /** By task, then by key, in the order in which they were asked. */
  readonly #ofTask = new Map<string, Map<string, Asked>>();
  #isClosed = false;
  /** Only questions that are durable are shown. */
  readonly #byId = new Map<string, Asked>();

  constructor(options: {
    readonly journal: Journal;
    readonly clock: SteadyClock;
    readonly assertOpen: () => void;
    readonly secrets: SecretNet;
  }) {
    this.#journal = options.journal;
    this.#clock = options.clock;
    this.#assertOpen = options.assertOpen;
    this.#secrets = options.secrets;
    const note = (event: SystemEvent) => {
      if (this.#ofTask.size === 0) return;
      // Listeners of the event can already answer.
      if (event.type === 'question.asked') this.#show(event.taskId, event.key);
      else if (hasTaskEnd(event)) this.#taskEnded(event.taskId);
    };
    options.journal.observe((type) => (type === 'question.asked' || mayEndTask(type) ? note : undefined));
  }

  /** Questions of tasks that have not ended, oldest first; by default the open ones. @throws AgentSystemError `REQUEST_INVALID` */
  list(filter: QuestionFilter = {}): QuestionRecord[] {
    const { agentId, taskId, status } = parseInput(questionFilter, filter, {
      what: 'questions.list',
      code: 'REQUEST_INVALID',
    });
    const found: QuestionRecord[] = [];
    for (const { record } of this.#byId.values()) {
      const fits =
        record.status === status &&
        (agentId === undefined || record.agentId === agentId) &&
        (taskId === undefined || record.taskId === taskId);
      if (fits) found.push(record);
    }
    return found;
  }

  /** @throws AgentSystemError `QUESTION_UNKNOWN` */
  get(id: string): QuestionRecord {
    return this.#find(id).record;
  }

  /**
   * Answers a question, once. Resolves with its record when the answer is durable; its task goes on, or finds it when it
   * runs again.
   *
   * An answer that only the task's own schema can refuse, and refuses, opens the question again, with `refused` in it.
   *
   * @param by who answers, as the event and the record say it
   * @throws AgentSystemError `QUESTION_UNKNOWN`, `QUESTION_CLOSED` for one that is answered or over, `ANSWER_INVALID` for
   * an answer that is no JSON data or not as the question's schema says, `REQUEST_INVALID` for invalid options,
   * `STORE_FAILED`, `SYSTEM_CLOSED`
   */
  answer(id: string, value: unknown, options: ActOptions = {}): Promise<QuestionRecord> {
    return answered(this.#clock, async () => {
      this.#assertOpen();
      const { by } = parseInput(actSchema, options, { what: 'questions.answer', code: 'REQUEST_INVALID' });
      const asked = this.#find(id);
      checkAnswer(asked.record, value);
      const before = asked.record;
      const answer = JSON.parse(JSON.stringify(value)) as unknown;
      const answeredAt = this.#clock.now();
      this.#clock.clearTimeout(asked.timer);
      asked.record = frozenData(answeredQuestion(before, answer, answeredAt, by));
      const { promise, resolve, reject } = Promise.withResolvers<QuestionRecord>();
      const told = { answer, ...saidBy(by) };
      asked.isBeingKept = true;
      if (asked.task) asked.task = { ...asked.task, heldMs: this.#clock.elapsed() - asked.since };
      void this.#emit(asked, { type: 'question.answered', ...told }, (error) => {
        asked.isBeingKept = false;
        if (error === undefined) {
          tellAll(asked, { answer });
          return resolve(asked.record);
        }
        // The question is open again, and the stream says so, which has the answer before it.
        if (asked.record.answeredAt === answeredAt && asked.record.status === 'answered') {
          asked.record = frozenData(refusedQuestion({ ...before, status: 'answered' }, NOT_KEPT));
          this.#arm(asked);
          void this.#emit(asked, { type: 'question.refused', why: NOT_KEPT }, () => undefined);
        }
        reject(error);
      });
      return promise;
    });
  }

  /** @internal Handles `task.ask`: resolves once the question is answered. */
  get ask(): RequestHandler {
    return requestHandler(askArgs, (args, request) => {
      const { agentId } = request;
      return this.#ask(
        shownArgs(args, agentId, (data) => this.#secrets.hide(data, agentId)),
        request,
      );
    });
  }

  /** @internal Open questions of a task. */
  openOf(taskId: string): number {
    // Nearly always: to look for an id in an empty map would hash it all the same.
    if (this.#ofTask.size === 0) return 0;
    let open = 0;
    for (const { record } of this.#ofTask.get(taskId)?.values() ?? [])
      if (record.status === 'open') open += 1;
    return open;
  }

  /** @internal How long a task has waited for people while its time did not run, in ms: for those that have answered. */
  heldMsOf(taskId: string): number {
    let heldMs = 0;
    for (const { record, task } of this.#ofTask.get(taskId)?.values() ?? []) {
      const { askedAt, answeredAt } = record;
      if (answeredAt === undefined || task?.deadlineAt !== undefined) continue;
      // Answered on its store, by a program that cannot know more than the two stamps.
      heldMs += task?.heldMs ?? Math.max(0, answeredAt - askedAt);
    }
    return heldMs;
  }

  /** @internal What a task that has asked needs to be begun again by the next program; `undefined` where it cannot be. */
  taskOf(taskId: string): KeptQuestion['task'] {
    const [first] = this.#ofTask.get(taskId)?.values() ?? [];
    return first?.task;
  }

  /** @internal Brings back the questions of an earlier program's tasks that have not ended. */
  async recall({ tasks }: Pick<Recovery, 'tasks'>, store: Store): Promise<void> {
    const [now, tick] = [this.#clock.now(), this.#clock.elapsed()];
    for (const { taskId } of tasks) {
      for (const [place, { record, task }] of (await storedQuestions(store, taskId)).entries()) {
        const { askedAt, deadlineAt = Infinity } = record;
        const asked = newAsked({
          record,
          task,
          since: tick - Math.max(0, now - askedAt),
          // The wall clock may have been set since: it has never more time than it was given.
          expiresAt: tick + Math.max(0, Math.min(deadlineAt - now, deadlineAt - askedAt)),
          place,
        });
        this.#add(asked);
        this.#byId.set(record.id, asked);
        if (record.status === 'open') this.#arm(asked);
      }
    }
  }

  /** @internal The system has closed: timers end, and open questions stay open in the store. */
  close(): void {
    this.#isClosed = true;
    for (const asked of this.#byId.values()) this.#clock.clearTimeout(asked.timer);
  }

  async #ask(args: AskArgs, request: MadeRequest): Promise<ToldAnswer> {
    const { taskId, signal, entry } = request;
    const asked = this.#ofTask.get(taskId)?.get(args.key) ?? this.#new(args, request);
    await asked.kept;
    // The task may have ended meanwhile.
    if (this.#ofTask.get(taskId)?.get(args.key) !== asked) throw signal.reason;
    if (args.refused !== undefined && asked.record.status === 'answered') {
      asked.record = frozenData(refusedQuestion(asked.record, args.refused));
      this.#arm(asked);
      await this.#emit(asked, { type: 'question.refused', why: args.refused });
    }
    const { status, answer } = asked.record;
    if (status === 'answered' && !asked.isBeingKept) return { answer };
    if (status === 'expired') return { isExpired: true };
    const { promise, resolve, reject } = Promise.withResolvers<ToldAnswer>();
    const isHeld = !args.countsTime;
    asked.waiting.add(resolve);
    entry.beginsToAsk(isHeld);
    const given = () => reject(signal.reason as Error);
    signal.addEventListener('abort', given, { once: true });
    if (signal.aborted) given();
    try {
      return await promise;
    } finally {
      signal.removeEventListener('abort', given);
      asked.waiting.delete(resolve);
      entry.hasAsked(isHeld);
    }
  }

  #new(args: AskArgs, request: MadeRequest): Asked {
    const { agentId, taskId, task, entry } = request;
    const { countsTime } = args;
    const place = this.#ofTask.get(taskId)?.size ?? 0;
    const [askedAt, tick] = [this.#clock.now(), this.#clock.elapsed()];
    const record = askedQuestion(args, { agentId, taskId, task, asked: place, now: askedAt });
    const { input } = entry.request;
    const timeoutMs = request.leftMs();
    const isRepeatable = jsonProblemOf(input, { isNoted: false }) === undefined;
    const again = {
      ...(input === undefined ? {} : { input }),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      ...(timeoutMs === undefined || !countsTime ? {} : { deadlineAt: askedAt + Math.round(timeoutMs) }),
    };
    const data = JSON.parse(JSON.stringify({ record, task: again })) as Required<KeptQuestion>;
    const asked = newAsked({
      record: data.record,
      task: isRepeatable ? data.task : undefined,
      since: tick,
      expiresAt: tick + (record.deadlineAt ?? Infinity) - askedAt,
      place,
    });
    this.#add(asked);
    asked.kept = this.#begin(asked);
    return asked;
  }

  async #begin(asked: Asked): Promise<void> {
    const { id, question } = asked.record;
    try {
      await this.#emit(asked, { type: 'question.asked', question });
    } catch (thrown) {
      this.#drop(asked);
      // The stream has it all the same, once the store is back.
      this.#withdraw(asked);
      throw thrown;
    }
    // The task may have ended meanwhile.
    if (asked.record.status === 'withdrawn') return;
    this.#byId.set(id, asked);
    this.#arm(asked);
  }

  #show(taskId: string, key: string): void {
    const asked = this.#ofTask.get(taskId)?.get(key);
    if (asked !== undefined) this.#byId.set(asked.record.id, asked);
  }

  #add(asked: Asked): void {
    const { taskId, key } = asked.record;
    const ofTask = this.#ofTask.get(taskId);
    if (ofTask) ofTask.set(key, asked);
    else this.#ofTask.set(taskId, new Map([[key, asked]]));
  }

  #drop({ record: { id, taskId, key } }: Asked): void {
    this.#byId.delete(id);
    const ofTask = this.#ofTask.get(taskId);
    ofTask?.delete(key);
    if (ofTask?.size === 0) this.#ofTask.delete(taskId);
  }

  #arm(asked: Asked): void {
    if (asked.expiresAt === Infinity || this.#isClosed || asked.record.status !== 'open') return;
    const leftMs = Math.max(0, asked.expiresAt - this.#clock.elapsed());
    asked.timer = this.#clock.setTimeout(() => this.#expire(asked), leftMs);
  }

  #expire(asked: Asked): void {
    if (asked.record.status !== 'open') return;
    asked.record = frozenData(questionAfter(asked.record, 'question.expired'));
    void this.#emit(asked, { type: 'question.expired' }).then(
      () => tellAll(asked, { isExpired: true }),
      () => tellAll(asked, { isExpired: true }),
    );
  }

  #taskEnded(taskId: string): void {
    const ofTask = this.#ofTask.get(taskId);
    if (ofTask === undefined) return;
    this.#ofTask.delete(taskId);
    for (const asked of ofTask.values()) {
      this.#clock.clearTimeout(asked.timer);
      this.#byId.delete(asked.record.id);
      this.#withdraw(asked);
    }
  }

  #withdraw(asked: Asked): void {
    const { status, taskId } = asked.record;
    if (status === 'withdrawn') return;
    this.#journal.keepState(ownerOfQuestion(taskId, asked.place), null);
    asked.record = frozenData(questionAfter(asked.record, 'question.withdrawn'));
    if (status === 'open') this.#tell(asked, { type: 'question.withdrawn' });
  }

  /** Writes the question and emits the event; resolves when both are durable. */
  #emit(
    asked: Asked,
    told: QuestionEventBody,
    committed?: (error: AgentSystemError | undefined) => void,
  ): Promise<void> {
    const { record, task, place } = asked;
    const kept: KeptQuestion = { record, ...(task === undefined ? {} : { task }) };
    const json = JSON.stringify(this.#secrets.hide(kept, record.agentId));
    this.#journal.keepState(ownerOfQuestion(record.taskId, place), { json, stateVersion: 1 });
    return new Promise((resolve, reject) => {
      this.#tell(asked, told, (error) => {
        committed?.(error);
        if (error === undefined || committed !== undefined) resolve();
        else reject(error);
      });
    });
  }

  #tell({ record }: Asked, told: QuestionEventBody, committed?: (error?: AgentSystemError) => void): void {
    const { id: questionId, agentId, taskId, task, key } = record;
    this.#journal.emit({ ...told, questionId, agentId, incarnation: 0, taskId, task, key }, committed);
  }

  #find(id: string): Asked {
    const asked = this.#byId.get(id);
    if (asked !== undefined) return asked;
    throw new AgentSystemError('QUESTION_UNKNOWN', `no question ${inWords(id)} is known`);
  }
}

function newAsked(known: Pick<Asked, 'record' | 'task' | 'since' | 'expiresAt' | 'place'>): Asked {
  return {
    ...known,
    record: frozenData(known.record),
    kept: undefined,
    timer: undefined,
    isBeingKept: false,
    waiting: new Set(),
  };
}

function tellAll({ waiting }: Asked, told: ToldAnswer): void {
  for (const tell of waiting) tell(told);
}
