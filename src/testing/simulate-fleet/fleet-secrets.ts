/**
 * The secrets that a fleet's specs name, and those that the running program was given. Knows no system.
 */
import type { SecretProvider } from '../../runtime/agent/agent-secrets.ts';
import type { AgentSpec } from '../../runtime/fleet/spec-reading.ts';
import {
  outermostPaths,
  type SecretValues,
  secretTexts,
  splitSecrets,
} from '../../runtime/values/secret-paths.ts';

type Spec = Partial<AgentSpec>;

export class FleetSecrets {
  /** By agent id. */
  readonly #values = new Map<string, SecretValues>();
  #given = new Set<string>();
  #isProvided = false;

  /** @param agents ids of agents with their specs */
  constructor(agents: Iterable<readonly [id: string, spec: Spec]>) {
    for (const [id, { secrets = [], initArgs }] of agents) {
      const { values } = splitSecrets(initArgs, outermostPaths(secrets));
      if (values.size > 0) this.#values.set(id, values);
    }
  }

  get texts(): readonly string[] {
    return [...this.#values.values()].flatMap((values) => secretTexts(values));
  }

  /** A new program has no secrets yet. @param isProvided whether it asks a provider for them */
  programBegins(isProvided: boolean): void {
    this.#given = new Set();
    this.#isProvided = isProvided;
  }

  /** The option `secrets` of `createAgentSystem`, for a program that asks a provider. */
  get provider(): SecretProvider | undefined {
    return this.#isProvided ? ({ agentId = '', path }) => this.#values.get(agentId)?.get(path) : undefined;
  }

  /** Notes that a call gives an agent its secrets, unless it is refused. */
  give<Value>(id: string, asked: Promise<Value>): Promise<Value> {
    const given = this.#given;
    if (given.has(id)) return asked;
    given.add(id);
    asked.catch(() => given.delete(id));
    return asked;
  }

  lacks(id: string): boolean {
    return this.#values.has(id) && !this.#isProvided && !this.#given.has(id);
  }
}
