/**
 * What running agents have reserved of what the system may use.
 *
 * I1  What an agent has reserved is released at its body's end, whatever the end.
 * I2  Members of a group share one child and its limit: the group reserves it once.
 */
import type { ParsedAgentSpec } from '../../machines/index.ts';
import { AgentSystemError } from '../values/errors.ts';

export interface AdmissionLimits {
  /** Agents with a body at once. */
  readonly maxAgents: number;
  /** Sum of `resources.maxMemoryBytes` of agents with a body; a group counts once. */
  readonly maxMemoryBytes: number;
}

/** What is reserved, and what is left. */
export interface AdmissionUsage {
  readonly agents: number;
  readonly memoryBytes: number;
  readonly agentsLeft: number;
  readonly memoryBytesLeft: number;
}

type Resources = ParsedAgentSpec['resources'];

export class Admission {
  private readonly limits: AdmissionLimits;
  private agents = 0;
  /** Members with a body, and what the first of them reserved for all, by group. */
  private readonly groups = new Map<string, { members: number; readonly bytes: number }>();
  private memoryBytes = 0;

  constructor(limits: AdmissionLimits) {
    this.limits = limits;
  }

  usage(): AdmissionUsage {
    return {
      agents: this.agents,
      memoryBytes: this.memoryBytes,
      agentsLeft: this.limits.maxAgents - this.agents,
      memoryBytesLeft: this.limits.maxMemoryBytes - this.memoryBytes,
    };
  }

  /** Why an agent cannot be admitted now; `undefined` when it can. */
  refusal(agentId: string, resources: Resources): AgentSystemError | undefined {
    const agentsLeft = this.limits.maxAgents - this.agents;
    const memoryBytesLeft = this.limits.maxMemoryBytes - this.memoryBytes;
    const memoryBytesAsked = this.bytesOf(resources);
    if (agentsLeft >= 1 && memoryBytesAsked <= memoryBytesLeft) return undefined;
    const message =
      agentsLeft < 1
        ? `agent ${agentId} cannot start: limits.maxAgents is ${this.limits.maxAgents}, and 0 are left`
        : `agent ${agentId} cannot start: it reserves ${memoryBytesAsked} bytes, and of limits.maxMemoryBytes ` +
          `(${this.limits.maxMemoryBytes}) ${memoryBytesLeft} are left`;
    return new AgentSystemError('RESOURCES_EXHAUSTED', message, {
      agentId,
      details: { agentsLeft, memoryBytesLeft, memoryBytesAsked },
    });
  }

  /** One more agent has a body. */
  reserve(resources: Resources): void {
    const bytes = this.bytesOf(resources);
    this.memoryBytes += bytes;
    this.agents += 1;
    const { group } = resources;
    if (group === undefined) return;
    const shared = this.groups.get(group);
    if (shared) shared.members += 1;
    else this.groups.set(group, { members: 1, bytes });
  }

  /** An agent that had reserved has no body any more: to be called once for each. */
  release(resources: Resources): void {
    this.agents -= 1;
    this.memoryBytes -= this.bytesFreedBy(resources);
  }

  private bytesFreedBy({ maxMemoryBytes = 0, group }: Resources): number {
    const shared = group === undefined ? undefined : this.groups.get(group);
    if (group === undefined || shared === undefined) return maxMemoryBytes;
    shared.members -= 1;
    if (shared.members > 0) return 0;
    this.groups.delete(group);
    return shared.bytes;
  }

  /** What one more agent adds: nothing where its group has reserved it already. */
  private bytesOf({ maxMemoryBytes = 0, group }: Resources): number {
    return group !== undefined && this.groups.has(group) ? 0 : maxMemoryBytes;
  }
}
