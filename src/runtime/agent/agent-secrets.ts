/**
 * The secrets of one agent's `initArgs`: given by this program, or asked of its provider at each start.
 *
 * I1  They are in no store: what a spec keeps of them is their paths.
 */
import { AgentSystemError, inWords } from '../values/errors.ts';
import type { SecretNet } from '../values/secret-net.ts';
import { isSameSecret, joinSecrets, type SecretValues } from '../values/secret-paths.ts';
import { isThenable } from '../values/thenable.ts';

/** Which secret is asked for. */
export interface SecretRequest {
  /** Left out of an agent that is being registered without an id. */
  readonly agentId?: string;
  /** The type of the agent; left out where its module has yet to be loaded. */
  readonly type?: string;
  /** Where in `initArgs`, as in the spec's `secrets`. */
  readonly path: string;
}

/** Gives a secret, or a promise of it; `undefined` for one that it does not know. */
export type SecretProvider = (request: SecretRequest) => unknown;

export interface SecretServices {
  readonly provider: SecretProvider | undefined;
  /** What was handed out. */
  readonly net: SecretNet;
}

export class AgentSecrets {
  readonly #services: SecretServices;
  readonly #of: Required<Omit<SecretRequest, 'path'>>;
  readonly #paths: readonly string[];
  /** What this program gave. */
  readonly given: SecretValues;
  /** What the last body was made with. */
  used: SecretValues | undefined = undefined;

  constructor(
    services: SecretServices,
    of: Required<Omit<SecretRequest, 'path'>>,
    paths: readonly string[],
    given: SecretValues,
  ) {
    this.#services = services;
    this.#of = of;
    this.#paths = paths;
    this.given = given;
    services.net.add(of.agentId, given);
  }

  /** Why it cannot start, when it cannot. */
  get missing(): string | undefined {
    if (this.#services.provider !== undefined) return undefined;
    const path = this.#paths.find((one) => !this.given.has(one));
    return path === undefined ? undefined : missingSecret(this.#of.agentId, path);
  }

  /** Whether the secret at this path is another than the newest that is known here. */
  differs(path: string, value: unknown): boolean {
    const known = this.used?.has(path) ? this.used : this.given;
    return known.has(path) && !isSameSecret(known.get(path), value);
  }

  /** All of `initArgs`, for a body. @throws AgentSystemError `AGENT_START_FAILED` for a secret that nobody gives */
  fill(initArgs: unknown): unknown {
    const values = new Map<string, unknown>();
    const waiting: Promise<void>[] = [];
    for (const path of this.#paths) {
      const value = this.given.has(path) ? this.given.get(path) : this.#ask(path);
      if (isThenable(value)) waiting.push(Promise.resolve(value).then((told) => void values.set(path, told)));
      else values.set(path, value);
    }
    return waiting.length === 0
      ? this.#filled(initArgs, values)
      : Promise.all(waiting).then(() => this.#filled(initArgs, values));
  }

  /** The data without the secrets in it; the same where it has none. */
  hide<Data>(data: Data): Data {
    return this.#services.net.hide(data, this.#of.agentId);
  }

  #filled(initArgs: unknown, values: SecretValues): unknown {
    const { agentId } = this.#of;
    for (const [path, value] of values) {
      if (value !== undefined) continue;
      throw new AgentSystemError('AGENT_START_FAILED', missingSecret(agentId, path), { agentId });
    }
    this.used = values;
    this.#services.net.add(agentId, values);
    return joinSecrets(initArgs, values);
  }

  #ask(path: string): unknown {
    return this.#services.provider?.({ ...this.#of, path });
  }
}

export function missingSecret(agentId: string | undefined, path: string): string {
  const whose = agentId === undefined ? '' : ` of agent ${inWords(agentId)}`;
  return `initArgs.${path}${whose} is a secret, which no store has: expected it of agents.ensure, or of createAgentSystem({ secrets })`;
}
