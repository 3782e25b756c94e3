/** What a fleet decides and shares: a variable acknowledged by all, a round voted by all, by how many there are. */
import { pino } from 'pino';
import { createAgentSystem, defineAgent, memoryStore, variable } from '../src/index.ts';

const ROUNDS = 5;

const voter = defineAgent({
  type: 'voter',
  variables: ['rate'],
  init: () => ({ rate: 0 }),
  onVariable: ({ value, state }) => {
    state.rate = value as number;
  },
  vote: ({ proposal }) => ((proposal.value as number) > (proposal.current as number) ? 'accept' : 'reject'),
  tasks: {},
});

export async function benchCoordination(sizes: readonly number[]): Promise<void> {
  const rows = [];
  for (const size of sizes) rows.push(await decide(size));
  console.log(
    `Coordination: best of ${ROUNDS}, by how many agents take part; a round's acceptance is told to all`,
  );
  console.table(rows);
}

async function decide(size: number): Promise<Record<string, number>> {
  await using system = await createAgentSystem({
    store: memoryStore({ maxEvents: 1_000 }),
    logger: pino({ level: 'silent' }),
  });
  const { agents, variables, consensus } = system;
  await variables.define('rate', variable.float({ default: 0 }));
  for (let index = 0; index < size; index++) {
    const id = await agents.register({ module: voter, coordination: { communicationPattern: 'sync' } });
    await agents.start(id);
  }
  let rate = 0;
  const changeMs = await best(async () => {
    const { acknowledged } = await variables.set('rate', (rate += 1));
    if (acknowledged.length !== size) throw new Error(`${acknowledged.length} of ${size} acknowledged`);
  });
  const rejectMs = await best(async () => {
    const { outcome, tally } = await consensus.propose({ variable: 'rate', value: -1 });
    if (outcome !== 'rejected' || tally.voters.reject !== size)
      throw new Error(`${outcome}, not rejected by all`);
  });
  const acceptMs = await best(async () => {
    const { outcome, tally } = await consensus.propose({ variable: 'rate', value: (rate += 1) });
    if (outcome !== 'accepted' || tally.voters.accept !== size)
      throw new Error(`${outcome}, not accepted by all`);
  });
  return {
    agents: size,
    'change ms': rounded(changeMs),
    'change µs an agent': rounded((changeMs * 1_000) / size),
    'round ms': rounded(rejectMs),
    'round µs an agent': rounded((rejectMs * 1_000) / size),
    'round and change ms': rounded(acceptMs),
  };
}

async function best(work: () => Promise<void>): Promise<number> {
  let fastest = Infinity;
  for (let i = 0; i < ROUNDS; i++) {
    globalThis.gc?.();
    const at = performance.now();
    await work();
    fastest = Math.min(fastest, performance.now() - at);
  }
  return fastest;
}

function rounded(value: number): number {
  return Number(value.toFixed(2));
}
