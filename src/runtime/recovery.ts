/**
 * Rebuilds a fleet from what its store kept: who exists, where each life stood, what was left undone.
 *
 * I1  Nothing is repeated that its definition did not allow; what was in flight is reported as `task.unknown`.
 * I2  An agent whose code is not there stays listed, does not start, and an alert says why.
 *
 * Source: DESIGN of this project, durability; the seed's "State Recovery on Restart".
 */
import { type AgentLife, agentSpec, type Isolation, type ParsedAgentSpec } from '../machines/index.ts';
import type { Agent, CarriedTask } from './agent.ts';
import type { Agents } from './agents.ts';
import type { Alerts } from './alerts.ts';
import { type AgentManifest, type AnyAgentDefinition, defineAgent, manifestOf } from './define-agent.ts';
import type { Host } from './host.ts';
import type { Journal } from './journal.ts';
import type { Recovery, StoredAgent } from './store.ts';

export interface RecoveryOptions {
  readonly recovery: Recovery;
  readonly agents: Agents;
  readonly hosts: ReadonlyMap<Isolation, Host>;
  readonly definitions: ReadonlyMap<string, AnyAgentDefinition>;
  readonly journal: Journal;
  readonly alerts: Alerts;
}

interface Adopted {
  readonly agent: Agent;
  readonly life: AgentLife | undefined;
}

export function recoverFleet(options: RecoveryOptions): void {
  const adopted = options.recovery.agents.map((stored) => adopt(stored, options));
  const carried = reportUnknownTasks(options);
  for (const { agent, life } of adopted) {
    if (life) agent.resume(life, carried.get(agent.id) ?? []);
  }
}

function adopt(stored: StoredAgent, { agents, hosts, definitions, alerts }: RecoveryOptions): Adopted {
  const { registered, latest } = stored;
  const id = registered.agentId;
  const life = 'life' in latest ? latest.life : undefined;
  const found = codeOf(registered, definitions);
  const spec = specOf(registered.spec, id, found.module);
  const host = hosts.get(spec.isolation ?? 'in-process') ?? hosts.get('in-process')!;
  const agent = agents.adopt(id, spec, found.manifest, host);
  if (!found.isMissing) return { agent, life };
  const message = `agent ${id}: no definition of type "${registered.agentType}" was given to createAgentSystem({ agents })`;
  alerts.raise('definition_missing', message, id);
  return { agent, life: life && { ...life, at: restingPlaceWithoutCode(life) } };
}

function codeOf(
  { spec, agentType, manifest }: StoredAgent['registered'],
  definitions: ReadonlyMap<string, AnyAgentDefinition>,
): { module: AnyAgentDefinition | URL; manifest: AgentManifest; isMissing: boolean } {
  const { module } = spec;
  if ('url' in module) return { module: new URL(module.url), manifest, isMissing: false };
  const definition = definitions.get(agentType);
  if (definition) return { module: definition, manifest: manifestOf(definition), isMissing: false };
  return { module: missingDefinition(agentType), manifest, isMissing: true };
}

/** The spec as it was parsed then; fields that have come since get their defaults. */
function specOf(
  stored: StoredAgent['registered']['spec'],
  id: string,
  module: AnyAgentDefinition | URL,
): ParsedAgentSpec {
  return Object.freeze({ ...agentSpec.parse({ ...stored, module }), id });
}

function missingDefinition(type: string): AnyAgentDefinition {
  return defineAgent({
    type,
    init: () => {
      throw new Error(`no definition of type "${type}" was given to createAgentSystem({ agents })`);
    },
    tasks: {},
  });
}

function restingPlaceWithoutCode({ at }: AgentLife): AgentLife['at'] {
  return at === 'starting' || at === 'serving' || at === 'stopping' || at === 'waiting' ? 'leftDown' : at;
}

/** Reports what was in flight; returns what may be done again, by agent. */
function reportUnknownTasks({ recovery, journal }: RecoveryOptions): ReadonlyMap<string, CarriedTask[]> {
  const carried = new Map<string, CarriedTask[]>();
  for (const { agentId, incarnation, taskId, task, input, retry } of recovery.tasks) {
    journal.emit({ type: 'task.unknown', agentId, incarnation, taskId, task, input, retry });
    if (!retry) continue;
    const ofAgent = carried.get(agentId);
    if (ofAgent) ofAgent.push({ taskId, task, input });
    else carried.set(agentId, [{ taskId, task, input }]);
  }
  return carried;
}
