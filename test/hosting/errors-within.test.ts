/** Errors within values arrive with what a structured clone leaves out of them, as bounded and harmless as thrown ones. */
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import {
  MAX_ERRORS_WITHIN,
  messageOf,
  type WithErrors,
  withErrors,
} from '../../src/runtime/hosting/hosts/errors-within.ts';
import { eachReport } from '../../src/runtime/hosting/hosts/message-check.ts';
import { cloneProblemOf } from '../../src/runtime/values/clone-survey.ts';

type Message = readonly unknown[];
type Errors = readonly (Error & Record<string, unknown>)[];

function sent(...message: Message): WithErrors<Message> {
  const errors: Error[] = [];
  expect(cloneProblemOf(message, 'process', errors)).toBe(undefined);
  return withErrors(message, errors);
}

function arrived(...message: Message): Message {
  return messageOf(structuredClone(sent(...message)));
}

function withStatus(status: number): Error {
  return Object.assign(new Error('no'), { status });
}

function isTaken(came: unknown): boolean {
  return eachReport(structuredClone(came), () => {});
}

test.for<readonly [string, unknown]>([
  ['no errors', { n: 1 }],
  ['errors of which a clone keeps all', [new TypeError('one', { cause: new RangeError('two') })]],
])('a message with %s is sent as it is', ([, value]) => {
  const message = [1, value];
  const errors: Error[] = [];
  cloneProblemOf(message, 'thread', errors);
  expect(withErrors(message, errors)).toBe(message);
});

test('wherever an error stands it is completed, and what occurs twice is one thing', () => {
  const twice = withStatus(1);
  const behind = new Error('outer', { cause: withStatus(2) });
  const [all] = arrived({
    list: [twice, twice],
    map: new Map([[withStatus(3), withStatus(4)]]),
    set: new Set([withStatus(5)]),
    behind,
  }) as [{ list: Errors; map: Map<Error, Error>; set: Set<Error>; behind: Error }];
  expect(all.list[0]).toBe(all.list[1]);
  const [key, value] = [...all.map][0]!;
  expect(
    [all.list[0], all.behind.cause, key, value, ...all.set].map((one) => ({ ...(one as object) })),
  ).toEqual([1, 2, 3, 4, 5].map((status) => ({ status })));
});

test('a name of its own arrives, and is no field', () => {
  const [error] = arrived(Object.assign(new Error('no'), { name: 'ApiError', code: 7 })) as Errors;
  expect([error!.name, error!.message, Object.keys(error!)]).toEqual(['ApiError', 'no', ['code']]);
});

test('secrets, functions and what goes beyond the bounds of a thrown error stay', () => {
  const error = Object.assign(new Error('no'), {
    headers: new Headers({ authorization: 'Bearer abcdefgh', 'retry-after': '2' }),
    retry: () => 1,
    long: 'x'.repeat(5_000),
    url: 'https://x.example/?api_key=sk-0123456789abcdef0123',
  });
  const [came] = arrived(error) as Errors;
  expect(came!['headers']).toEqual({ authorization: '[redacted]', 'retry-after': '2' });
  expect(came).not.toHaveProperty('retry');
  expect(String(came!['long']).length).toBeLessThan(1_100);
  expect(inspect(came)).not.toContain('0123456789abcdef');
});

test('a field that would be a prototype is a field', () => {
  const error = Object.defineProperty(new Error('no'), '__proto__', { value: { is: 1 }, enumerable: true });
  const [came] = arrived(error) as Errors;
  expect(Object.getPrototypeOf(came)).toBe(Error.prototype);
  expect(Object.getOwnPropertyDescriptor(came, '__proto__')?.value).toEqual({ is: 1 });
});

test('of more errors than may be told the first are', () => {
  const errors = Array.from({ length: MAX_ERRORS_WITHIN + 1 }, (_, at) =>
    Object.assign(new Error('no'), { at }),
  );
  const [came] = arrived(errors) as [Errors];
  expect(came.slice(-2).map(({ at }) => at)).toEqual([MAX_ERRORS_WITHIN - 1, undefined]);
});

describe('a child that tells of errors', () => {
  const error = new Error('no');
  const info = { name: 'Error', message: '', data: { status: 1 } };
  const report = { type: 'task.completed', taskId: 't', output: error };

  test('is heard', () => {
    let status: unknown;
    const message = sent(1, { ...report, output: Object.assign(new Error('no'), { status: 1 }) });
    const take = (_: number, told: object) => {
      ({ status } = (told as { output: { status?: unknown } }).output);
    };
    expect([eachReport(structuredClone(message), take), status]).toEqual([true, 1]);
    expect(isTaken([[1, report], [[error, info]]])).toBe(true);
  });

  test.for<readonly [string, Message]>([
    ['no list of them', [[1, report], 5]],
    ['a hole in the list', [[1, report], Array(1)]],
    ['something after the list', [[1, report], [], 1]],
    ['nothing after the message', [[1, report]]],
    ['what is no error', [[1, report], [[{}, info]]]],
    ['what is told of no error', [[1, report], [[error, { ...info, data: { n: 1n } }]]]],
    ['nothing told', [[1, report], [[error]]]],
    [
      'more than may be told',
      [[1, report], Array.from({ length: MAX_ERRORS_WITHIN + 1 }, () => [error, info])],
    ],
    ['a message of such messages', [[[1, report], []], []]],
  ])('is not, with %s', ([, came]) => {
    expect(isTaken(came)).toBe(false);
  });
});
