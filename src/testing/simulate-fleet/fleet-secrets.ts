/**
 * The secrets that a fleet's specs name: what they are, and of whom the present program was given them. Knows no system.
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
  /** By id of an agent. */
  readonly #values = new Map<string, SecretValues>();
  #given = new Set<string>();
  #isProvided = false;

  /** @param agents specs by the ids of agents that have them */
  constructor(agents: Iterable<readonly [id: string, spec: Spec]>) {
    for (const [id, { secrets = [], initArgs }] of agents) {
      const { values } = splitSecrets(initArgs, outermostPaths(secrets));
      if (values.size > 0) this.#values.set(id, values);
    }
  }

  get texts(): readonly string[] {
    return [...this.#values.values()].flatMap((values) => secretTexts(values));
  }

  /** Another program: nobody has given it any, unless it asks for them. @param isProvided whether it does */
  programBegins(isProvided: boolean): void {
    this.#given = new Set();
    this.#isProvided = isProvided;
  }

  /** What `createAgentSystem({ secrets })` is given, for a program that asks. */
  get provider(): SecretProvider | undefined {
    return this.#isProvided ? ({ agentId = '', path }) => this.#values.get(agentId)?.get(path) : undefined;
  }

  /** @param asked what gives it, unless it is refused */
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
