/** What is simulated: a plan, the members and pools of the fleet, and the invariants that users give. */
import type { BudgetSpecInput } from '../../machines/index.ts';
import type { Leader } from '../../runtime/coordination/leader/leader-election.ts';
import type { VariableDefinition } from '../../runtime/coordination/variables/variable.ts';
import type { AnyAgentDefinition } from '../../runtime/definition/define-agent.ts';
import type { AgentSpec } from '../../runtime/fleet/spec-reading.ts';
import type { SystemEvent } from '../../runtime/journal/system-event.ts';
import type { AgentSystem } from '../../runtime/system/agent-system.ts';
import type { Target } from './deeds.ts';
import type { FleetPlan } from './fleet-plan.ts';

/** A task whose caller was given its output. */
export interface FleetAnswer {
  readonly to: Target;
  readonly task: string;
  readonly input: unknown;
  readonly output: unknown;
}

/** What an invariant looks at, each time that nothing moves any more. */
export interface FleetSeen {
  readonly system: AgentSystem;
  /** Epoch ms, simulated. */
  readonly now: number;
  /** Events since the last look. */
  readonly events: readonly SystemEvent[];
  /** Answers that callers were given since the last look, in order. */
  readonly answers: readonly FleetAnswer[];
  readonly leader: Leader | undefined;
  /** The invariant's own: an empty object when a simulation begins. */
  // oxlint-disable-next-line typescript/no-explicit-any -- it is the user's own, whatever that is
  readonly memory: Record<string, any>;
}

/** Whether it holds: `false`, or a throw, breaks it. May be asynchronous. */
export type FleetInvariant = (seen: FleetSeen) => unknown;

export interface FleetMember {
  readonly id: string;
  readonly module: AnyAgentDefinition;
  readonly spec: Partial<AgentSpec>;
}

export interface FleetPool {
  readonly name: string;
  readonly module: AnyAgentDefinition;
  readonly min: number;
  readonly max: number;
  readonly spec: Partial<AgentSpec>;
}

export interface SimulationOptions {
  readonly plan: FleetPlan;
  readonly members: readonly FleetMember[];
  readonly pools: readonly FleetPool[];
  readonly definitions: readonly AnyAgentDefinition[];
  readonly variables: Readonly<Record<string, VariableDefinition>>;
  readonly budgets: readonly BudgetSpecInput[];
  readonly invariants: Readonly<Record<string, FleetInvariant>>;
}

/** Ids of all the members that a pool may have, as it names them. */
export function idsOfMembers({ name, max }: FleetPool): readonly string[] {
  return Array.from({ length: 2 * max }, (_, n) => `${name}-${n + 1}`);
}
