import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Redaction } from '../../src/dashboard/redaction.ts';
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

  it('a text whose key names a secret is never shown, a number is', () => {
    const shown = new Redaction([]).shown('state', {
      password: 'a',
      apiKey: 'b',
      api_key: 'c',
      nested: { authToken: 'd', maxTokens: 100, cookies: ['e'] },
      name: 'f',
    });
    expect(shown).toEqual({
      password: REDACTED,
      apiKey: REDACTED,
      api_key: REDACTED,
      nested: { authToken: REDACTED, maxTokens: 100, cookies: [REDACTED] },
      name: 'f',
    });
  });
});

describe('anything that is given', () => {
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
