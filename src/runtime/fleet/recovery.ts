/**
 * Rebuilds a fleet from its store: which agents exist, the state of each life, and unfinished tasks.
 *
 * I1  No task is repeated unless its definition allows it; a task that was running is reported as `task.unknown`.
 * I2  An agent whose code is missing stays listed, does not start, and an alert says why. Given its code, one that would
 *     have come back by itself is as one that is stopped: `ensure` with `autoStart` and `startAll` start it.
 */
import type { AgentLife, Isolation } from '../../machines/index.ts';
import type { Agent } from '../agent/agent.ts';
import type { LastManifests } from '../agent/last-manifests.ts';
import type { Agents } from './agents.ts';
import type { Families } from './families.ts';
import type { Tasks } from './tasks.ts';
import type { Alerts } from '../observability/alerts.ts';
import { type AnyAgentDefinition, defineAgent } from '../definition/define-agent.ts';
import { type AgentManifest, manifestOf } from '../definition/manifest.ts';
import { type CodeOf, isMissing } from './code-binding.ts';
import type { Host } from '../hosting/host.ts';
import type { Recovery, StoredAgent } from '../journal/store.ts';
import { storedSpec } from './spec-reading.ts';

export interface RecoveryOptions {
  readonly recovery: Recovery;
  readonly agents: Agents;
  readonly hosts: ReadonlyMap<Isolation, Host>;
  readonly code: CodeOf;
  readonly manifests: LastManifests;
  readonly tasks: Tasks;
  readonly families: Families;
  readonly alerts: Alerts;
}

interface Adopted {
  readonly agent: Agent;
  readonly life: AgentLife | undefined;
}

export function recoverFleet(options: RecoveryOptions): void {
  const adopted = options.recovery.agents.map((stored) => adopt(stored, options));
  options.families.adopt(adopted.map(({ agent }) => agent));
  const left = options.tasks.restore(options.recovery);
  for (const { agent, life } of adopted) {
    agent.restoreTasks(left.get(agent.id) ?? []);
    if (life) agent.resume(life);
  }
  const { agents: stored } = options.recovery;
  options.families.recover(new Map(stored.map(({ registered, latest }) => [registered.agentId, latest])));
}

function adopt(stored: StoredAgent, options: RecoveryOptions): Adopted {
  const { agents, hosts, alerts } = options;
  const { registered, latest } = stored;
  const id = registered.agentId;
  const life = 'life' in latest ? latest.life : undefined;
  const { module, manifest, missing } = codeOf(registered, options);
  const spec = storedSpec(registered.spec, id, module);
  const host = hosts.get(spec.isolation ?? 'in-process');
  if (host === undefined) throw new Error(`agent ${id}: no host for isolation "${spec.isolation}" is there`);
  const since = registered.type === 'agent.updated' ? registered.registered : registered.sequence;
  const agent = agents.adopt(spec, { manifest, host, missing, registered: since });
  if (missing === undefined) return { agent, life };
  alerts.raise('definition_missing', `agent ${id}: ${missing}`, id);
  if (life === undefined) return { agent, life };
  const at = placeWithoutCode(life);
  if (at === life.at) return { agent, life };
  agent.isWithoutCode = true;
  return { agent, life: { ...life, at, reason: life.at === 'waiting' ? life.reason : 'host_lost' } };
}

function codeOf(
  registered: StoredAgent['registered'],
  { code, manifests }: RecoveryOptions,
): { module: AnyAgentDefinition | URL; manifest: AgentManifest; missing?: string } {
  const found = code(registered);
  if (isMissing(found)) return { module: STAND_IN, manifest: registered.manifest, missing: found.missing };
  return found instanceof URL
    ? { module: found, manifest: manifests.of(registered, found) }
    : { module: found, manifest: manifestOf(found) };
}

/** A placeholder for missing code; it is never run. */
const STAND_IN = defineAgent({
  type: 'missing',
  init: () => {
    throw new Error('the definition of this agent is missing');
  },
  tasks: {},
});

/** The resting state of an agent that would start by itself but has no code. Its last event keeps its real state. */
function placeWithoutCode({ at, startedFrom }: AgentLife): AgentLife['at'] {
  const from = at === 'starting' ? startedFrom : at;
  return from === 'serving' || from === 'waiting' || from === 'restart' ? 'leftDown' : at;
}
