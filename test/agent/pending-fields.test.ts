/** Laws of the fields of a changed spec that wait for the next body. */
import { describe, expect, it, test } from 'vitest';
import type { KeptSpec } from '../../src/runtime/agent/agent-terms.ts';
import { isOfBody, pendingFields } from '../../src/runtime/agent/pending-fields.ts';
import { manifestOf } from '../../src/runtime/definition/manifest.ts';
import { defineAgent } from '../../src/index.ts';

const spec = {
  id: 'a',
  module: { type: 'plain' },
  initArgs: { from: 1 },
  isolation: 'in-process',
  resources: { env: ['A'] },
  health: { intervalMs: 5 },
} as unknown as KeptSpec;
const manifest = { ...manifestOf(defineAgent({ type: 'plain', init: () => ({}), tasks: {} })), hash: 'one' };
const body = { spec, manifest };
const pendingAfter = (fields: object, hash = 'one', isRekeyed = false) =>
  pendingFields(body, { spec: { ...spec, ...fields }, manifest: { ...manifest, hash } }, isRekeyed);

test.each([
  ['module', true],
  ['initArgs', true],
  ['initArgs.from', true],
  ['isolation', true],
  ['resources.env', true],
  ['health.intervalMs', false],
  ['restart', false],
  ['initArgsOf', false],
  ['', false],
])('whether a body is made from %j: %j', (field, isMade) => {
  expect(isOfBody(field)).toBe(isMade);
});

describe('of a changed spec', () => {
  it('nothing waits where a body would be made from the same', () => {
    expect(pendingAfter({})).toEqual([]);
    expect(pendingAfter({ health: { intervalMs: 9 }, initArgs: { from: 1 } })).toEqual([]);
    expect(Object.isFrozen(pendingAfter({}))).toBe(true);
  });

  it.each([
    [{ initArgs: { from: 2 } }, ['initArgs']],
    [{ isolation: 'thread' }, ['isolation']],
    [{ resources: { env: ['A', 'B'] } }, ['resources']],
    [{ resources: {}, initArgs: {} }, ['initArgs', 'resources']],
    [{ module: { type: 'other' } }, ['module']],
    [{ module: { type: 'other' }, isolation: 'thread' }, ['module', 'isolation']],
  ])('%j waits as %j', (fields, pending) => {
    expect(pendingAfter(fields)).toEqual(pending);
  });

  it('the arguments wait where a secret in them is another one', () => {
    expect(pendingAfter({}, 'one', true)).toEqual(['initArgs']);
    expect(pendingAfter({ isolation: 'thread' }, 'one', true)).toEqual(['initArgs', 'isolation']);
  });

  it('code of this program waits where its definition is another one; that of a URL is known by its URL', () => {
    expect(pendingAfter({}, 'two')).toEqual(['module']);
    const url = { url: 'file:///a.js' };
    const next = { spec: { ...spec, module: url } as KeptSpec, manifest: { ...manifest, hash: 'two' } };
    expect(pendingFields({ spec: next.spec, manifest }, next, false)).toEqual([]);
    expect(pendingFields(body, next, false)).toEqual(['module']);
  });
});
