/** What a model agent remembers: conversations by key, as JSON data in its saved state. */
import type { ModelMessage } from 'ai';
import { fromPlain, toPlain } from './plain-data.ts';

/** The state of a model agent. */
export interface ModelAgentState {
  /** Messages of each conversation, oldest first. */
  conversations: Record<string, unknown[]>;
}

/** What can be done while a conversation is shortened. */
export interface TrimContext {
  /**
   * Asks the agent's model for a text, without its tools: calls of tools in the messages, and what these gave, are told to
   * it as text, since some providers refuse them otherwise. As each call of the model it is kept before it is used, and paid
   * from the budgets of the task.
   */
  ask(prompt: string | readonly ModelMessage[]): Promise<string>;
}

/** What a model agent remembers from task to task. */
export interface ConversationOptions<Input = unknown> {
  /** Which conversation a task belongs to; default one for the agent. */
  of?(input: Input): string;
  /**
   * The part of a conversation that is kept for later tasks. The SDK's `pruneMessages` serves; by `ask` the model itself
   * sums up what is left out. By default all is kept.
   */
  trim?(
    messages: ModelMessage[],
    context: TrimContext,
  ): readonly ModelMessage[] | Promise<readonly ModelMessage[]>;
}

export function messagesOf(state: ModelAgentState, key: string): ModelMessage[] {
  return Object.hasOwn(state.conversations, key)
    ? (fromPlain(state.conversations[key]) as ModelMessage[])
    : [];
}

/** The conversation goes on with these. */
export async function remember(
  state: ModelAgentState,
  key: string,
  messages: ModelMessage[],
  conversation: ConversationOptions,
  context: TrimContext,
): Promise<void> {
  const kept = conversation.trim === undefined ? messages : await conversation.trim(messages, context);
  if (!Array.isArray(kept)) throw new TypeError('conversation.trim: expected a list of messages');
  const plain = toPlain(kept) as unknown[];
  Object.defineProperty(state.conversations, key, {
    value: plain,
    enumerable: true,
    configurable: true,
    writable: true,
  });
}
