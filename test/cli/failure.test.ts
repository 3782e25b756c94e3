/** Why a command failed, in lines for people: what to do about it is said, a stack only where nobody expected the error. */
import { expect, it } from 'vitest';
import { AgentSystemError } from '../../src/index.ts';
import { CommandFailure, EXIT, linesOfFailure, usageFailure } from '../../src/cli/failure.ts';

it('a failure ends with 1 unless it says otherwise, and invalid usage with 2', () => {
  expect(new CommandFailure('no')).toMatchObject({ exitCode: 1, hint: undefined, isRefusal: false });
  const whole = { exitCode: EXIT.interrupted, hint: 'try again', isRefusal: true };
  expect(new CommandFailure('no', whole)).toMatchObject({ ...whole, exitCode: 130 });
  expect(usageFailure('no')).toMatchObject({ exitCode: 2, hint: undefined, isRefusal: false });
  expect(usageFailure('no', 'give --url')).toMatchObject({ exitCode: 2, hint: 'give --url', message: 'no' });
});

it.each<[string, unknown, readonly string[]]>([
  ['a failure', new CommandFailure('no'), ['mabeam: no']],
  ['one with a hint', usageFailure('no\u001B[2J', 'give\n--url'), ['mabeam: no·[2J', 'give\n--url']],
  ['a refusal', new AgentSystemError('AGENT_EXISTS', 'it is\nthere'), ['mabeam: it is there (AGENT_EXISTS)']],
  [
    'a store that failed',
    new AgentSystemError('STORE_FAILED', 'full', { details: { isHeld: false } }),
    ['mabeam: full (STORE_FAILED)'],
  ],
  [
    'a store that another program holds',
    new AgentSystemError('STORE_FAILED', 'held', { details: { isHeld: true } }),
    [
      'mabeam: held (STORE_FAILED)',
      'A program that runs answers by its dashboard: give --url with the address, in place of a store, or set MABEAM_URL.',
    ],
  ],
  ['what is no error', 'text', ['mabeam: "text"']],
])('%s: its lines say what failed, and what to do about it', (_, thrown, lines) => {
  expect(linesOfFailure(thrown)).toEqual(lines);
});

it('an error that nobody expected has its stack', () => {
  const thrown = new TypeError('a bug');
  expect(linesOfFailure(thrown)).toEqual([`mabeam: ${thrown.stack}`]);
});
