/** The sizes and queues of pools over the last hour: one look in five seconds, bounded. */
import type { PoolRecord } from '../index.ts';
import type { PoolSample } from './protocol.ts';

const KEPT = 720;
const MAX_POOLS = 200;

export class PoolHistory {
  readonly #samples = new Map<string, PoolSample[]>();

  take(pools: readonly PoolRecord[], at: number): void {
    const records = pools.slice(0, MAX_POOLS);
    const names = new Set(records.map(({ name }) => name));
    for (const name of this.#samples.keys()) if (!names.has(name)) this.#samples.delete(name);
    for (const record of records) {
      const samples = this.#samples.get(record.name);
      if (samples === undefined) this.#samples.set(record.name, [sampleOf(record, at)]);
      else {
        samples.push(sampleOf(record, at));
        if (samples.length > KEPT) samples.shift();
      }
    }
  }

  of(name: string): readonly PoolSample[] {
    return this.#samples.get(name) ?? [];
  }
}

function sampleOf({ wanted, live, idle, waiting }: PoolRecord, at: number): PoolSample {
  return { at, wanted, live, busy: live - idle, waiting };
}
