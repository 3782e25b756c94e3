/**
 * The secrets that a program's agents were given, and nothing of it shown: what holds one of their texts is told
 * without it.
 *
 * I1  What is kept of a secret is in memory alone, and as long as its agent is known.
 * I2  Where no agent has a secret nothing is looked at.
 */
import { secretTexts, type SecretValues, withoutSecretsIn, withoutTexts } from './secret-paths.ts';

/** Texts that are kept of one agent: of secrets that were replaced, the oldest go first. */
const MAX_TEXTS = 64;

export class SecretNet {
  /** By agent, the newest first. */
  readonly #texts = new Map<string, readonly string[]>();
  #all: readonly string[] = [];

  get isEmpty(): boolean {
    return this.#texts.size === 0;
  }

  /** The texts of an agent's secrets; without an agent, of all. */
  textsOf(agentId?: string): readonly string[] {
    return agentId === undefined ? this.#all : (this.#texts.get(agentId) ?? []);
  }

  /** An agent has these, beside those that it had. */
  add(agentId: string, values: SecretValues): void {
    const added = secretTexts(values);
    if (added.length === 0) return;
    const texts = new Set([...added, ...this.textsOf(agentId)]);
    this.#texts.set(agentId, [...texts].slice(0, MAX_TEXTS));
    this.#gather();
  }

  drop(agentId: string): void {
    if (this.#texts.delete(agentId)) this.#gather();
  }

  /** What an agent has to do with, as it may be told. */
  hide<Data>(data: Data, agentId?: string): Data {
    return this.isEmpty ? data : withoutSecretsIn(data, this.textsOf(agentId));
  }

  hideText(text: string): string {
    return this.isEmpty ? text : withoutTexts(text, this.#all);
  }

  #gather(): void {
    this.#all = [...new Set([...this.#texts.values()].flat())];
  }
}
