/**
 * A history that everybody knows: what batch n holds is the same in every program, so that a test can say what a
 * store has to hold once it knows how far another program came.
 */
import type { EventBody, SavedState, StoreBatch, SystemEvent } from '../../../src/index.ts';
import { seededRandom } from '../../../src/testing/seeded-random.ts';

const AGENTS = 40;
const AT = Date.UTC(2026, 0, 1);

export interface KnownBatch extends StoreBatch {
  readonly number: number;
}

/** Batches 1, 2, 3 … without an end: mostly small ones, some that take several turns to write. */
export function* knownBatches(): Generator<KnownBatch, never, undefined> {
  const random = seededRandom(7);
  let sequence = 0;
  for (let number = 1; ; number++) {
    const size = number % 25 === 0 ? 450 : 1 + Math.floor(random() * 12);
    const events = Array.from({ length: size }, (): SystemEvent => {
      sequence += 1;
      return { sequence, at: AT + sequence, ...bodyOf(sequence, random) };
    });
    yield {
      number,
      events,
      states: new Map([[agentOf(number), stateOf(number)]]),
      facts: new Map([['batch', String(number)]]),
    };
  }
}

/** The batches up to the one that ends with this event. @throws Error when the event is in the middle of one */
export function batchesUpTo(lastSequence: number): readonly KnownBatch[] {
  const batches: KnownBatch[] = [];
  const history = knownBatches();
  let batch = history.next().value;
  for (; batch.events.at(-1)!.sequence <= lastSequence; batch = history.next().value) batches.push(batch);
  const first = batch.events[0]!.sequence;
  if (first > lastSequence) return batches;
  throw new Error(`of batch ${batch.number} only the events ${first} to ${lastSequence} are there`);
}

/** The first so many batches. */
export function firstBatches(count: number): readonly KnownBatch[] {
  const history = knownBatches();
  return Array.from({ length: count }, () => history.next().value);
}

export function agentOf(number: number): string {
  return `agent-${number % AGENTS}`;
}

export function stateOf(number: number): SavedState {
  return { json: JSON.stringify({ number, pad: 'x'.repeat(200) }), stateVersion: 1 };
}

interface OfTask {
  readonly agentId: string;
  readonly incarnation: number;
  readonly taskId: string;
  readonly task: string;
}

function bodyOf(sequence: number, random: () => number): EventBody {
  const agentId = agentOf(sequence);
  const of = { agentId, incarnation: 1, taskId: `task-${Math.floor(random() * 30)}`, task: 'work' };
  if (sequence <= AGENTS) {
    const manifest = { type: 'worker', capabilities: [], variables: [], votes: false, stateVersion: 1 };
    return {
      type: 'agent.registered',
      agentId,
      incarnation: 0,
      agentType: 'worker',
      spec: { module: { type: 'worker' }, limit: Infinity },
      manifest: { ...manifest, hash: '', tasks: {} },
    };
  }
  if (random() < 0.3) return rarerOf(sequence, agentId, of, random);
  switch (Math.floor(random() * 4)) {
    case 0:
      return { type: 'task.accepted', ...of, input: { sequence, pad: 'y'.repeat(100) }, retry: false };
    case 1:
      return {
        type: 'task.completed',
        ...of,
        waitedMs: 0,
        ranMs: sequence,
        ...(sequence % 3 === 0 ? { submitted: true, attempts: 1 } : {}),
      };
    case 2:
      return {
        type: 'variable.changed',
        name: `v-${sequence % 10}`,
        value: sequence,
        version: sequence,
        by: 't',
      };
    default:
      return { type: 'agent.started', agentId, incarnation: sequence, life: lifeOf(sequence) };
  }
}

/** What else a recovery needs: each kind that it keeps, goes on with, and lets go. */
function rarerOf(sequence: number, agentId: string, of: OfTask, random: () => number): EventBody {
  const schedule = { name: `s-${sequence % 7}` };
  const round = { roundId: `round-${sequence % 7}`, variable: `v-${sequence % 10}` };
  const { taskId } = of;
  const budget = {
    budget: 'b',
    of: sequence % 3 === 0 ? taskId : agentId,
    spent: { calls: sequence },
    reserved: {},
  };
  switch (Math.floor(random() * 13)) {
    case 0:
      return {
        type: 'task.completed',
        ...of,
        waitedMs: 0,
        ranMs: 1,
        submitted: true,
        attempts: 1,
        output: sequence,
      };
    case 1:
      return { type: 'task.started', ...of };
    case 2:
      return { type: 'task.parked', ...of, until: AT + sequence, why: 'a limit', attempt: 1 };
    case 3:
      return { type: 'task.unknown', ...of, retry: sequence % 2 === 0, submitted: true, attempts: 1 };
    case 4:
      return { type: 'task.forgotten', ...of };
    case 5:
      return {
        type: 'schedule.set',
        ...schedule,
        everyMs: 1,
        missed: 'once',
        target: agentId,
        task: { type: 'work' },
      };
    case 6:
      return { type: 'schedule.fired', ...schedule, dueAt: AT + sequence };
    case 7:
      return { type: 'schedule.removed', ...schedule };
    case 8: {
      const terms = { quorum: 1, rule: 'majority', deadlineMs: 1, tie: 'reject', fallback: 'keep' } as const;
      return {
        type: 'round.opened',
        ...round,
        value: 1,
        by: 't',
        terms,
        electorate: [agentId],
        deadlineAt: AT,
      };
    }
    case 9:
      return { type: 'round.closed', ...round, outcome: 'expired', tally: null, decidedBy: 'voters' };
    case 10:
      return { type: 'budget.reserved', ...budget, agentId, incarnation: 1, taskId, amount: { calls: 1 } };
    case 11:
      return {
        type: 'budget.settled',
        ...budget,
        agentId,
        incarnation: 1,
        taskId,
        amount: { calls: 1 },
        how: 'left',
      };
    default:
      return { type: 'budget.refilled', ...budget };
  }
}

function lifeOf(incarnation: number) {
  return {
    at: 'serving' as const,
    incarnation,
    startedFrom: 'registered' as const,
    restarts: 0,
    history: { recent: [], attempt: 0 },
    reason: 'killed' as const,
    startedAt: AT,
    endedAt: AT,
    restartAt: AT,
  };
}
