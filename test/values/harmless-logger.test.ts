/** Lines that a logger cannot write. */
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { harmlessLogger } from '../../src/runtime/values/harmless-logger.ts';

const revoked = (): object => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};
const unreadable = Object.defineProperty(new Error('e'), 'message', {
  get(): never {
    throw new Error('no message');
  },
});
const fields: Readonly<Record<string, object>> = {
  'are a revoked proxy': revoked(),
  'have an error beside what cannot be read': {
    err: new Error('it failed'),
    get place(): never {
      throw new Error('no place');
    },
  },
};

test.each(Object.entries(fields))('nothing is thrown where its fields %s', (_, given) => {
  const logger = harmlessLogger(pino({ level: 'trace' }, { write: () => {} }));
  expect(() => logger.warn(given, 'it failed')).not.toThrow();
});

test('a line whose error cannot be read is written without that', () => {
  const lines: string[] = [];
  const logger = harmlessLogger(pino({ base: null }, { write: (line: string) => void lines.push(line) }));
  logger.warn({ err: unreadable, agentId: 'ada' }, 'it failed');
  expect(lines.map((line) => JSON.parse(line) as object)).toEqual([
    expect.objectContaining({ agentId: 'ada', msg: 'it failed' }),
  ]);
});
