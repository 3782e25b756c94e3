/** What the benches of fleets measure: an agent with everything that the OTP reference's has, and the system it runs in. */
import { pino } from 'pino';
import { type AgentSpec, type AgentSystem, createAgentSystem, defineAgent, variable } from '../src/index.ts';

export const coder = defineAgent({
  type: 'coder',
  capabilities: ['code'],
  variables: ['rate'],
  init: ({ restored }) => restored ?? { done: 0, rate: 0 },
  tasks: { test: { requires: ['code'], run: ({ state }) => ++state.done } },
  onVariable: ({ value, state }) => {
    state.rate = value;
  },
  vote: ({ proposal }) => ((proposal.value as number) < 0 ? 'reject' : 'accept'),
});

export const task = { type: 'test' } as const;

type More = Pick<AgentSpec, 'restart'>;

/** Everything said that the reference says; memory is limited by it alone, for no in-process host can. */
export function specOf(id: string, more: More = {}): AgentSpec & { module: typeof coder } {
  return {
    id,
    module: coder,
    initArgs: { language: 'elixir', expertiseLevel: 'senior', specializations: ['functional', 'otp'] },
    resources: { cpuPriority: 'normal', maxRuntimeMs: Infinity },
    coordination: {
      participatesInConsensus: true,
      leadershipEligible: false,
      // Changes wait for these to acknowledge, as the reference waits for all.
      communicationPattern: 'sync',
    },
    ...more,
  };
}

export function idsOf(prefix: string, size: number): string[] {
  return Array.from({ length: size }, (_, index) => `${prefix}-${index + 1}`);
}

/** The defaults, and no lines in a log. */
export async function quietSystem(): Promise<AgentSystem> {
  const system = await createAgentSystem({ logger: pino({ level: 'silent' }) });
  await system.variables.define('rate', variable.float({ default: 0 }));
  return system;
}

/** It has done a bit of everything. */
export async function warmSystem(): Promise<AgentSystem> {
  const system = await quietSystem();
  const { agents, variables } = system;
  const lives = idsOf('warm', 500);
  for (const id of lives) await live(system, id);
  const members = idsOf('warm-member', 50);
  await spawn(system, members);
  for (let change = 1; change <= 20; change++) await variables.set('rate', change);
  for (const id of members) await agents.stop(id);
  for (const id of [...lives, ...members]) await agents.forget(id);
  return system;
}

/** One whole life: what `stop` resolves with stays listed. */
export async function live({ agents }: AgentSystem, id: string): Promise<void> {
  await agents.register(specOf(id));
  await agents.start(id);
  await agents.execute(id, task);
  const { status } = await agents.stop(id);
  if (status !== 'stopped') throw new Error(`${id} is ${status}, expected stopped`);
}

export async function spawn({ agents }: AgentSystem, ids: readonly string[], more?: More): Promise<void> {
  for (const id of ids) {
    await agents.register(specOf(id, more));
    await agents.start(id);
  }
}
