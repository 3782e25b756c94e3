import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { plain, Redaction, redactedPaths } from '../../src/dashboard/redaction.ts';
import type { SystemEvent } from '../../src/index.ts';
import { REDACTED } from '../../src/runtime/values/secrets.ts';
import { ask, dashboard, listen, running, system } from '../kit/dashboard.ts';

describe('paths', () => {
  it('a root redacts all under it', () => {
    const redaction = new Redaction(['initArgs']);
    expect(redaction.shown('initArgs', { a: 1 })).toBe(REDACTED);
    expect(redaction.shown('state', { a: 1 })).toEqual({ a: 1 });
  });

  it('a path redacts what is under it, and a star stands for one key', () => {
    const redaction = new Redaction(['state.user.name', 'state.*.card', 'variables.prompt', 'state.list.0']);
    const state = { user: { name: 'ada', age: 36 }, a: { card: 1, b: { card: 2 } }, list: ['x', 'y'] };
    expect(redaction.shown('state', state)).toEqual({
      user: { name: REDACTED, age: 36 },
      a: { card: REDACTED, b: { card: 2 } },
      list: [REDACTED, 'y'],
    });
    expect(redaction.shown('variables', 'text', 'prompt')).toBe(REDACTED);
    expect(redaction.shown('variables', 'text', 'other')).toBe('text');
  });

  it.each(['accessKey', 'passwd', 'x-signature', 'signing_key', 'encryptionKey'])(
    'a text under %s is not shown, as in messages and logs',
    (key) => {
      expect(new Redaction([]).shown('state', { [key]: 'a' })).toEqual({ [key]: REDACTED });
    },
  );

  it('what stands under a key that names a secret is never shown, at any depth, but for how many there are', () => {
    const shown = new Redaction([]).shown('state', {
      password: 'a',
      pin: { password: 4711, secret: 4711n },
      apiKey: new URL('https://user:word@host.example/'),
      nested: { authToken: 'd', maxTokens: 100, tokenLimit: 7, cookies: ['e', { session: 'f' }] },
      credentials: { user: 'g', port: 5432, isOld: true, list: ['h'] },
      tokenUsage: { input: 3, model: 'h', password: 1 },
      secret: { tokenUsage: { input: 3 } },
      name: 'i',
    });
    expect(shown).toEqual({
      password: REDACTED,
      pin: { password: REDACTED, secret: REDACTED },
      apiKey: REDACTED,
      nested: {
        authToken: REDACTED,
        maxTokens: 100,
        tokenLimit: 7,
        cookies: [REDACTED, { session: REDACTED }],
      },
      credentials: { user: REDACTED, port: REDACTED, isOld: true, list: [REDACTED] },
      tokenUsage: { input: 3, model: REDACTED, password: REDACTED },
      secret: { tokenUsage: { input: REDACTED } },
      name: 'i',
    });
  });
});

const shownOf = (paths: readonly string[], event: object): Record<string, unknown> => {
  const { sequence, at, ...fields } = new Redaction(paths).event({
    sequence: 1,
    at: 2,
    ...event,
  } as SystemEvent) as unknown as Record<string, unknown>;
  expect({ sequence, at }).toEqual({ sequence: 1, at: 2 });
  return fields;
};

const specOf = (module: unknown) => ({ id: 'ada', initArgs: { key: 1, region: 'north' }, module });

describe('of an event', () => {
  const ofVariable = { type: 'variable.changed', name: 'rate', version: 1, by: 'ada' };
  const ofRound = { type: 'round.opened', variable: 'rate', by: 'ada' };
  const data = [{ card: 7 }, ['x'], 'a text', 7, 0, true, false, null, '', 7n, Number.NaN];

  it.each([
    ['input', { type: 'task.accepted', task: 'pay' }, 'input'],
    ['output', { type: 'task.completed', taskId: 't' }, 'output'],
    ['output', { type: 'question.answered', by: 'eve' }, 'answer'],
    ['variables.rate', ofVariable, 'value'],
    ['variables.*', ofRound, 'value'],
  ])('with `redact: %s` nothing of it leaves, whatever kind of value it is: %j', (path, event, field) => {
    for (const value of data)
      expect(shownOf([path], { ...event, [field]: value })).toEqual({ ...event, [field]: REDACTED });
    expect(shownOf([path], { ...event, [field]: undefined })).toEqual(event);
    for (const other of [`${path}.hidden`, 'state', 'variables.other'])
      expect(shownOf([other], { ...event, [field]: { hidden: 1, open: 2 } })).toEqual({
        ...event,
        [field]: { hidden: other === `${path}.hidden` ? REDACTED : 1, open: 2 },
      });
  });

  it('fields of the same name that are the fleet’s own are shown, whatever they and their keys are called', () => {
    const event = { type: 'alert.raised', value: 1, answer: 'yes', task: 'pay', changes: ['a'], spec: 'b' };
    expect(shownOf(['output', 'variables', 'initArgs'], event)).toEqual(event);
    expect(shownOf([], { type: 'pool.scaled', why: { token: 'of a pool' } })).toEqual({
      type: 'pool.scaled',
      why: { token: 'of a pool' },
    });
  });

  it('the input of a schedule’s task is that of a task', () => {
    const task = { type: 'pay', input: 7, priority: 1 };
    const event = { type: 'schedule.set', name: 'nightly', task };
    expect(shownOf(['input'], event)).toEqual({ ...event, task: { ...task, input: REDACTED } });
    expect(shownOf([], event)).toEqual(event);
    const without = { ...event, task: { type: 'pay' } };
    expect(shownOf(['input'], without)).toEqual(without);
  });

  it.each(['agent.registered', 'agent.updated'])(
    '%s: its initArgs, by path; its module by address or type',
    (type) => {
      const to = (module: unknown) =>
        (shownOf(['initArgs.key'], { type, spec: specOf(module) })['spec'] as { module: unknown }).module;
      expect(shownOf(['initArgs.key'], { type, spec: specOf({ type: 'worker', run: () => 1 }) })).toEqual({
        type,
        spec: { id: 'ada', initArgs: { key: REDACTED, region: 'north' }, module: { type: 'worker' } },
      });
      expect(to(new URL('file:///a.js'))).toEqual({ url: 'file:///a.js' });
      expect(to({ url: 'file:///b.js', type: 'worker' })).toEqual({ url: 'file:///b.js' });
      for (const none of [{ url: 5 }, { type: 5 }, null, 'text']) expect(to(none)).toBeUndefined();
    },
  );

  it('a change below a key that names a secret is hidden as the value there is', () => {
    const changes = [
      { field: 'initArgs.credentials.user', from: 'ada', to: 7 },
      { field: 'initArgs.region.user', from: 'ada', to: 7 },
    ];
    expect(shownOf([], { type: 'agent.updated', changes })).toEqual({
      type: 'agent.updated',
      changes: [{ ...changes[0], from: REDACTED, to: REDACTED }, changes[1]],
    });
  });

  it('a change of initArgs is shown by the same paths, any other as it is', () => {
    const changes = [
      { field: 'initArgs.key', from: 1, to: 2 },
      { field: 'initArgs.region', from: 'a', to: 'b' },
      { field: 'initArgs', to: { key: 3, region: 'c' } },
      { field: 'restart.initArgs', from: 'x' },
    ];
    const [key, region, all, other] = shownOf(['initArgs.key'], { type: 'agent.updated', changes })[
      'changes'
    ] as readonly unknown[];
    expect([key, region, all, other]).toEqual([
      { field: 'initArgs.key', from: REDACTED, to: REDACTED },
      changes[1],
      { field: 'initArgs', to: { key: REDACTED, region: 'c' } },
      changes[3],
    ]);
  });
});

it.each([
  ['state', true],
  ['variables.rate', true],
  ['log.*', true],
  ['stateful', false],
  ['agent.state', false],
  ['', false],
])('a path %j begins with what may be redacted: %j', (path, isPath) => {
  expect(redactedPaths.safeParse([path]).success).toBe(isPath);
});

const nested = (depth: number): unknown => (depth === 0 ? 1 : { in: nested(depth - 1) });
const many = (count: number): number[] => Array.from({ length: count }, (_, at) => at);
const shown = (value: unknown) => new Redaction([]).shown('state', value);
const fields = (count: number) => Object.fromEntries(many(count).map((at) => [`k${at}`, at]));

describe('anything that is given', () => {
  it('is shown up to 12 in depth, 200 entries, 4,000 characters and 4,000 values', () => {
    expect(shown(nested(12))).toEqual(nested(12));
    expect(JSON.stringify(shown(nested(13)))).toBe(
      JSON.stringify(nested(12)).replace('1', '"[left out: too deep]"'),
    );
    expect([shown(many(200)), shown(many(202))]).toEqual([many(200), [...many(200), '… 2 more']]);
    expect([shown(fields(200)), shown(fields(202))]).toEqual([
      fields(200),
      { ...fields(200), '…': '2 more' },
    ]);
    const text = 'x'.repeat(4_000);
    expect([shown(text), shown(`${text}yz`)]).toEqual([text, `${text}… (4002 characters)`]);
    // One list, eight numbers, and 190 lists of 21 values each are 3,999.
    const lists = shown([...many(8), ...many(192).map(() => many(20))]) as unknown[];
    expect(lists.slice(8, 198)).toEqual(many(190).map(() => many(20)));
    expect(lists.slice(198)).toEqual(['[left out: too much]', '[left out: too much]']);
  });

  it('has its kind', () => {
    const twice = { same: 1 };
    const given = {
      big: 5n,
      none: null,
      sign: Symbol('s'),
      nan: Number.NaN,
      at: new Date(0),
      never: new Date(Number.NaN),
      page: new URL('https://host.example/a'),
      view: new DataView(new ArrayBuffer(2)),
      buffer: new ArrayBuffer(4),
      map: new Map<unknown, unknown>([[1, 'one']]),
      set: new Set(['a', 'b']),
      error: Object.assign(new RangeError('too far'), { own: 'left out' }),
      one: twice,
      other: [twice, twice],
    };
    expect(shown(given)).toEqual({
      big: '5n',
      none: null,
      sign: '[symbol]',
      nan: 'NaN',
      at: '1970-01-01T00:00:00.000Z',
      never: 'Invalid Date',
      page: 'https://host.example/a',
      view: '[2 bytes]',
      buffer: '[4 bytes]',
      map: { 1: 'one' },
      set: { 0: 'a', 1: 'b' },
      error: { name: 'RangeError', message: 'too far' },
      one: twice,
      other: [twice, twice],
    });
  });

  it('that is the fleet’s own keeps texts under any key, as long as any other', () => {
    expect(plain({ token: 'kept', list: [{ password: 'kept' }] })).toEqual({
      token: 'kept',
      list: [{ password: 'kept' }],
    });
    expect(plain('x'.repeat(4_001))).toMatch(/… \(4001 characters\)$/);
    expect(new Redaction([]).shown('variables', 'a text', 'apiKey')).toBe(REDACTED);
    expect(new Redaction([]).shown('variables', 5, 'apiKey')).toBe(REDACTED);
  });

  it('becomes JSON of bounded size', () => {
    const redaction = new Redaction(['state.hidden']);
    fc.assert(
      fc.property(
        fc.anything({ withMap: true, withSet: true, withDate: true, withBigInt: true, withTypedArray: true }),
        (value) => {
          const text = JSON.stringify(redaction.shown('state', { value, hidden: 'secret-of-the-test' }));
          expect(text).not.toContain('secret-of-the-test');
          expect(text.length).toBeLessThan(1_000_000);
        },
      ),
    );
  });

  it('may be a cycle, endless in depth or breadth, or unreadable', () => {
    const redaction = new Redaction([]);
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    expect(redaction.shown('state', cycle)).toEqual({ self: '[circular]' });
    let deep: unknown = 1;
    for (let depth = 0; depth < 10_000; depth++) deep = { deep };
    expect(JSON.stringify(redaction.shown('state', deep))).toContain('too deep');
    const wide = redaction.shown(
      'state',
      Array.from({ length: 100_000 }, (_, n) => n),
    ) as unknown[];
    expect(wide).toHaveLength(201);
    const broken = {
      get oops() {
        throw new Error('unreadable');
      },
    };
    expect(redaction.shown('state', { broken, fine: 1 })).toEqual({ broken: '[cannot be read]', fine: 1 });
    expect(redaction.shown('state', { at: Infinity, f: () => 1, b: new Uint8Array(3) })).toEqual({
      at: 'Infinity',
      f: '[function]',
      b: '[3 bytes]',
    });
  });
});

it('no answer, event or stream of a dashboard holds anything of initArgs', async () => {
  const fleet = await system();
  await running(fleet, 'ada');
  await fleet.agents.execute('ada', { type: 'add' });
  const task = { type: 'add', input: { region: 'north' } };
  await fleet.tasks.schedule({ name: 'nightly', everyMs: 3_600_000, target: 'ada', task });
  const shown = await dashboard(fleet, { control: true });
  const paths = [
    'fleet',
    'agents',
    'agents/ada',
    'agents/ada/events',
    'agents/ada/life',
    'agents/ada/state',
    'events',
    'timeline',
  ];
  for (const path of paths) {
    const { status, text } = await ask(shown, `/api/${path}`);
    expect({ path, status }).toEqual({ path, status: 200 });
    expect(text).not.toMatch(/of-init-args|north|key-in-the-state/);
  }
  const listening = await listen(shown, 'fleet,agents,marks,agent:ada');
  await listening.until('agents');
  await listening.until('events');
  expect(JSON.stringify(listening.messages)).not.toMatch(/of-init-args|north/);
});

it('what is to be redacted is said by path: the rest of initArgs is shown then', async () => {
  const fleet = await system();
  await running(fleet, 'ada');
  const shown = await dashboard(fleet, { redact: ['input', 'initArgs.secretive'] });
  const { json } = await ask(shown, '/api/agents/ada');
  expect(json.spec.initArgs).toEqual({ region: 'north', password: REDACTED });
  await expect(dashboard(fleet, { redact: ['spec.initArgs'] })).rejects.toThrow(
    /expected a path that begins with/,
  );
});
