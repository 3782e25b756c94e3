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
  switch (Math.floor(random() * 4)) {
    case 0:
      return { type: 'task.accepted', ...of, input: { sequence, pad: 'y'.repeat(100) }, retry: false };
    case 1:
      return { type: 'task.completed', ...of, waitedMs: 0, ranMs: sequence };
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
