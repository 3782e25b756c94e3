/** Which node a body goes to: by what it asks for, by what is free, and by who it shares a process with. */
import { describe, expect, test } from 'vitest';
import {
  decidePlacement,
  leavePlace,
  type NodeEntry,
  type Occupant,
  placeAsked,
  roomFor,
  takePlace,
} from '../../src/restate/nodes/placement.ts';
import { asking as occupant, known } from './occupants.ts';

const node = (name: string, more: Partial<NodeEntry> = {}): NodeEntry =>
  known(name, { maxAgents: Infinity, ...more });
const asking = (more: Partial<Occupant> = {}): Occupant => ({ ...occupant('ada', 1, 0), ...more });

/** Its node's name, or why there is none. */
function placeOf(nodes: readonly NodeEntry[], occupant: Occupant): string {
  const decision = decidePlacement(nodes, occupant);
  if ('problem' in decision) return decision.problem;
  takePlace(decision.node, occupant);
  return decision.node.name;
}

/** A module of that version has run there. */
const ran = (version: number) => ({ stateVersions: [null], moduleVersions: [['worker', version]] as const });

describe('a body goes', () => {
  test('to the node with the most free memory, then to the one with the fewest agents, then to the first by name', () => {
    const nodes = [node('a', { maxMemoryBytes: 100 }), node('b', { maxMemoryBytes: 300 })];
    const occupant = asking({ memoryBytes: 100 });
    expect([1, 2, 3, 4].map(() => placeOf(nodes, occupant))).toEqual(['b', 'b', 'a', 'b']);
    const equals = [node('b'), node('a'), node('c', { agents: 1 })];
    expect([1, 2, 3].map(() => placeOf(equals, asking()))).toEqual(['a', 'b', 'a']);
  });

  test('up to the very limits of a node, and not beyond', () => {
    const full = [node('a', { maxAgents: 1, maxMemoryBytes: 100 })];
    expect(placeOf(full, asking({ memoryBytes: 101 }))).toMatch(/no node has room .* 101 bytes/);
    expect(placeOf(full, asking({ memoryBytes: 100 }))).toBe('a');
    expect(placeOf(full, asking())).toMatch(/no node has room/);
    expect(placeOf([node('a', { maxAgents: 0 })], asking())).toMatch(/no node has room/);
  });

  test('to where it wants to, or nowhere', () => {
    const nodes = [
      node('a', { labels: { disk: 'fast', zone: 'x' } }),
      node('b', { labels: { disk: 'slow' } }),
    ];
    expect(placeOf(nodes, asking({ wish: { node: 'b' } }))).toBe('b');
    expect(placeOf(nodes, asking({ wish: { labels: { disk: 'fast' } } }))).toBe('a');
    for (const wish of [{ node: 'c' }, { node: 'b', labels: { disk: 'fast' } }, { labels: { gpu: 'yes' } }]) {
      expect(placeOf(nodes, asking({ wish }))).toMatch(/no live node fits its placement/);
    }
  });

  test('to a node that has its code, which for a module named by a URL is any', () => {
    const nodes = [node('a', { types: [] }), node('b')];
    expect(placeOf(nodes, asking())).toBe('b');
    expect(placeOf(nodes, asking({ type: 'stranger' }))).toMatch(/has the code of type stranger/);
    expect(placeOf(nodes, asking({ type: 'stranger', isModule: true }))).toBe('a');
  });

  test('to a node whose code reads its state, while there is one', () => {
    const nodes = [
      node('a', { stateVersions: [1] }),
      node('b', { types: ['other', 'worker'], stateVersions: [1, 2], agents: 9 }),
    ];
    expect(placeOf(nodes, asking({ stateVersion: 2 }))).toBe('b');
    expect(placeOf(nodes, asking())).toBe('a');
    // It waits for room there. Where nobody reads it the start fails, and says why.
    const full = [nodes[0]!, node('b', { stateVersions: [2], maxAgents: 0 })];
    expect(placeOf(full, asking({ stateVersion: 2 }))).toMatch(/no node has room/);
    expect(placeOf(nodes, asking({ stateVersion: 3 }))).toBe('a');
    // Only the child process of a module knows its version: one that has not run yet is taken to read it.
    expect(placeOf([node('a', { stateVersions: [null] }), node('b')], asking({ stateVersion: 2 }))).toBe('a');
    expect(placeOf(nodes, asking({ stateVersion: 2, isModule: true }))).toBe('a');
  });

  test.each([false, true])(
    'and so where its code is a module that has run there; named by its spec: %j',
    (isModule) => {
      const asked = asking({ stateVersion: 2, isModule });
      expect(placeOf([node('a', ran(1)), node('b', { ...ran(2), agents: 9 })], asked)).toBe('b');
      expect(placeOf([node('a', ran(1)), node('b', { agents: 9 })], asked)).toBe('b');
      expect(placeOf([node('a', ran(1))], asked)).toBe('a');
      const elsewhere = { stateVersions: [], types: [], moduleVersions: [['file:///1.ts', 1]] as const };
      const named = { ...asked, isModule: true, module: 'file:///2.ts' };
      // Another module of that type says nothing of this one.
      expect(placeOf([node('a', elsewhere), node('b', { agents: 9 })], named)).toBe('a');
      expect(
        placeOf([node('a', elsewhere), node('b', { agents: 9 })], { ...named, module: 'file:///1.ts' }),
      ).toBe('b');
      const other = { stateVersions: [null], moduleVersions: [['other', 1]] as const };
      expect(placeOf([node('a', other), node('b', ran(2))], asked)).toBe('a');
    },
  );

  test('to no node that drains, and nowhere when there is none', () => {
    expect(placeOf([node('a', { isDraining: true }), node('b', { agents: 9 })], asking())).toBe('b');
    expect(placeOf([node('a', { isDraining: true })], asking())).toMatch(/is draining/);
    expect(placeOf([], asking())).toMatch(/no node of the fleet is alive/);
  });
});

describe('members of a group', () => {
  const member = asking({ memoryBytes: 100, group: 'g' });

  test('go to the node that runs it, and the first reserves the limit for all', () => {
    const nodes = [node('a', { maxMemoryBytes: 150 }), node('b', { maxMemoryBytes: 100 })];
    expect([1, 2, 3].map(() => placeOf(nodes, member))).toEqual(['a', 'a', 'a']);
    expect(nodes[0]).toMatchObject({ agents: 3, memoryBytes: 100 });
    expect(placeOf(nodes, { ...member, group: 'another' })).toBe('b');
  });

  test('have room on a node whose memory is all reserved, and beside others of that node', () => {
    const full = [node('a', { maxMemoryBytes: 100 })];
    expect([1, 2].map(() => placeOf(full, member))).toEqual(['a', 'a']);
    expect(placeOf(full, asking())).toBe('a');
    expect(placeOf(full, asking({ memoryBytes: 1 }))).toMatch(/no node has room/);
  });

  test('begin a child of it elsewhere, where that node does not take them', () => {
    const nodes = [node('a', { maxAgents: 1 }), node('b', { agents: 5 })];
    expect([1, 2, 3].map(() => placeOf(nodes, member))).toEqual(['a', 'b', 'b']);
    const wishing = [node('a'), node('b')];
    expect(placeOf(wishing, member)).toBe('a');
    expect(placeOf(wishing, { ...member, wish: { node: 'b' } })).toBe('b');
  });

  test.each(['g', '__proto__', 'constructor'])(
    'free the memory of %s with the last of them, once',
    (group) => {
      const only = node('a', { maxMemoryBytes: 150 });
      const occupant = { ...member, group };
      for (const _ of [1, 2]) placeOf([only], occupant);
      leavePlace(only, occupant);
      expect(only).toMatchObject({ agents: 1, memoryBytes: 100 });
      leavePlace(only, occupant);
      expect(only).toMatchObject({ agents: 0, memoryBytes: 0, groups: {} });
      expect(placeOf([only], occupant)).toBe('a');
    },
  );
});

describe('there is room', () => {
  const few = { maxAgents: 10, agents: 4 };

  test('for as many as the nodes take that have its code, fit its wish and do not drain', () => {
    const nodes = [
      node('a', few),
      node('b', { ...few, maxAgents: 5, labels: { zone: 'x' } }),
      node('c', { ...few, types: ['other'], labels: { zone: 'x' } }),
      node('d', { ...few, isDraining: true }),
      // Its limit was lowered meanwhile: it has less room than none, and takes none from the others.
      node('e', { ...few, maxAgents: 1 }),
    ];
    expect(roomFor(nodes, asking())).toBe(7);
    expect(roomFor(nodes, asking({ isModule: true }))).toBe(13);
    const [older, newer] = [
      node('a', { stateVersions: [1] }),
      node('b', { stateVersions: [2], maxAgents: 3 }),
    ];
    expect(roomFor([older, newer], asking({ stateVersion: 2 }))).toBe(3);
    expect(roomFor(nodes, asking({ isModule: true, wish: { labels: { zone: 'x' } } }))).toBe(7);
    expect(roomFor(nodes, asking({ wish: { node: 'b' } }))).toBe(1);
    expect(roomFor([], asking())).toBe(0);
  });

  test('for as many as have their memory there, each as a whole, but for members of a group', () => {
    const nodes = [node('a', { ...few, maxMemoryBytes: 1_000, memoryBytes: 300 })];
    expect(roomFor(nodes, asking({ memoryBytes: 200 }))).toBe(3);
    expect(roomFor(nodes, asking({ memoryBytes: 350 }))).toBe(2);
    expect(roomFor(nodes, asking({ memoryBytes: 1 }))).toBe(6);
    expect(roomFor(nodes, asking({ memoryBytes: 200, group: 'g' }))).toBe(6);
    expect(roomFor(nodes, asking())).toBe(6);
    const reserved = [node('a', { ...few, maxMemoryBytes: 300, memoryBytes: 300 })];
    expect([roomFor(reserved, asking()), roomFor(reserved, asking({ memoryBytes: 1 }))]).toEqual([6, 0]);
  });
});

const specOf = (resources: object, more: object = {}) =>
  ({ module: { type: 'worker' }, resources, ...more }) as unknown as Parameters<typeof placeAsked>[0];

test('what a spec asks of its place is what it says, and nothing where it says nothing', () => {
  const nothing = { type: 'worker', isModule: false, memoryBytes: 0, wish: {} };
  const manifest = { type: 'worker', stateVersion: 1 };
  expect(placeAsked(specOf({}), manifest)).toStrictEqual(nothing);
  expect(placeAsked(specOf({}), { ...manifest, stateVersion: 2 })).toStrictEqual({
    ...nothing,
    stateVersion: 2,
  });
  const wish = { node: 'a' };
  const module = { url: 'file:///worker.js' };
  expect(
    placeAsked(specOf({ maxMemoryBytes: 5, group: 'g' }, { placement: wish, module }), manifest),
  ).toStrictEqual({ type: 'worker', isModule: true, memoryBytes: 5, group: 'g', wish });
  // Which module it is matters only where versions do.
  expect(placeAsked(specOf({}, { module }), { ...manifest, stateVersion: 2 })).toMatchObject({
    stateVersion: 2,
    module: module.url,
  });
});

test('a group is forgotten with its last member', () => {
  const there = node('a');
  const member = asking({ group: 'g', memoryBytes: 100 });
  takePlace(there, member);
  takePlace(there, member);
  leavePlace(there, member);
  expect(there).toMatchObject({ agents: 1, memoryBytes: 100, groups: { g: { members: 1 } } });
  leavePlace(there, member);
  expect(there).toMatchObject({ agents: 0, memoryBytes: 0 });
  expect(there.groups).toEqual({});
});
