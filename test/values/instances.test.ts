/** What an object is: by its class, its fields, and whether a copy of these is all of it. */
import { EventEmitter } from 'node:events';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import {
  classNameOf,
  hasFields,
  hasMethods,
  isPlain,
  isWholeInFields,
  tagOf,
} from '../../src/runtime/values/instances.ts';

class Client {
  readonly key = 1;
  call(): number {
    return this.key;
  }
}
class Point {
  readonly x = 1;
}
class Named extends Client {}
const bare = Object.assign(Object.create(null) as object, { a: 1 });
const foreign = runInNewContext('({ a: 1 })') as object;

describe('its name', () => {
  it.each<[object, string, string]>([
    [new Client(), 'Client', 'Object'],
    [new Map(), 'Map', 'Map'],
    [new URL('https://host/'), 'URL', 'URL'],
    [
      new (class {
        n = 1;
      })(),
      'a class',
      'Object',
    ],
    [bare, 'a class', 'Object'],
    [{ constructor: 'none' }, 'a class', 'Object'],
    [Object.assign(Object.create(null) as object, { [Symbol.toStringTag]: 'Told' }), 'Told', 'Told'],
  ])('of %o is %s, its tag %s', (value, name, tag) => {
    expect([classNameOf(value), tagOf(value)]).toEqual([name, tag]);
  });
});

describe('whether it is plain', () => {
  it.each<[string, object, boolean]>([
    ['an object', {}, true],
    ['one without a prototype', bare, true],
    ['one of another realm', foreign, true],
    ['a list', [], false],
    ['an instance', new Point(), false],
    ['what stands before one of no prototype', Object.create(bare) as object, false],
    ['what stands before a plain one', Object.create({ isPrototypeOf: 1 }) as object, false],
  ])('%s: %s', (_, value, isIt) => {
    expect(isPlain(value)).toBe(isIt);
  });
});

describe('whether it has fields', () => {
  it.each<[string, unknown, boolean]>([
    ['nothing', null, false],
    ['a text', 'text', false],
    ['a function', () => 1, false],
    ['a list', [1], false],
    ['bytes', new Uint8Array(1), false],
    ['a text that is an object', new String('text'), false],
    ['a number that is one', new Number(1), true],
    ['an object', {}, true],
    ['a map', new Map(), true],
    ['a proxy of a list', new Proxy([], {}), true],
  ])('%s: %s', (_, value, has) => {
    expect(hasFields(value)).toBe(has);
  });
  it('a proxy that was revoked is not asked', () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    expect(hasFields(proxy)).toBe(true);
  });
});

/** So many prototypes, each without anything of its own. */
function chained(length: number, first: object = Object.create(null) as object): object {
  let value = first;
  for (let at = 0; at < length; at += 1) value = Object.create(value) as object;
  return value;
}

describe('whether it has methods', () => {
  it.each<[string, object, boolean]>([
    ['an object', { run: () => 1 }, false],
    ['one without a prototype', bare, false],
    ['one of another realm', foreign, false],
    ['an instance of a class without any', new Point(), false],
    ['an instance of a class with one', new Client(), true],
    ['of a class that extends such a one', new Named(), true],
    [
      'an accessor',
      Object.create({
        get now() {
          return 1;
        },
      }) as object,
      true,
    ],
    ['a method under a symbol', Object.create({ [Symbol.iterator]: () => 1 }) as object, true],
    ['a chain of a hundred with nothing', chained(100), false],
    ['a longer one, which is not looked through', chained(101), true],
  ])('%s: %s', (_, value, has) => {
    expect(hasMethods(value)).toBe(has);
  });
});

describe('whether its fields are all of it', () => {
  it.each<[string, object, boolean]>([
    ['an object', { a: 1 }, true],
    ['an empty one', {}, true],
    ['a date', new Date(0), true],
    ['a pattern', /a/, true],
    ['a number that is an object', new Number(1), true],
    ['an instance with fields', new Client(), true],
    ['an instance with methods and no fields', Object.create(Client.prototype) as object, false],
    ['an instance with neither', Object.create(Point.prototype) as object, true],
    ['a URL', new URL('https://host/'), false],
    ['headers', new Headers(), false],
    ['a map with a field of its own', Object.assign(new Map(), { a: 1 }), false],
    ['a generator', (function* () {})(), false],
    ['an object with a tag of its own', { a: 1, [Symbol.toStringTag]: 'Told' }, true],
    ['an emitter of events', Object.assign(new EventEmitter(), { a: 1 }), false],
    ['what only emits', { emit: () => 1 }, true],
    ['what only listens', { on: () => 1 }, true],
  ])('%s: %s', (_, value, isIt) => {
    expect(isWholeInFields(value)).toBe(isIt);
  });
});
