/** A system on a store that can be made to fail, with one agent that runs. */
import type { SystemEvent } from '../../src/index.ts';
import { rig } from '../kit/rig.ts';
import { worker } from '../agent/worker.ts';
import { failingStore, type Trouble } from './failing-store.ts';

/** After so long a store that failed is tried again. */
export const RETRY_MS = 1_000;
export const troubles: readonly Trouble[] = [
  'throws',
  'rejects',
  'keeps, then throws',
  'keeps, then rejects',
];

export async function running(store = failingStore()) {
  const made = await rig({ store });
  const { module, begun } = worker();
  const id = await made.agents.register({ id: 'a', module, tasks: { concurrency: 2 } });
  await made.agents.start(id);
  return { ...made, store, id, begun };
}

export async function logOf(store: ReturnType<typeof failingStore>): Promise<readonly SystemEvent[]> {
  return store.kept.read({ limit: 100_000 });
}
