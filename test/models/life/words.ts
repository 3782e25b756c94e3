/** What the real system shows, in the words of the flat model: no places in the stream, no texts for people. */
import { strict as assert } from 'node:assert';
import type { AgentRecord, BodyRequest, SystemEvent } from '../../../src/index.ts';
import type { Answer, View } from './life-state.ts';

/** Names tasks t1, t2 … in the order in which they were accepted. */
export class TaskNames {
  readonly #names = new Map<string, string>();

  learn(taskId: string): void {
    this.#names.set(taskId, `t${this.#names.size + 1}`);
  }

  of(taskId: string): string {
    return this.#names.get(taskId) ?? taskId;
  }
}

export function eventInWords(event: SystemEvent, names: TaskNames): object {
  const { sequence: _, at: __, ...fields } = event;
  switch (fields.type) {
    case 'agent.registered': {
      const { type, agentId, incarnation } = fields;
      return { type, agentId, incarnation };
    }
    case 'agent.updated': {
      const { type, agentId, incarnation, changes } = fields;
      return { type, agentId, incarnation, changed: changes.map(({ field }) => field) };
    }
    case 'agent.stopped':
    case 'agent.completed':
    case 'agent.crashed':
      return { ...fields, abandoned: fields.abandoned.map((taskId) => names.of(taskId)) };
    case 'alert.raised': {
      const { message, ...rest } = fields;
      assert.notEqual(message, '', 'an alert says what it is about');
      return rest;
    }
    case 'task.abandoned': {
      const { why, ...rest } = fields;
      assert.notEqual(why, '', 'an abandoned task says why');
      return { ...rest, taskId: names.of(rest.taskId) };
    }
    default:
      return 'taskId' in fields ? { ...fields, taskId: names.of(fields.taskId) } : fields;
  }
}

export function requestInWords(request: BodyRequest | { readonly type: 'kill' }, names: TaskNames): object {
  if (request.type === 'task.cancel') return { type: request.type, taskId: names.of(request.taskId) };
  if (request.type !== 'task.run') return request;
  const { type, taskId, task, input } = request;
  return { type, taskId: names.of(taskId), task, input };
}

export function viewOfRecord(record: AgentRecord, names: TaskNames): View {
  const { status, state, incarnation, restarts, reason, restartAt, startedAt, endedAt, health } = record;
  const { latencyMs: _, ...metrics } = record.metrics;
  return {
    status,
    state,
    incarnation,
    restarts,
    reason,
    restartAt,
    startedAt,
    endedAt,
    health,
    paused: record.paused,
    parked: record.parked,
    abandoned: record.abandoned.map((taskId) => names.of(taskId)),
    metrics,
  };
}

/** An answer's value as the model would have it: records as views, handles as what they are of. */
function valueInWords(value: unknown, names: TaskNames): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if ('metrics' in value) return viewOfRecord(value as AgentRecord, names);
  if ('execute' in value && 'id' in value && 'incarnation' in value) {
    return { id: value.id, incarnation: value.incarnation };
  }
  return value;
}

export function answersInWords(answers: ReadonlyMap<number, Answer>, names: TaskNames): Map<number, Answer> {
  const inWords = new Map<number, Answer>();
  for (const [command, answer] of answers) {
    inWords.set(command, 'value' in answer ? { value: valueInWords(answer.value, names) } : answer);
  }
  return inWords;
}
