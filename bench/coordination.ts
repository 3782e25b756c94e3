/** What a fleet shares and decides: a variable acknowledged by all, a round voted on by all, by how many there are. */
import { idsOf, spawn, warmSystem } from './coder.ts';
import { type Emit, measure } from './measurement.ts';

const WARM_ROUNDS = 3;

export async function benchVariable(size: number, emit: Emit, rounds = roundsOf(size)): Promise<void> {
  await using system = await warmFleet(size);
  const { variables } = system;
  const operation = async (round: number) => {
    const { acknowledged } = await variables.set('rate', 1_000 + round);
    if (acknowledged.length !== size) throw new Error(`${acknowledged.length} of ${size} acknowledged`);
  };
  for (let round = -WARM_ROUNDS; round < 0; round++) await operation(round);
  emit(
    await measure(
      'variable_broadcast',
      { times: rounds, perOperation: size, n: size, operation },
      { rounds },
    ),
  );
}

/** Rounds that are accepted and told to all, as the reference's; and rounds that all vote down. */
export async function benchConsensus(size: number, emit: Emit, rounds = roundsOf(size)): Promise<void> {
  await using system = await warmFleet(size);
  const { consensus } = system;
  const propose = async (value: number, expected: 'accepted' | 'rejected') => {
    const { outcome, tally } = await consensus.propose({ variable: 'rate', value });
    const { accept, reject } = tally.voters;
    if (outcome !== expected || accept + reject !== size)
      throw new Error(`${outcome}, expected all: ${expected}`);
  };
  const accepted = (round: number) => propose(1_000 + round, 'accepted');
  const rejected = (round: number) => propose(-1 - round, 'rejected');
  const series = { times: rounds, perOperation: size, n: size };
  for (let round = -WARM_ROUNDS; round < 0; round++) await accepted(round);
  emit(await measure('consensus_round', { ...series, operation: accepted }, { rounds }));
  emit(await measure('consensus_round_rejected', { ...series, operation: rejected }, { rounds }));
}

async function warmFleet(size: number) {
  const system = await warmSystem();
  await spawn(system, idsOf('agent', size));
  globalThis.gc?.();
  return system;
}

function roundsOf(size: number): number {
  if (size <= 1_000) return 200;
  return size <= 10_000 ? 50 : 10;
}
