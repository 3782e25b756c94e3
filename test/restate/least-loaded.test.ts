/** Laws of the choice among agents of a type, or of a pool. */
import { describe, expect, it } from 'vitest';
import { candidatesOf, leastLoadedOf } from '../../src/restate/agent/least-loaded.ts';
import { refusal } from '../kit/rig.ts';

const one = (id: string, state = 'alive.serving.unresponsive', isMoving = false) => ({ id, state, isMoving });
const chances =
  (...given: number[]) =>
  () =>
    given.shift()!;
const record = (id: string, waiting: number, running: number) =>
  ({ id, metrics: { waiting, running } }) as never;
const any = { type: 'worker' };

describe('those that are asked', () => {
  it('take tasks, or will when they have moved', () => {
    const known = [one('stopped', 'stopped'), one('moving', 'stopped', true), one('serving')];
    expect(candidatesOf(known, any, chances(0.1, 0.2))).toEqual(['moving', 'serving']);
  });

  it('are in the order of chance, and eight at the most', () => {
    const known = Array.from({ length: 9 }, (_, at) => one(`a${at}`));
    const asked = candidatesOf(known, any, chances(0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1));
    expect(asked).toEqual(['a8', 'a7', 'a6', 'a5', 'a4', 'a3', 'a2', 'a1']);
  });

  it.each([
    [any, [], 'AGENT_NOT_FOUND', 'no agent of type "worker" is registered'],
    [{ pool: 'p' }, [], 'AGENT_NOT_FOUND', 'no agent in pool "p" is registered'],
    [any, [one('a', 'stopped')], 'AGENT_NOT_RUNNING', 'no agent of type "worker" takes tasks now'],
  ])('of %o where none takes tasks are refused', async (of, known, code, message) => {
    expect(await refusal(() => candidatesOf(known, of, () => 0))).toMatchObject({ code, message });
  });
});

it('the least loaded has the fewest tasks that wait or run; of two, the first that was asked', () => {
  expect(leastLoadedOf([record('a', 0, 3), record('b', 2, 0), record('c', 1, 1)])).toBe('b');
  expect(leastLoadedOf([record('a', 3, 3), record('b', 4, 4)])).toBe('a');
  expect(leastLoadedOf([])).toBe(undefined);
});

it('one that is paused or parked comes after one that is busy', () => {
  const paused = Object.assign(record('a', 0, 0), { paused: { at: 1 } });
  const parked = Object.assign(record('b', 0, 0), { parked: { until: 9, why: 'busy' } });
  expect(leastLoadedOf([paused, parked, record('c', 4, 4)])).toBe('c');
  expect(leastLoadedOf([parked, paused])).toBe('b');
});
