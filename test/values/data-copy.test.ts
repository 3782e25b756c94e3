import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dataCopy, frozenCopy } from '../../src/runtime/values/data-copy.ts';

class Client {
  calls: string[] = [];
}

describe('a copy of data', () => {
  it('is equal, and shares no plain object and no array, however deep', () => {
    const data = { list: [1, [2, { three: 3 }]], none: undefined, nil: null, text: 'text', '': { a: 1 } };
    const copy = dataCopy(data);
    expect(copy).toStrictEqual(data);
    copy.list.push(4);
    (copy.list[1] as unknown[]).push(5);
    copy[''].a = 2;
    expect(data).toStrictEqual({
      list: [1, [2, { three: 3 }]],
      none: undefined,
      nil: null,
      text: 'text',
      '': { a: 1 },
    });
  });

  it('keeps the names that a list has beside its places, also where it has as many holes', () => {
    const list: unknown[] & { name?: object } = ['one'];
    list.length = 2;
    list.name = { of: 'it' };
    for (const copy of [dataCopy(list), frozenCopy(list)]) {
      expect([copy.length, Object.keys(copy), copy.name]).toEqual([2, ['0', 'name'], { of: 'it' }]);
      expect(copy.name).not.toBe(list.name);
    }
  });

  it('takes no room for the holes of a list, however long it is', () => {
    const list: unknown[] = [];
    list[4_294_967_293] = { n: 1 };
    const copy = dataCopy({ list }).list;
    expect([copy.length, Object.keys(copy)]).toEqual([4_294_967_294, ['4294967293']]);
    expect(copy[4_294_967_293]).not.toBe(list[4_294_967_293]);
  });

  it('keeps values that are not data by reference, and copies the data around them', () => {
    const held = { client: new Client(), call: () => 1, when: new Date(0), map: new Map() };
    const copy = dataCopy({ held, list: [held.client] });
    expect(copy.held).not.toBe(held);
    expect(copy.list[0]).toBe(held.client);
    for (const key of ['client', 'call', 'when', 'map'] as const) expect(copy.held[key]).toBe(held[key]);
    const client = new Client();
    for (const value of [client, held.call, 7, 'a', null, undefined]) expect(dataCopy(value)).toBe(value);
  });

  it('has one copy of what is there more than once, itself included', () => {
    const inner = { n: 1 };
    const data: { a: object; b: object; self?: object } = { a: inner, b: inner };
    data.self = data;
    const copy = dataCopy(data);
    expect(copy.a).toBe(copy.b);
    expect(copy.a).not.toBe(inner);
    expect(copy.self).toBe(copy);
  });

  it('is right too where a getter of the data copies other data meanwhile', () => {
    const data: { self?: object; readonly other: object } = {
      get other() {
        return dataCopy({ n: [1] });
      },
    };
    data.self = data;
    const copy = dataCopy(data);
    expect(copy.self).toBe(copy);
    expect(copy.other).toEqual({ n: [1] });
  });

  it('takes keys as they are, __proto__ included, and objects without a prototype or of another realm', () => {
    const odd = JSON.parse('{ "__proto__": { "a": 1 } }') as Record<string, { a: number }>;
    const copy = dataCopy(odd);
    expect(Object.keys(copy)).toEqual(['__proto__']);
    expect(Object.getPrototypeOf(copy)).toBe(Object.prototype);
    expect(Object.getPrototypeOf(dataCopy(Object.create(null)))).toBe(null);
    const foreign = runInNewContext('({ list: [1] })') as { list: number[] };
    dataCopy(foreign).list.push(2);
    expect(foreign.list).toHaveLength(1);
  });

  it('may be nested more deeply than a stack', () => {
    let deep: object = {};
    for (let level = 0; level < 100_000; level++) deep = { deep };
    expect(Object.keys(dataCopy(deep))).toEqual(['deep']);
  });

  it('is the same whether there is little of it or much, with holes and names in lists', () => {
    const odd: Record<string, unknown>[] = [];
    const list: unknown[] = Object.assign([1, { a: 1 }], { named: { b: 2 } });
    list[3] = 3;
    odd.push({ list }, { list: [list, list] }, { inner: odd });
    for (const data of odd) {
      // Beside so many others it is copied another way.
      const many = Array.from({ length: 40 }, () => ({ n: 1 }));
      expect(dataCopy(data)).toStrictEqual(dataCopy({ many, data }).data);
    }
    fc.assert(
      fc.property(fc.object({ maxDepth: 4, withNullPrototype: true, withSparseArray: true }), (data) => {
        const many = Array.from({ length: 40 }, () => ({ n: 1 }));
        expect(dataCopy(data)).toStrictEqual(dataCopy({ many, data }).data);
        expect(dataCopy(data)).toEqual(data);
      }),
    );
  });
});
