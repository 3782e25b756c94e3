/**
 * The secrets of one agent's `initArgs`: given by this program, or asked of its provider at each start.
 *
 * I1  No store has them: a stored spec has their paths only.
 */
import { AgentSystemError, inWords } from '../values/errors.ts';
import type { SecretNet } from '../values/secret-net.ts';
import { isSameSecret, joinSecrets, type SecretValues } from '../values/secret-paths.ts';
import { isThenable } from '../values/thenable.ts';

/** Which secret is asked for. */
export interface SecretRequest {
  /** Left out while an agent without an id is being registered. */
  readonly agentId?: string;
  /** The type of the agent; left out before its module has been loaded. */
  readonly type?: string;
  /** Where in `initArgs`, as in the spec's `secrets`. */
  readonly path: string;
}

/** Returns a secret, or a promise of it; `undefined` for an unknown one. */
export type SecretProvider = (request: SecretRequest) => unknown;

export interface SecretServices {
  readonly provider: SecretProvider | undefined;
  /** Who could have given one that is missing. */
  readonly givers?: string;
  /** All secrets that were handed out. */
  readonly net: SecretNet;
}

/** Whose body they are for. */
export interface SecretTaker {
  /** It needs none any more. */
  readonly isOver: boolean;
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

  /** Why the agent cannot start, if a secret is missing. */
  get missing(): string | undefined {
    if (this.#services.provider !== undefined) return undefined;
    const path = this.#paths.find((one) => !this.given.has(one));
    return path === undefined ? undefined : this.#missing(path);
  }

  /** Whether the secret at this path differs from the newest that is known here. */
  differs(path: string, value: unknown): boolean {
    const known = this.used?.has(path) ? this.used : this.given;
    return known.has(path) && !isSameSecret(known.get(path), value);
  }

  /**
   * `initArgs` with the secrets in it, for a body. What is told once its taker is over is handed to nobody, and not kept:
   * the agent may have been forgotten.
   *
   * @throws AgentSystemError `AGENT_START_FAILED` for a missing secret
   */
  fill(initArgs: unknown, taker: SecretTaker): unknown {
    const values = new Map<string, unknown>();
    const waiting: Promise<void>[] = [];
    for (const path of this.#paths) {
      const value = this.given.has(path) ? this.given.get(path) : this.#ask(path);
      if (isThenable(value)) waiting.push(Promise.resolve(value).then((told) => void values.set(path, told)));
      else values.set(path, value);
    }
    return waiting.length === 0
      ? this.#filled(initArgs, values)
      : Promise.all(waiting).then(() => (taker.isOver ? undefined : this.#filled(initArgs, values)));
  }

  /** The data without its secrets; the same object if it has none. */
  hide<Data>(data: Data): Data {
    return this.#services.net.hide(data, this.#of.agentId);
  }

  #filled(initArgs: unknown, values: SecretValues): unknown {
    const { agentId } = this.#of;
    for (const [path, value] of values) {
      if (value !== undefined) continue;
      throw new AgentSystemError('AGENT_START_FAILED', this.#missing(path), { agentId });
    }
    this.used = values;
    this.#services.net.add(agentId, values);
    return joinSecrets(initArgs, values);
  }

  #missing(path: string): string {
    return missingSecret(this.#of.agentId, path, this.#services.givers);
  }

  /** A throw is a promise that is rejected: others may be waited for by then. */
  #ask(path: string): unknown {
    try {
      const value = this.#services.provider?.({ ...this.#of, path });
      return isThenable(value) ? Promise.resolve(value) : value;
    } catch (thrown) {
      return Promise.reject(thrown);
    }
  }
}

export const SECRET_GIVERS = 'agents.ensure, or of createAgentSystem({ secrets })';

/** @param givers who could have given it */
export function missingSecret(agentId: string | undefined, path: string, givers = SECRET_GIVERS): string {
  const whose = agentId === undefined ? '' : ` of agent ${inWords(agentId)}`;
  return `initArgs.${path}${whose} is a secret, which no store has: expected it of ${givers}`;
}
