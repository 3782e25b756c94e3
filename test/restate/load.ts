/** Work that goes on while something happens to a fleet: every acknowledged count is counted, and what nobody knows. */
import { expect } from 'vitest';
import type { Fleet } from '../../src/restate.ts';
import { eventually } from '../kit/eventually.ts';
import { worker } from './worker.ts';

export interface Load {
  /** Resolves once every agent has acknowledged one count more, from now on. */
  goesOn(): Promise<void>;
  /** Ends it. Nothing acknowledged is lost, and nothing is there twice but what nobody knows of. */
  judged(): Promise<LoadReport>;
}

export interface LoadReport {
  readonly acknowledged: number;
  readonly unknown: number;
  /** What callers were refused with, beside that nobody knows how far a task came. */
  readonly refusals: readonly string[];
}

export async function workers(fleet: Fleet, count: number, word = 'worker'): Promise<string[]> {
  return Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const id = await fleet.agents.register({ id: `${word}-${index + 1}`, module: worker });
      await fleet.agents.start(id);
      return id;
    }),
  );
}

/** Has each agent count, one after the other, each time under a key of its own. */
export function loadOn(fleet: Fleet, ids: readonly string[]): Load {
  const acknowledged = new Map(ids.map((id) => [id, 0]));
  const refusals: string[] = [];
  const over = new AbortController();
  const work = async (id: string): Promise<void> => {
    for (let number = 0; !over.signal.aborted; number++) {
      const idempotencyKey = `${id} ${number}`;
      const { id: taskId } = await fleet.tasks.submit(id, { type: 'count', idempotencyKey });
      try {
        await fleet.tasks.result(taskId);
        acknowledged.set(id, acknowledged.get(id)! + 1);
      } catch (thrown) {
        // Its node was lost over it: nobody knows how far it came, and the stream says so.
        if ((thrown as { details?: { status?: unknown } }).details?.status !== 'unknown') {
          refusals.push(String(thrown));
        }
      }
    }
  };
  const loads = ids.map(work);
  return {
    async goesOn() {
      const before = new Map(acknowledged);
      await eventually(
        () => ids,
        () => ids.every((id) => acknowledged.get(id)! > before.get(id)!),
      );
    },
    async judged() {
      over.abort();
      await Promise.all(loads);
      let unknown = 0;
      for (const id of ids) {
        const { count } = (await fleet.agents.savedState(id)) as { count: number };
        let lost = 0;
        for await (const { type } of fleet.events.read({ agentId: id }))
          if (type === 'task.unknown') lost += 1;
        expect(count, `${id}: nothing acknowledged is lost`).toBeGreaterThanOrEqual(acknowledged.get(id)!);
        expect(count, `${id}: nothing is done twice`).toBeLessThanOrEqual(acknowledged.get(id)! + lost);
        unknown += lost;
      }
      const sum = [...acknowledged.values()].reduce((one, other) => one + other, 0);
      return { acknowledged: sum, unknown, refusals };
    },
  };
}

/** Whether all run, none of them on these nodes. */
export async function allRunElsewhere(
  fleet: Fleet,
  ids: readonly string[],
  gone: readonly string[] = [],
): Promise<void> {
  await eventually(
    () =>
      Promise.all(
        ids.map(async (id) => ({ record: await fleet.agents.get(id), node: await fleet.agents.nodeOf(id) })),
      ),
    (all) =>
      all.every(
        ({ record, node }) => record.status === 'running' && node !== undefined && !gone.includes(node),
      ),
  );
}
