import { expect, test } from 'vitest';
import { AgentSystemError } from '../../src/index.ts';
import { listenRefusal } from '../../src/runtime/values/listen-refusal.ts';

const address = { host: 'nowhere.invalid', port: 80 };
const failed = (code: string) => Object.assign(new Error(`listen ${code}`), { code });

test.each([
  ['ENOTFOUND', 'host: expected a name or an address of this machine, got "nowhere.invalid"'],
  ['EAI_AGAIN', 'host: expected a name or an address of this machine, got "nowhere.invalid"'],
  ['EADDRNOTAVAIL', 'host: expected a name or an address of this machine, got "nowhere.invalid"'],
  ['EADDRINUSE', 'port: expected one that is free, got 80'],
  ['EACCES', 'port: expected one that this user may listen on, got 80'],
])('%s names the option that is to blame', (code, problem) => {
  const thrown = failed(code);
  const refused = listenRefusal('createX', thrown, address);
  expect(refused).toBeInstanceOf(AgentSystemError);
  expect(refused).toMatchObject({
    code: 'AGENT_SPEC_INVALID',
    message: `createX: ${problem} (listen ${code})`,
    cause: thrown,
  });
});

test('an error that is not due to the address stays what it is', () => {
  const thrown = failed('EMFILE');
  expect(listenRefusal('createX', thrown, address)).toBe(thrown);
});
