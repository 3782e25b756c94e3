/**
 * A fleet as its store has it, while no program has the store open. Nothing is added, changed or removed; the file
 * notes only that it was opened.
 *
 * I1  A path with nothing at it is refused, and makes no file.
 * I2  The store is closed also if reading fails.
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { LifeStep, QuestionRecord, Recovery, Store, SystemEvent } from '../index.ts';
import { storedQuestions } from '../runtime/agent/question-record.ts';
import { stepOf } from '../runtime/journal/replay.ts';
import { sqliteStore } from '../sqlite.ts';
import { CommandFailure, usageFailure } from './failure.ts';

export interface StoredFleet {
  readonly recovery: Recovery;
  /** Events in order, read a piece at a time. */
  readonly events: (query?: {
    readonly agentId?: string;
    readonly after?: number;
  }) => AsyncGenerator<SystemEvent>;
  /** Steps of an agent's life, oldest first; none if the store has no such agent. */
  readonly life: (agentId: string) => Promise<readonly LifeStep[]>;
  readonly state: (agentId: string) => Promise<unknown>;
  /** The open questions of a task. */
  readonly questions: (taskId: string) => Promise<readonly QuestionRecord[]>;
}

const PIECE = 1_000;

/** The store in a file that is there. @throws CommandFailure */
export function storeAt(path: string): Store {
  if (!existsSync(path)) throw usageFailure(`--store: there is no file at ${resolve(path)}`);
  return sqliteStore(path, { create: false });
}

/** Opens the store at `path` for as long as `read` takes. @throws AgentSystemError `STORE_FAILED` */
export async function readingStore<Result>(
  path: string,
  read: (fleet: StoredFleet) => Promise<Result>,
): Promise<Result> {
  const store = storeAt(path);
  try {
    return await read(storedFleet(store, await store.recover()));
  } finally {
    await store.close();
  }
}

function storedFleet(store: Store, recovery: Recovery): StoredFleet {
  const events: StoredFleet['events'] = async function* events(query = {}) {
    let { after = 0 } = query;
    for (;;) {
      const piece = await store.read({ ...query, after, limit: PIECE });
      yield* piece;
      if (piece.length < PIECE) return;
      after = piece.at(-1)!.sequence;
    }
  };
  return {
    recovery,
    events,
    life: async (agentId) => {
      const steps: LifeStep[] = [];
      for await (const event of events({ agentId })) {
        const step = stepOf(steps.at(-1), event);
        if (step) steps.push(step);
      }
      return steps;
    },
    state: async (agentId) => {
      const saved = await store.state(agentId);
      return saved === undefined ? undefined : JSON.parse(saved.json);
    },
    questions: async (taskId) => {
      const kept = await storedQuestions(store, taskId);
      return kept.map(({ record }) => record).filter(({ status }) => status === 'open');
    },
  };
}

/**
 * An agent is known while it is listed, and after that as long as the store has events of it.
 *
 * @throws CommandFailure that names the agents there are
 */
export async function requireAgent({ recovery, events }: StoredFleet, agentId: string): Promise<void> {
  for await (const _ of events({ agentId })) return;
  const known = recovery.agents.map(({ registered }) => registered.agentId);
  if (!known.includes(agentId)) throw noSuchAgent(agentId, known);
}

/** Names the agents there are. */
export function noSuchAgent(agentId: string, known: readonly string[]): CommandFailure {
  const some = known.slice(0, 10).join(', ');
  const names = known.length === 0 ? 'there is none' : `there are: ${some}${known.length > 10 ? ', …' : ''}`;
  return new CommandFailure(`no agent ${JSON.stringify(agentId)}, ${names}`);
}
