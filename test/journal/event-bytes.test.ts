import { describe, expect, it } from 'vitest';
import { dataBytes } from '../../src/runtime/journal/event-bytes.ts';

/** Of `depth` objects, each within the one before. */
function chain(depth: number, within: (parent: unknown) => unknown): unknown {
  let value: unknown = null;
  for (let level = 0; level < depth; level++) value = within(value);
  return value;
}

describe('the bytes of data', () => {
  it('are those of its texts, fields and buffers', () => {
    expect(dataBytes(undefined)).toBe(16);
    expect(dataBytes(7)).toBe(16);
    expect(dataBytes('four')).toBe(16 + 8);
    expect(dataBytes(new Uint8Array(1_000))).toBe(64 + 1_000);
    expect(dataBytes({})).toBe(64);
    expect(dataBytes([])).toBe(64);
    expect(dataBytes({ ab: 'four' })).toBe(64 + 4 + 16 + 24);
    expect(dataBytes(['four', new Uint8Array(8)])).toBe(64 + 2 * 16 + 24 + 72);
    expect(dataBytes({ a: { b: {} } })).toBe(3 * 64 + 2 * 16 + 2 * 2);
    expect(dataBytes([{}, {}])).toBe(3 * 64 + 2 * 16);
  });

  it('are found however deep it is, and no stack runs out', () => {
    const depth = 1_000_000;
    expect(dataBytes(chain(depth, (parent) => ({ parent })))).toBeGreaterThan(65_000 * 64);
    expect(dataBytes(chain(depth, (parent) => [parent]))).toBeGreaterThan(65_000 * 64);
    expect(dataBytes(chain(depth, (parent) => ({ left: {}, parent })))).toBeGreaterThan(64);
  });

  it('are those of every turn of a conversation that is a chain', () => {
    const turns = 5_000;
    const content = 'x'.repeat(100);
    const bytes = dataBytes(chain(turns, (parent) => ({ role: 'user', content, parent })));
    expect(bytes).toBeGreaterThan(turns * 2 * content.length);
    expect(bytes).toBeLessThan(turns * 2 * (2 * content.length));
  });

  it('count one large text among a thousand small ones', () => {
    const texts = Array.from({ length: 1_000 }, (_, at) => ({
      text: at === 617 ? 'x'.repeat(1e6) : 'small',
    }));
    expect(dataBytes(texts)).toBeGreaterThan(2e6);
  });
});
