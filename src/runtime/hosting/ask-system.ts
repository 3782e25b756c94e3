/** The request channel of one task to its system. */
export interface AskSystem {
  /** Resolves with the answer. @throws AgentSystemError the refusal */
  ask(name: string, args: unknown, signal?: AbortSignal): Promise<unknown>;
}
