import { describe, expect, it } from 'vitest';
import type { SystemEvent } from '../../src/index.ts';
import { dataBytes, eventBytes } from '../../src/runtime/journal/event-bytes.ts';

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

  it('are those of a sample of 1,024 where there are more, and of as many looks as there are left', () => {
    const list: unknown[] = Array.from({ length: 2_048 }, () => 7);
    const all = 64 + 2_048 * 32;
    expect(dataBytes(list)).toBe(all);
    // Every second one is looked at.
    expect(dataBytes(list.with(1, 'x'.repeat(1_000)))).toBe(all);
    expect(dataBytes(list.with(2, {}))).toBe(all + 2 * (64 - 16));
    expect(dataBytes(Array.from({ length: 1_024 }, () => 7).with(1, 'four' as never))).toBe(
      64 + 1_024 * 32 + 8,
    );
    expect(dataBytes([[1], [2]], 4)).toBe(64 + 2 * 16 + 2 * 96);
    expect(dataBytes([[1], [2]], 3)).toBe(64 + 2 * 16 + 2 * 80);
    expect(dataBytes([[[1]]], 2)).toBe(3 * 80);
    expect(dataBytes(chain(70_000, (parent) => [parent]))).toBe(65_536 * 80 + 80);
  });

  it('count one large text among a thousand small ones', () => {
    const texts = Array.from({ length: 1_000 }, (_, at) => ({
      text: at === 617 ? 'x'.repeat(1e6) : 'small',
    }));
    expect(dataBytes(texts)).toBeGreaterThan(2e6);
  });
});

const bytesOf = (event: object) => eventBytes(event as SystemEvent);

describe('the bytes of an event', () => {
  const [PLAIN, LIFE, SPEC, SLOT] = [256, 512, 2_048, 16];
  const life = { history: { recent: [1, 2] } };
  const data = { text: 'x'.repeat(1_000) };

  it.each(['task.started', 'agent.state_saved', 'variable.acknowledged', 'agent.forgotten'])(
    '%s are those of a plain one',
    (type) => {
      expect(bytesOf({ type, data })).toBe(PLAIN);
    },
  );

  it('of a task are those of its input or output', () => {
    expect(bytesOf({ type: 'task.accepted' })).toBe(PLAIN);
    expect(bytesOf({ type: 'task.accepted', input: data })).toBe(PLAIN + dataBytes(data));
    expect(bytesOf({ type: 'task.completed' })).toBe(PLAIN);
    expect(bytesOf({ type: 'task.completed', output: data })).toBe(PLAIN + dataBytes(data));
  });

  it('of a life are those of where it stands, and of why it ended', () => {
    const begun = PLAIN + LIFE + 2 * SLOT;
    expect(bytesOf({ type: 'agent.started', life })).toBe(begun);
    expect(bytesOf({ type: 'agent.starting', life: { ...life, paused: {} } })).toBe(begun + LIFE);
    expect(bytesOf({ type: 'agent.recovered', life: { ...life, parked: {} } })).toBe(begun + LIFE);
    expect(bytesOf({ type: 'agent.crashed', life, reason: data, abandoned: [data] })).toBe(
      begun + dataBytes(data) + dataBytes([data]),
    );
  });

  it('of a spec are those of what it holds, and of its changes', () => {
    const resources = { env: data };
    const spec = { initArgs: data, resources };
    const manifest = { tasks: [data] };
    const registered = PLAIN + SPEC + dataBytes(data) + dataBytes(resources) + dataBytes(manifest);
    // What many share is measured once, and counted for each.
    for (let time = 0; time < 2; time += 1)
      expect(bytesOf({ type: 'agent.registered', spec, manifest })).toBe(registered);
    expect(bytesOf({ type: 'agent.updated', spec, manifest, changes: [data] })).toBe(
      registered + dataBytes([data]),
    );
    expect(bytesOf({ type: 'agent.registered', spec: { initArgs: 1 } })).toBe(PLAIN + SPEC + 3 * SLOT);
  });

  it('of any other are those of all its data', () => {
    const event = { type: 'variable.changed', value: data };
    expect(bytesOf(event)).toBe(PLAIN + dataBytes(event));
  });
});
