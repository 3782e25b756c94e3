/**
 * Questions of a fleet's tasks to people, and the answers: `fleet.questions`. The agent whose task asks keeps them.
 *
 * I1  A question has one answer: the first, from any client.
 */
import { checkAnswer } from '../../runtime/agent/answer-check.ts';
import { type QuestionFilter, questionFilter } from '../../runtime/agent/question-acts.ts';
import type { QuestionRecord } from '../../runtime/agent/question-record.ts';
import { type ActOptions, actSchema } from '../../runtime/values/act.ts';
import { AgentSystemError, inWords } from '../../runtime/values/errors.ts';
import { parseInput } from '../../runtime/values/malformed.ts';
import { someAtOnce } from './some-at-once.ts';
import { type Answer, valueOf } from '../engine/call-answer.ts';
import type { FleetAgents } from './fleet-agents.ts';
import type { FleetCommands } from './fleet-commands.ts';

export class FleetQuestions {
  readonly #commands: FleetCommands;
  readonly #agents: FleetAgents;

  constructor(commands: FleetCommands, agents: FleetAgents) {
    this.#commands = commands;
    this.#agents = agents;
  }

  /**
   * Questions of tasks that have not ended, oldest first; by default the open ones. Only agents that have asked are asked.
   *
   * @throws AgentSystemError `REQUEST_INVALID`, `SYSTEM_CLOSED`
   */
  async list(filter: QuestionFilter = {}): Promise<QuestionRecord[]> {
    this.#commands.assertOpen();
    const { agentId, taskId, status } = parseInput(questionFilter, filter, {
      what: 'questions.list',
      code: 'REQUEST_INVALID',
    });
    if (agentId === '') return [];
    const askers = agentId === undefined ? await this.#askers() : [agentId];
    const found = await someAtOnce(askers, (id) =>
      this.#commands.read<readonly QuestionRecord[]>(id, 'questions'),
    );
    return found
      .flat()
      .filter((record) => record.status === status && (taskId === undefined || record.taskId === taskId))
      .toSorted((one, other) => one.askedAt - other.askedAt);
  }

  /** @throws AgentSystemError `QUESTION_UNKNOWN`, `SYSTEM_CLOSED` */
  async get(id: string): Promise<QuestionRecord> {
    this.#commands.assertOpen();
    // A key may hold anything, also what looks like the id of a task.
    for (const agentId of askersIn(id)) {
      const answer = await this.#commands.read<Answer<QuestionRecord>>(agentId, 'question', { id });
      if (!('refusal' in answer)) return valueOf(answer);
    }
    throw new AgentSystemError('QUESTION_UNKNOWN', `no question ${inWords(id)} is known`);
  }

  /**
   * Answers a question, once. Resolves with its record when the answer is durable; its task goes on, or finds it when it
   * runs again.
   *
   * @param by who answers, as the event and the record say it
   * @throws AgentSystemError `QUESTION_UNKNOWN`, `QUESTION_CLOSED` for one that is answered or over, `ANSWER_INVALID` for
   * an answer that is no JSON data or not as the question's schema says, `REQUEST_INVALID` for invalid options,
   * `SYSTEM_CLOSED`
   */
  async answer(id: string, value: unknown, options: ActOptions = {}): Promise<QuestionRecord> {
    this.#commands.assertOpen();
    const { by } = parseInput(actSchema, options, { what: 'questions.answer', code: 'REQUEST_INVALID' });
    const record = await this.get(id);
    // What is no JSON data would cross machines as something else.
    checkAnswer(record, value);
    return this.#commands.give(record.agentId, { type: 'answerQuestion', questionId: id, value, by });
  }

  async #askers(): Promise<readonly string[]> {
    return (await this.#agents.briefs({ having: 'questions' })).map(({ id }) => id);
  }
}

/** The agents whose question it may be: its id is that of its task, and its key. */
function askersIn(id: unknown): readonly string[] {
  if (typeof id !== 'string') return [];
  const agents: string[] = [];
  for (const { index } of id.matchAll(/\/task-[0-9a-z]+-\d+(?=\/)/g))
    if (index > 0) agents.push(id.slice(0, index));
  return agents;
}
