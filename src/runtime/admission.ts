/**
 * What running agents have reserved of what the system may use.
 *
 * Source: seed, phase 2 `validate_resources_available`.
 */
import type { ParsedAgentSpec } from '../machines/index.ts';
import { AgentSystemError } from './errors.ts';

export interface AdmissionLimits {
  /** Agents with a body at once. */
  readonly maxAgents: number;
  /** Sum of `resources.maxMemoryBytes` of agents with a body. */
  readonly maxMemoryBytes: number;
}

export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #reserved = new Map<string, number>();
  #memoryBytes = 0;

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  /** What is reserved, and what is left. */
  usage() {
    return {
      agents: this.#reserved.size,
      memoryBytes: this.#memoryBytes,
      agentsLeft: this.#limits.maxAgents - this.#reserved.size,
      memoryBytesLeft: this.#limits.maxMemoryBytes - this.#memoryBytes,
    };
  }

  /** Why an agent cannot be admitted now; `undefined` when it can. */
  refusal(agentId: string, resources: ParsedAgentSpec['resources']): AgentSystemError | undefined {
    const { agentsLeft, memoryBytesLeft } = this.usage();
    const asked = resources.maxMemoryBytes ?? 0;
    if (agentsLeft >= 1 && asked <= memoryBytesLeft) return undefined;
    const message =
      agentsLeft < 1
        ? `agent ${agentId} cannot start: limits.maxAgents is ${this.#limits.maxAgents}, and 0 are left`
        : `agent ${agentId} cannot start: it reserves ${asked} bytes, and of limits.maxMemoryBytes ` +
          `(${this.#limits.maxMemoryBytes}) ${memoryBytesLeft} are left`;
    return new AgentSystemError('RESOURCES_EXHAUSTED', message, {
      agentId,
      details: { agentsLeft, memoryBytesLeft, memoryBytesAsked: asked },
    });
  }

  reserve(agentId: string, resources: ParsedAgentSpec['resources']): void {
    const bytes = resources.maxMemoryBytes ?? 0;
    this.#reserved.set(agentId, bytes);
    this.#memoryBytes += bytes;
  }

  release(agentId: string): void {
    const bytes = this.#reserved.get(agentId);
    if (bytes === undefined) return;
    this.#reserved.delete(agentId);
    this.#memoryBytes -= bytes;
  }
}
