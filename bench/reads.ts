/** Looks at whole records, over a fleet of 10,000 at the most. */
import { idsOf, spawn, warmSystem } from './coder.ts';
import { costOf, type Emit, measurement } from './measurement.ts';

const MAX_AGENTS = 10_000;
const STEP = 7_919;

export async function benchReads(times: number, emit: Emit): Promise<void> {
  await using system = await warmSystem();
  const { agents } = system;
  const ids = idsOf('agent', Math.min(MAX_AGENTS, times));
  await spawn(system, ids);
  let running = 0;
  // The next one is far from it, and no product of the step is too large for V8's whole numbers.
  let at = 0;
  const cost = await costOf(() => {
    for (let read = 0; read < times; read++) {
      if (agents.get(ids[at]!).status === 'running') running++;
      at = (at + STEP) % ids.length;
    }
  });
  if (running !== times) throw new Error(`${running} of ${times} were read as running`);
  emit(measurement('read_status_1client', { n: times, operations: times, cost, more: { clients: 1 } }));
}
