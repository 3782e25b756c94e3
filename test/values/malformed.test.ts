/** What callers hand in and is refused: the field is named, with what was expected there; what may be a secret is not shown. */
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { AgentSystemError } from '../../src/index.ts';
import { having, havingAs, parseInput, readInput, unreadable } from '../../src/runtime/values/malformed.ts';

const KEY = 'sk-proj-Ab3dEf6hIj9lMn2pQr5tUv8x';
function refused(schema: z.ZodType, came: unknown, more: object = {}): AgentSystemError {
  try {
    parseInput(schema, came, { what: 'spec', ...more });
  } catch (thrown) {
    return thrown as AgentSystemError;
  }
  throw new Error('it was taken');
}
const issuesOf = (refusal: AgentSystemError) => (refusal.cause as z.ZodError).issues;
const said = (schema: z.ZodType, came: unknown) => refused(schema, came).message;

describe('an object that has to have methods', () => {
  const store = having<Readonly<Record<string, unknown>>>('read', 'close');
  it('is one that has all of them, whatever else it has', () => {
    expect(store.safeParse({ read: () => {}, close: () => {}, more: 1 }).success).toBe(true);
  });

  it.each([
    [undefined, 'expected an object with read, close, got undefined'],
    [null, 'expected an object with read, close, got null'],
    ['text', 'expected an object with read, close, got "text"'],
    [{}, 'expected an object with read, close, got {}'],
    [{ read: 1, close: 2 }, 'expected an object with read, close, got {"read":1,"close":2}'],
  ])('%j is none', (came, message) => {
    expect(said(store, came)).toBe(`spec: ${message}`);
  });

  it('one that has some of them is told which it lacks', () => {
    const some = { read: () => 1 };
    expect(said(store, some)).toContain('expected an object with read, close (it lacks close), got');
    expect(said(havingAs<Readonly<Record<string, unknown>>>(' as x gives', 'read', 'close'), some)).toContain(
      'expected an object with read, close as x gives (it lacks close), got',
    );
  });
});

describe('what was read', () => {
  it('is what the schema makes of it', () => {
    expect(parseInput(z.object({ a: z.number().default(1) }), {}, { what: 'spec' })).toEqual({ a: 1 });
  });

  it('is refused with the code and the agent that were given, else as a spec', () => {
    expect(refused(z.number(), 'a', { code: 'TASK_INPUT_INVALID', agentId: 'ada' })).toMatchObject({
      code: 'TASK_INPUT_INVALID',
      agentId: 'ada',
      message: 'spec: expected a number, got "a"',
    });
    expect(refused(z.number(), 'a')).toMatchObject({ code: 'AGENT_SPEC_INVALID' });
  });

  it('is refused where a getter throws, with what it threw', () => {
    const broken = new Error('not now');
    const came = Object.defineProperty({}, 'a', {
      enumerable: true,
      get() {
        throw broken;
      },
    });
    const refusal = refused(z.object({ a: z.number() }), came);
    expect([refusal.message, refusal.cause]).toEqual(['spec: it cannot be read: not now', broken]);
  });
});

describe('an option that is not known', () => {
  const inner = { retries: z.number().optional(), timeoutMs: z.number().optional() };
  const hint = '(there are: retries, timeoutMs)';
  it.each<[string, z.ZodType, unknown, string]>([
    ['itself', z.strictObject(inner), { odd: 1 }, `odd: unknown option ${hint}, got 1`],
    [
      'in an object',
      z.object({ a: z.strictObject(inner) }),
      { a: { odd: 1 } },
      `a.odd: unknown option ${hint}, got 1`,
    ],
    ['in a list', z.array(z.strictObject(inner)), [{ odd: 1 }], `0.odd: unknown option ${hint}, got 1`],
    [
      'in a record',
      z.record(z.string(), z.strictObject(inner)),
      { a: { odd: 1 } },
      `a.odd: unknown option ${hint}, got 1`,
    ],
    [
      'in what may be left out',
      z.object({ a: z.strictObject(inner).optional() }),
      { a: { odd: 1 } },
      `a.odd: unknown option ${hint}, got 1`,
    ],
    [
      'in what has a default',
      z.strictObject(inner).default({}),
      { odd: 1 },
      `odd: unknown option ${hint}, got 1`,
    ],
    [
      'before something is done to it',
      z.strictObject(inner).transform((one) => one),
      { odd: 1 },
      `odd: unknown option ${hint}, got 1`,
    ],
    [
      'after something was done to it',
      z.preprocess((one) => one, z.strictObject(inner)),
      { odd: 1 },
      `odd: unknown option ${hint}, got 1`,
    ],
    ['where there are none', z.strictObject({}), { odd: 1 }, 'odd: unknown option (there are none), got 1'],
  ])('%s, is told with those that there are', (_, schema, came, message) => {
    expect(said(schema, came)).toBe(`spec: ${message}`);
  });

  it('which there are is said once, and of each what was meant', () => {
    expect(said(z.strictObject(inner), { odd: 1, retrys: 2, other: 3 })).toBe(
      `spec: odd: unknown option ${hint}, got 1; retrys: unknown option (did you mean "retries"?), got 2; other: unknown option, got 3`,
    );
  });

  it.each([5, 6, 8])('of %i the first five are told, and how many more there are', (count) => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].slice(0, count);
    const problems = said(z.strictObject(inner), Object.fromEntries(names.map((name) => [name, 1]))).split(
      '; ',
    );
    expect(problems).toHaveLength(5);
    const last = count === 5 ? '' : ` and ${count - 5} more`;
    expect(problems.slice(1).map((one) => one.replace(/^.*unknown option/, ''))).toEqual([
      ', got 1',
      ', got 1',
      ', got 1',
      `${last}, got 1`,
    ]);
  });

  it.each(['env', 'initArgs', 'input', 'secrets'])(
    'what stands under one that was to be "%s" is not shown; of any other it is',
    (name) => {
      const schema = z.strictObject({ [name]: z.unknown().optional(), other: z.unknown().optional() });
      expect(said(schema, { [`${name}x`]: 'my word' })).toBe(
        `spec: ${name}x: unknown option (did you mean "${name}"?), got "[redacted]"`,
      );
      expect(said(schema, { others: 'my word' })).toBe(
        'spec: others: unknown option (did you mean "other"?), got "my word"',
      );
    },
  );
});

describe('the error that a refusal is caused by', () => {
  it('is one line where the refusal is printed, and has its issues', () => {
    const refusal = refused(z.object({ a: z.number(), b: z.number() }), { a: 'x', b: 'y' });
    expect(inspect(refusal.cause)).toBe('[ZodError: issues, told above: 2]');
    expect(issuesOf(refusal).map(({ path }) => path)).toEqual([['a'], ['b']]);
  });

  it('names no secret: not in paths, keys, or the issues of options; and keeps what is no text', () => {
    const at = refused(z.record(z.string(), z.number()), { [KEY]: 'x' });
    const keys = refused(z.strictObject({}), { [KEY]: 1 });
    const options = refused(z.union([z.strictObject({ a: z.number() }), z.strictObject({ b: z.number() })]), {
      [KEY]: 1,
    });
    for (const refusal of [at, keys, options]) {
      expect(inspect(issuesOf(refusal), { depth: 9 })).not.toContain(KEY);
      expect(inspect(issuesOf(refusal), { depth: 9 })).toContain('[redacted]');
      expect(refusal.message).not.toContain(KEY);
    }
    const date = new Date(0);
    const bound = refused(z.date().min(new Date(9)), date);
    expect(issuesOf(bound)[0]).toMatchObject({ code: 'too_small', origin: 'date' });
    const pattern = refused(z.string().regex(/^b/), 'a');
    expect(issuesOf(pattern)).toMatchObject([{ code: 'invalid_format', pattern: '/^b/' }]);
  });

  it('keeps a hundred issues, and a hundred names of each', () => {
    const many = refused(
      z.array(z.number()),
      Array.from({ length: 150 }, () => 'x'),
    );
    expect(issuesOf(many)).toHaveLength(100);
    const keys = refused(
      z.strictObject({}),
      Object.fromEntries(Array.from({ length: 150 }, (_, at) => [`k${at}`, 1])),
    );
    expect(issuesOf(keys)).toMatchObject([{ keys: expect.objectContaining({ length: 100 }) }]);
  });
});

const reading = (error: unknown) => () =>
  readInput(
    () => {
      throw error;
    },
    { what: 'input', code: 'TASK_INPUT_INVALID', agentId: 'ada' },
  );

describe('what is read without a schema', () => {
  const own = new AgentSystemError('TASK_FAILED', 'own');
  it('is as it is read', () => {
    expect(readInput(() => 7, { what: 'spec' })).toBe(7);
  });

  it('is refused for what it throws; a refusal stays the same', () => {
    const thrown = new TypeError('no');
    expect(reading(own)).toThrow(own);
    expect(reading(thrown)).toThrow(
      expect.objectContaining({
        code: 'TASK_INPUT_INVALID',
        agentId: 'ada',
        message: 'input: it cannot be read: no',
        cause: thrown,
      }) as Error,
    );
    expect(unreadable('text', { what: 'spec' })).toMatchObject({
      code: 'AGENT_SPEC_INVALID',
      message: 'spec: it cannot be read: "text"',
    });
  });
});
