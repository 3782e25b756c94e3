/** Permits go round the kinds, and within a kind to who came first. */
import { describe, expect, it } from 'vitest';
import { PermitQueues } from '../../src/runtime/limits/permit-queues.ts';

function filled(...waiting: readonly string[]): PermitQueues<string> {
  const queues = new PermitQueues<string>();
  for (const one of waiting) queues.add(one[0]!, one);
  return queues;
}
const allOf = (queues: PermitQueues<string>): string[] => {
  const taken: string[] = [];
  for (let next = queues.next(); next !== undefined; next = queues.next()) taken.push(next);
  return taken;
};

describe('queues of permits', () => {
  it('take the kinds in turns, and within a kind first come, first served', () => {
    expect(allOf(filled('a1', 'a2', 'a3', 'b1', 'c1', 'b2'))).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3']);
  });

  it('give a kind that was asked for by name, which is the last again by that', () => {
    const queues = filled('a1', 'a2', 'b1', 'c1');
    expect([queues.next('b'), queues.next('b'), queues.next('x')]).toEqual(['b1', undefined, undefined]);
    expect(queues.next('a')).toBe('a1');
    expect(allOf(queues)).toEqual(['c1', 'a2']);
  });

  it('forget who is taken out, once, and a kind of which nobody is left', () => {
    const queues = filled('a1', 'a2', 'b1');
    expect([queues.remove('a', 'a2'), queues.remove('a', 'a2'), queues.remove('x', 'a1')]).toEqual([
      true,
      false,
      false,
    ]);
    expect([queues.has('a'), queues.has('b'), queues.has('x')]).toEqual([true, true, false]);
    expect(queues.remove('a', 'a1')).toBe(true);
    expect(queues.has('a')).toBe(false);
    expect(allOf(queues)).toEqual(['b1']);
    expect([queues.has('b'), queues.next()]).toEqual([false, undefined]);
  });

  it('have somebody once, however often they ask', () => {
    expect(allOf(filled('a1', 'a1', 'b1', 'a1'))).toEqual(['a1', 'b1']);
  });

  it('let a kind that comes back wait behind those that waited', () => {
    const queues = filled('a1', 'b1', 'b2');
    expect(queues.next()).toBe('a1');
    queues.add('a', 'a2');
    expect(allOf(queues)).toEqual(['b1', 'a2', 'b2']);
  });
});
