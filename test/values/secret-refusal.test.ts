/** The refusal of what may be a secret tells its kind and its length, and nothing of it. */
import { expect, it } from 'vitest';
import { secretRefusal } from '../../src/runtime/values/secret-refusal.ts';

it.each([
  ['my-word', 'a text of 7 characters'],
  ['', 'a text of 0 characters'],
  [4711, 'number'],
  [{ key: 'my-word' }, 'object'],
  [undefined, 'undefined'],
])('%j is told as %s', (came, told) => {
  expect(secretRefusal('webhook: secret', 'a key', came)).toMatchObject({
    code: 'AGENT_SPEC_INVALID',
    message: `webhook: secret: expected a key, got ${told}`,
  });
});
