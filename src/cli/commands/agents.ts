/** `mabeam agents`: all agents that fit, of a running system or of a store. */
import type { AgentPage } from '../../dashboard/protocol.ts';
import { agentColumns, type ListedAgent, listedFrom } from '../agent-list.ts';
import { apiOf, type Call, type JsonOption, outJson, storeOf, type TargetOptions } from '../call.ts';
import { usageFailure } from '../failure.ts';
import { count } from '../figures.ts';
import { readingStore, type StoredFleet } from '../stored-fleet.ts';
import { printTable } from '../table.ts';

export interface AgentsOptions extends TargetOptions, JsonOption {
  readonly status?: string;
  readonly type?: string;
  readonly pool?: string;
  readonly search?: string;
  readonly sort?: string;
  readonly desc?: boolean;
  readonly limit?: number;
  readonly ids?: boolean;
}

const ALL = 100_000;

export async function agents(call: Call, options: AgentsOptions): Promise<void> {
  const { console } = call;
  const store = storeOf(options);
  const { total, agents } =
    store === undefined ? await ofSystem(call, options) : await ofStore(store, options);
  if (options.json) return outJson(console, agents);
  if (options.ids) return agents.forEach(({ id }) => console.out(id));
  printTable(console, agents, agentColumns(agents, console.paint, Date.now()));
  const shown = agents.length < total ? `${count(agents.length)} of ${count(total)}` : count(total);
  console.note(`${shown} ${total === 1 ? 'agent' : 'agents'}`);
}

async function ofSystem(
  call: Call,
  { status, type, pool, search, sort, desc, limit = ALL, ...options }: AgentsOptions,
): Promise<{ readonly total: number; readonly agents: readonly ListedAgent[] }> {
  const order = desc ? 'desc' : undefined;
  return apiOf(call, options).get<AgentPage>('agents', { status, type, pool, search, sort, order, limit });
}

async function ofStore(
  path: string,
  { status, type, search, pool, sort, limit = ALL }: AgentsOptions,
): Promise<{ readonly total: number; readonly agents: readonly ListedAgent[] }> {
  if (pool !== undefined || sort !== undefined) {
    throw usageFailure(
      '--pool and --sort are for a running system; a store lists in the order of registration',
    );
  }
  const statuses = status?.split(',');
  const text = search?.toLowerCase();
  const found = await readingStore(path, async (fleet) => {
    const asked = await questionsByAgent(fleet);
    return fleet.recovery.agents
      .map((stored) => listedFrom(stored, asked.get(stored.registered.agentId)))
      .filter(
        (agent) =>
          (statuses === undefined || statuses.includes(agent.status)) &&
          (type === undefined || agent.type === type) &&
          (text === undefined || `${agent.id} ${agent.type}`.toLowerCase().includes(text)),
      );
  });
  return { total: found.length, agents: found.slice(0, limit) };
}

/** How many questions the tasks of an agent have open. */
async function questionsByAgent({ recovery, questions }: StoredFleet): Promise<ReadonlyMap<string, number>> {
  const byAgent = new Map<string, number>();
  for (const { agentId = '', taskId } of recovery.tasks) {
    const { length } = await questions(taskId);
    if (length > 0) byAgent.set(agentId, (byAgent.get(agentId) ?? 0) + length);
  }
  return byAgent;
}
