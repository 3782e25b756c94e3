/** Laws of the object that keeps the variables of a fleet and its open rounds, over state that is data. */
import { describe, expect, it } from 'vitest';
import { defineConstraint, type NamedConstraint } from '../../src/index.ts';
import { variablesObjectOf } from '../../src/restate/coordination/variables-object.ts';
import { objectContext } from './object-context.ts';

const integer = (name: string, value: number, bounds: object = { min: 0, max: 100 }) => ({
  name,
  kind: 'integer',
  bounds,
  value,
});

const sum = (values: object) => Object.values(values).reduce((all: number, one: number) => all + one, 0);

function rig(constraints: readonly NamedConstraint[] = []) {
  const object = objectContext(variablesObjectOf(constraints));
  const { does } = object;
  return {
    ...object,
    change: (value: unknown, name = 'rate', more: object = {}) =>
      does('change', { name, value, by: 'ann', ...more }),
    open: (roundId: string, name = 'rate') =>
      does('openRound', { roundId, variable: name, value: 5, token: `of ${roundId}` }),
    stands: (roundId: string, more: object = {}) => does('roundStands', { roundId, ...more }),
    enact: (roundId: string, after: number, value: unknown, name = 'rate') =>
      does('enact', { roundId, after, name, value, by: 'voters', why: `decided in ${roundId}` }),
    rounds: async () => ((await does('rounds')) as { roundId: string }[]).map(({ roundId }) => roundId),
    value: async (name = 'rate') => ((await does('get', { name })) as { value?: object }).value,
  };
}

describe('a variable', () => {
  it('that is defined has its default, as its first version', async () => {
    const { does, events, value, at } = rig();
    at(5);
    const record = { ...integer('rate', 3), version: 1, updatedAt: 5 };
    expect(await does('define', integer('rate', 3))).toEqual({ value: { record, isNew: true } });
    const changed = { value: 3, version: 1, by: 'definition', at: 5, why: 'its default' };
    expect(events()).toEqual([{ type: 'variable.changed', name: 'rate', ...changed }]);
    expect(await value()).toEqual({ record, history: [changed] });
  });

  it('defined again keeps its value where that fits, under the new bounds, and no round ends', async () => {
    const { does, events, change, value, open, resolved } = rig();
    await does('define', integer('rate', 3));
    await change(7);
    await open('r1');
    events();
    expect(await does('define', integer('rate', 4, { min: 5, max: 7 }))).toMatchObject({
      value: { record: { value: 7, version: 2, bounds: { min: 5, max: 7 } }, isNew: false },
    });
    expect([events(), resolved()]).toEqual([[], []]);
    expect(await value()).toMatchObject({
      record: { bounds: { max: 7 } },
      history: [{ version: 1 }, { version: 2 }],
    });
    expect(await change(8)).toMatchObject({ refusal: { code: 'VARIABLE_INVALID' } });
  });

  it('whose value no longer fits has its default as the next version, and its rounds are cut off', async () => {
    const { does, events, open, resolved, rounds, stands } = rig();
    await does('define', integer('rate', 3));
    await open('r1');
    await stands('r1');
    events();
    expect(await does('define', integer('rate', 20, { min: 10, max: 50 }))).toMatchObject({
      value: { record: { value: 20, version: 2 }, isNew: true },
    });
    expect(events()).toMatchObject([
      { value: 20, version: 2, by: 'definition', why: 'its default: the value that was kept no longer fits' },
    ]);
    expect([resolved(), await rounds()]).toEqual([[['of r1', 'superseded']], []]);
  });

  it('is listed by its name, once', async () => {
    const { does } = rig();
    for (const name of ['b', 'c', 'a', 'b']) await does('define', integer(name, 1));
    expect(((await does('list')) as { name: string }[]).map(({ name }) => name)).toEqual(['a', 'b', 'c']);
    expect(await does('valuesOf', { names: ['c', 'nobody', 'a'] })).toEqual([
      { name: 'c', value: 1, version: 1 },
      { name: 'a', value: 1, version: 1 },
    ]);
  });

  it('that nobody defined is refused by its name', async () => {
    const { does, change, open, enact } = rig();
    const unknown = { refusal: { code: 'VARIABLE_UNKNOWN', message: 'no variable "rate" is defined' } };
    expect([
      await change(1),
      await open('r'),
      await enact('r', 1, 1),
      await does('get', { name: 'rate' }),
    ]).toEqual([unknown, unknown, unknown, unknown]);
    expect(await does('list')).toEqual([]);
  });
});

describe('a change', () => {
  it('is the next version, with who, when and why', async () => {
    const { does, change, events, at, value } = rig();
    await does('define', integer('rate', 3));
    events();
    at(9);
    expect(await change(4, 'rate', { why: 'load' })).toMatchObject({
      value: { value: 4, version: 2, updatedAt: 9 },
    });
    await change(5);
    expect(events()).toEqual([
      { type: 'variable.changed', name: 'rate', value: 4, version: 2, by: 'ann', at: 9, why: 'load' },
      { type: 'variable.changed', name: 'rate', value: 5, version: 3, by: 'ann', at: 9 },
    ]);
    expect(await value()).toMatchObject({
      history: [{ version: 1 }, { why: 'load' }, { version: 3, by: 'ann' }],
    });
  });

  it('that does not fit is refused, in the words of its kind, and changes nothing', async () => {
    const { does, change, events, value, open, resolved } = rig();
    await does('define', integer('rate', 3));
    await open('r1');
    events();
    const { refusal } = (await change(101)) as { refusal: { code: string; message: string } };
    expect(refusal.code).toBe('VARIABLE_INVALID');
    expect(refusal.message).toMatch(/^variable "rate": expected /);
    expect([events(), resolved()]).toEqual([[], []]);
    expect(await value()).toMatchObject({ record: { value: 3, version: 1 } });
  });

  it.each([
    ['float', { min: 0, max: 1 }, 0.5, 2],
    ['choice', { options: ['a', 'b'] }, 'b', 'c'],
    ['boolean', {}, false, 1],
  ])('of a %s is checked by its kind', async (kind, bounds, fits, not) => {
    const { does, change } = rig();
    await does('define', {
      name: 'rate',
      kind,
      bounds,
      value: kind === 'choice' ? 'a' : kind === 'float' ? 1 : true,
    });
    expect(await change(fits)).toMatchObject({ value: { value: fits } });
    expect(await change(not)).toMatchObject({ refusal: { code: 'VARIABLE_INVALID' } });
  });

  it('of a json value is checked by its caller alone', async () => {
    const { does, change } = rig();
    await does('define', { name: 'rate', kind: 'json', bounds: {}, value: {} });
    expect(await change([1])).toMatchObject({ value: { value: [1], version: 2 } });
  });

  it('keeps the last 100 versions', async () => {
    const { does, change, value } = rig();
    await does('define', integer('rate', 1));
    for (let n = 0; n < 99; n++) await change(n);
    expect((await value()) as { history: object[] }).toMatchObject({
      history: { length: 100, 0: { version: 1 } },
    });
    await change(1);
    expect(await value()).toMatchObject({
      history: { length: 100, 0: { version: 2 }, 99: { version: 101 } },
    });
  });

  it('cuts off the rounds on its variable, and no other', async () => {
    const { does, change, open, stands, resolved, rounds } = rig();
    for (const name of ['rate', 'other']) await does('define', integer(name, 1));
    for (const [id, name] of [
      ['r1', 'rate'],
      ['r2', 'other'],
      ['r3', 'rate'],
    ] as const) {
      await open(id, name);
      await stands(id);
    }
    await change(2);
    expect(resolved()).toEqual([
      ['of r1', 'superseded'],
      ['of r3', 'superseded'],
    ]);
    expect(await rounds()).toEqual(['r2']);
  });
});

describe('a round', () => {
  it('is shown once it is known how it stands, and as it stood last', async () => {
    const { does, open, stands, rounds } = rig();
    await does('define', integer('rate', 3));
    expect(await open('r1')).toMatchObject({ value: { value: 3, version: 1 } });
    await open('r2');
    expect(await rounds()).toEqual([]);
    await stands('r2', { phase: 'voting', tally: 1 });
    await stands('r1', { phase: 'voting' });
    await stands('r2', { phase: 'casting' });
    expect(await does('rounds')).toEqual([
      { roundId: 'r1', phase: 'voting' },
      { roundId: 'r2', phase: 'casting', tally: 1 },
    ]);
  });

  it('that has ended is gone, with all that was kept of it', async () => {
    const { does, open, stands, keys, rounds } = rig();
    await does('define', integer('rate', 3));
    const before = keys();
    await open('r1');
    await stands('r1');
    await open('r2');
    await does('closeRound', { roundId: 'r1' });
    await stands('r1', { phase: 'voting' });
    await does('closeRound', { roundId: 'r1' });
    expect(await rounds()).toEqual([]);
    expect(keys()).toEqual([...before, 'rounds']);
    await does('closeRound', { roundId: 'r2' });
    expect(keys()).toEqual(before);
  });

  it('is one too many after 100 that are open', async () => {
    const { does, open } = rig();
    await does('define', integer('rate', 3));
    for (let n = 0; n < 100; n++) expect(await open(`r${n}`)).toHaveProperty('value');
    expect(await open('r100')).toMatchObject({ refusal: { code: 'RESOURCES_EXHAUSTED' } });
    await does('closeRound', { roundId: 'r7' });
    expect(await open('r100')).toHaveProperty('value');
  });

  it('puts its value into force, ends itself, and cuts off the others on its variable', async () => {
    const { does, open, stands, enact, resolved, rounds, events } = rig();
    await does('define', integer('rate', 3));
    for (const id of ['r1', 'r2']) {
      await open(id);
      await stands(id);
    }
    events();
    expect(await enact('r1', 1, 8)).toMatchObject({ value: { value: 8, version: 2 } });
    expect(resolved()).toEqual([['of r2', 'superseded']]);
    expect(await rounds()).toEqual([]);
    expect(events()).toMatchObject([{ value: 8, version: 2, by: 'voters', why: 'decided in r1' }]);
  });

  it('on a version that is no longer in force changes nothing, and ends', async () => {
    const { does, change, enact, open, events, keys } = rig();
    await does('define', integer('rate', 3));
    await change(4);
    await open('r1');
    events();
    expect(await enact('r1', 1, 8)).toEqual({ value: null });
    expect(events()).toEqual([]);
    expect(keys()).not.toContain('rounds');
  });
});

describe('while coordination is away', () => {
  it('nothing changes, and no round is open; it is told once when it goes and when it comes', async () => {
    const { does, change, open, stands, enact, events, resolved, rounds } = rig();
    await does('define', integer('rate', 3));
    await open('r1');
    await stands('r1');
    events();
    expect(await does('turned')).toEqual({ turns: 0 });
    expect(await does('turn', { to: 'there' })).toEqual({ turns: 0 });
    expect(await does('turn', { to: 'away', by: 'ann' })).toEqual({ turns: 1 });
    expect(await does('turn', { to: 'away' })).toEqual({ turns: 1 });
    expect(events()).toEqual([{ type: 'coordination.lost', at: 0, why: 'suspended', by: 'ann' }]);
    expect([resolved(), await rounds()]).toEqual([[['of r1', 'coordination_lost']], []]);
    const away = { refusal: { code: 'COORDINATION_UNAVAILABLE', details: { status: 'suspended' } } };
    for (const answer of [
      await change(4),
      await open('r2'),
      await enact('r1', 1, 4),
      await does('define', integer('new', 1)),
    ])
      expect(answer).toMatchObject(away);
    expect(await change(4, 'nobody')).toMatchObject({ refusal: { code: 'VARIABLE_UNKNOWN' } });
    expect([await does('list'), events()]).toMatchObject([[{ name: 'rate', value: 3 }], []]);
    expect(await does('turn', { to: 'there', by: 'ann' })).toEqual({ turns: 2 });
    expect(await does('turned')).toEqual({ turns: 2 });
    expect(events()).toEqual([{ type: 'coordination.restored', at: 0, by: 'ann' }]);
    expect(await change(4)).toMatchObject({ value: { version: 2 } });
  });
});

describe('a constraint', () => {
  it('is asked about its own variables alone, whichever others are in force', async () => {
    const small = defineConstraint('small', ['low', 'high'], (values) => sum(values) <= 10);
    const ordered = defineConstraint(
      'ordered',
      ['high', 'top'],
      ({ high, top }) => Number(high) <= Number(top),
    );
    const { does, change } = rig([small, ordered]);
    for (const [name, value] of [
      ['low', 1],
      ['high', 2],
      ['top', 90],
    ] as const)
      await does('define', integer(name, value));
    for (const { name, variables } of [small, ordered]) await does('constrain', { name, variables });
    expect(await change(9, 'high')).toMatchObject({ value: { value: 9, version: 2 } });
    expect(await change(10, 'high')).toMatchObject({ refusal: { code: 'VARIABLE_INVALID' } });
  });
});
