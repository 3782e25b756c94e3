/** Laws of lists of agents: who is wanted, in which order, and in how many words. */
import { expect, it } from 'vitest';
import { briefOf, byRegistration, isWanted, type LookFilter } from '../../src/restate/agent/look-filter.ts';
import type { Look } from '../../src/restate/engine/names.ts';

const look = (more: object = {}, beside: object = {}): Look =>
  ({
    record: {
      id: 'a',
      type: 'worker',
      status: 'running',
      state: 's',
      capabilities: ['dig'],
      spec: {},
      ...more,
    },
    alerts: [],
    registeredAt: 3,
    isMoving: false,
    ...beside,
  }) as never;
const pooled = look({ spec: { pool: 'p' } });

it.each<[LookFilter, Look, boolean]>([
  [{}, look(), true],
  [{ agentId: 'a' }, look(), true],
  [{ agentId: 'b' }, look(), false],
  [{ type: 'worker' }, look(), true],
  [{ type: 'other' }, look(), false],
  [{ status: 'running' }, look(), true],
  [{ status: 'stopped' }, look(), false],
  [{ capability: 'dig' }, look(), true],
  [{ capability: 'fly' }, look(), false],
  [{ pool: 'p' }, pooled, true],
  [{ pool: 'q' }, pooled, false],
  [{ pool: 'p' }, look(), false],
  [{ isPaused: true }, look({ paused: {} }), true],
  [{ isPaused: true }, look(), false],
  [{ isPaused: false }, look(), true],
  [{ isPaused: false }, look({ paused: {} }), false],
  [{ isParked: true }, look({ parked: {} }), true],
  [{ isParked: true }, look(), false],
  [{ isParked: false }, look(), true],
  [{ isParked: false }, look({ parked: {} }), false],
  [{ having: 'quota' }, look({}, { quota: {} }), true],
  [{ having: 'quota' }, look({}, { alerts: [{}], hasAsked: true }), false],
  [{ having: 'alerts' }, look({}, { alerts: [{}] }), true],
  [{ having: 'alerts' }, look({}, { quota: {}, hasAsked: true }), false],
  [{ having: 'questions' }, look({}, { hasAsked: true }), true],
  [{ having: 'questions' }, look({}, { quota: {}, alerts: [{}] }), false],
  [{ type: 'worker', status: 'stopped' }, look(), false],
  [{ type: 'other', status: 'running' }, look(), false],
])('%o of %o is wanted: %s', (filter, shown, isIn) => {
  expect(isWanted(shown, filter)).toBe(isIn);
});

it('in few words it has its pool, if it is in one', () => {
  const brief = { id: 'a', type: 'worker', status: 'running', state: 's', registeredAt: 3, isMoving: false };
  expect([briefOf(look()), briefOf(pooled)]).toEqual([brief, { ...brief, pool: 'p' }]);
  expect(briefOf(look())).not.toHaveProperty('pool');
});

it('the order is that of registration, and by their ids of those of one moment', () => {
  const listed = [
    ['b', 2],
    ['c', 1],
    ['a', 2],
  ].map(([id, registeredAt]) => ({ id, registeredAt }) as never);
  expect(listed.toSorted(byRegistration).map(({ id }) => id)).toEqual(['c', 'a', 'b']);
  const [b, , a] = listed;
  expect([byRegistration(a!, b!), byRegistration(b!, a!)]).toEqual([-1, 1]);
});
