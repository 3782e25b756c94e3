/** What a model agent remembers of each conversation, under whatever key. */
import type { ModelMessage } from 'ai';
import { expect, it } from 'vitest';
import {
  type ConversationOptions,
  messagesOf,
  type ModelAgentState,
  remember,
  type TrimContext,
} from '../../src/ai/conversation.ts';

const message = (content: string): ModelMessage => ({ role: 'user', content });
const context: TrimContext = { ask: () => Promise.resolve('in short') };
const state = (): ModelAgentState => ({ conversations: {} });
const keep = (
  of: ModelAgentState,
  key: string,
  messages: ModelMessage[],
  options: ConversationOptions = {},
) => remember(of, key, messages, options, context);

it.each(['a', '', '__proto__', 'constructor'])(
  'under %j there is nothing at first, and then what was kept',
  async (key) => {
    const kept = state();
    expect(messagesOf(kept, key)).toEqual([]);
    await keep(kept, key, [message('one')]);
    await keep(kept, key, [message('one'), message('two')]);
    expect(messagesOf(kept, key)).toEqual([message('one'), message('two')]);
    expect(messagesOf(kept, 'another')).toEqual([]);
    const again = JSON.parse(JSON.stringify(kept)) as ModelAgentState;
    expect(messagesOf(again, key)).toEqual([message('one'), message('two')]);
    expect(Object.getOwnPropertyDescriptor(kept.conversations, key)).toMatchObject({
      enumerable: true,
      configurable: true,
      writable: true,
    });
  },
);

it('what is trimmed is left out, also later, by a function that may ask the model', async () => {
  const kept = state();
  await keep(kept, 'a', [message('one'), message('two')], { trim: (messages) => messages.slice(1) });
  expect(messagesOf(kept, 'a')).toEqual([message('two')]);
  await keep(kept, 'a', [message('one')], {
    trim: async (messages, { ask }) => [message(await ask('sum up')), ...messages],
  });
  expect(messagesOf(kept, 'a')).toEqual([message('in short'), message('one')]);
});

it('a trim that gives no list is refused, and what was kept stays', async () => {
  const kept = state();
  await keep(kept, 'a', [message('one')]);
  await expect(keep(kept, 'a', [message('two')], { trim: () => undefined as never })).rejects.toThrow(
    new TypeError('conversation.trim: expected a list of messages'),
  );
  expect(messagesOf(kept, 'a')).toEqual([message('one')]);
});
