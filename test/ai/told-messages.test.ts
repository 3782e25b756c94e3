/** A conversation for a model without tools: calls and what they gave are told as text, and nothing else of them is left. */
import type { ModelMessage } from 'ai';
import { expect, it } from 'vitest';
import { toldWithoutTools } from '../../src/ai/told-messages.ts';

const told = (...messages: object[]) => toldWithoutTools(messages as ModelMessage[]);
const text = (words: string) => ({ type: 'text', text: words });
const gave = (output: object) => ({ type: 'tool-result', toolCallId: 'c', toolName: 'look', output });

it('what a person or the system says stays the very same, and so does an answer that is a text', () => {
  const messages = [
    { role: 'system', content: 'be brief' },
    { role: 'user', content: [text('hello')] },
    { role: 'assistant', content: 'good day' },
  ];
  const after = told(...messages);
  expect(after).toHaveLength(3);
  messages.forEach((message, at) => expect(after[at]).toBe(message));
});

it('of an answer texts and files stay, calls and results are told, and all else is left out', () => {
  const file = { type: 'file', mediaType: 'image/png', data: 'aa' };
  const parts = [
    { type: 'reasoning', text: 'hm' },
    { ...text('so'), providerOptions: { some: { signature: 'x' } } },
    text(''),
    file,
    { type: 'tool-call', toolCallId: 'c', toolName: 'look', input: { at: 1 } },
    gave({ type: 'text', value: 'seen' }),
    { type: 'tool-approval-request', approvalId: 'a', toolCallId: 'c' },
  ];
  expect(told({ role: 'assistant', content: parts })).toStrictEqual([
    {
      role: 'assistant',
      content: [text('so'), file, text('[called look with {"at":1}]'), text('[look gave seen]')],
    },
  ]);
});

it('results of tools are told by whom the model hears, without approvals', () => {
  const approval = { type: 'tool-approval-response', approvalId: 'a', approved: true };
  expect(told({ role: 'tool', content: [approval, gave({ type: 'text', value: 'seen' })] })).toEqual([
    { role: 'user', content: [text('[look gave seen]')] },
  ]);
});

it('a message of which nothing is left is left out', () => {
  expect(
    told(
      { role: 'tool', content: [{ type: 'tool-approval-response', approvalId: 'a', approved: true }] },
      { role: 'assistant', content: [{ type: 'reasoning', text: 'hm' }] },
      { role: 'assistant', content: [text('')] },
      { role: 'user', content: '' },
      { role: 'user', content: 'a' },
    ),
  ).toEqual([{ role: 'user', content: 'a' }]);
});

it.each([
  [{ type: 'text', value: 'seen' }, 'seen'],
  [{ type: 'json', value: { n: 1 } }, '{"n":1}'],
  [{ type: 'error-text', value: 'no' }, 'the error no'],
  [{ type: 'error-json', value: { n: 1 } }, 'the error {"n":1}'],
  [{ type: 'execution-denied', reason: 'not now' }, 'nothing, for it was denied: not now'],
  [{ type: 'execution-denied' }, 'nothing, for it was denied: no reason'],
  [
    { type: 'content', value: [text('one'), { type: 'media', data: 'aa', mediaType: 'image/png' }] },
    'one\n(a file)',
  ],
])('%j is told as %j', (output, words) => {
  expect(told({ role: 'tool', content: [gave(output)] })).toEqual([
    { role: 'user', content: [text(`[look gave ${words}]`)] },
  ]);
});
