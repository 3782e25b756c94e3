/** Lines that a logger cannot write. */
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { givenLogger, harmlessLogger } from '../../src/runtime/values/harmless-logger.ts';

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

/** A logger whose first lines cannot be written, and that takes down those that it is then asked for. */
function failing(times: number) {
  const lines: unknown[][] = [];
  let left = times;
  const write = (...line: unknown[]): void => {
    if (left-- > 0) throw new Error('no');
    lines.push(line);
  };
  const logger = Object.fromEntries(
    ['trace', 'debug', 'info', 'warn', 'error', 'fatal'].map((level) => [level, write]),
  );
  return { logger: harmlessLogger(logger as never), lines, left: () => left };
}

test.each([
  ['a text', 'it failed'],
  ['null', null],
  ['nothing', undefined],
  ['fields without an error', { agentId: 'ada' }],
])('a line that could not be written is written once more, with the same: %s', (_, given) => {
  const { logger, lines } = failing(1);
  logger.warn(given as object, 'more');
  expect(lines).toEqual([[given, 'more']]);
});

test('a line is written once if it can be, and twice at the most', () => {
  const well = failing(0);
  well.logger.error({ a: 1 }, 'it failed');
  expect(well.lines).toEqual([[{ a: 1 }, 'it failed']]);
  const ill = failing(9);
  ill.logger.fatal('it failed');
  expect([ill.lines, ill.left()]).toEqual([[], 7]);
});

test('a promise that is rejected harms nobody, and its line is not written again', async () => {
  let writes = 0;
  const logger = harmlessLogger({
    info: async () => {
      writes += 1;
      throw new Error('later');
    },
  } as never);
  logger.info('a');
  await new Promise(setImmediate);
  expect(writes).toBe(1);
});

test('what a logger makes of itself is harmless, too; one that cannot is used itself', () => {
  const lines: unknown[][] = [];
  const write = (...line: unknown[]) => void lines.push(line);
  const child = { info: write };
  const parent = { info: write, child: () => child, isLevelEnabled: (level: string) => level === 'info' };
  const made = harmlessLogger(parent as never);
  expect(givenLogger(made)).toBe(parent);
  expect(givenLogger(made.child({}))).toBe(child);
  expect(givenLogger(parent as never)).toBe(parent);
  expect(['info', 'debug'].map((level) => made.isLevelEnabled(level))).toEqual([true, false]);
  const poor = harmlessLogger({ info: write } as never);
  poor.child({}).info('a');
  expect([lines, poor.isLevelEnabled('info')]).toEqual([[['a']], false]);
});
