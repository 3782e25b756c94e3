/** Laws of the status of a pool. */
import { expect, test } from 'vitest';
import { poolMachine } from '../../src/machines/index.ts';
import { poolStatusAt, poolTrouble } from '../../src/runtime/pools/pool-status.ts';

interface Node {
  readonly path: readonly string[];
  readonly states: Readonly<Record<string, Node>>;
}

function leavesOf({ path, states }: Node): string[] {
  const inner = Object.values(states);
  return inner.length === 0 ? [path.join('.')] : inner.flatMap(leavesOf);
}

test.each([
  ['deciding', 'growing'],
  ['opening', 'growing'],
  ['serving.balancing', 'growing'],
  ['serving.steady', 'steady'],
  ['serving.growing', 'growing'],
  ['serving.shrinking', 'shrinking'],
  ['serving.backingOff', 'backing_off'],
  ['serving.degraded', 'degraded'],
])('a pool whose chart is in %s is %s', (path, status) => {
  expect(poolStatusAt(path)).toBe(status);
});

test('a pool that serves has a status of its own in every state of the chart, and every other state is on the way to its end', () => {
  const paths = leavesOf(poolMachine.root);
  const closing = paths.filter((path) => poolStatusAt(path) === 'closing');
  expect(paths.length - closing.length).toBe(8);
  expect(closing.filter((path) => path.startsWith('serving') || path === 'opening')).toEqual([]);
  expect(closing).not.toEqual([]);
});

test('an alert says of which pool it is, what is wrong, and why', () => {
  expect(poolTrouble('crew', 'pool_degraded', 'exit code 1')).toBe(
    'pool crew fails too often, and tries one member now and then: exit code 1',
  );
  expect(poolTrouble('crew', 'pool_starved', 'RESOURCES_EXHAUSTED')).toBe(
    'pool crew has no room for a member that it should have: RESOURCES_EXHAUSTED',
  );
});
