import { describe, expect, it } from 'vitest';
import { createMachine } from 'xstate';
import { hashOfChart } from '../../src/runtime/engine/chart-hash.ts';

interface Parts {
  readonly words?: string;
  readonly target?: string;
  readonly guard?: string;
  readonly delay?: string;
  readonly action?: object;
}

function hashWith({
  words = 'one',
  target = 'b',
  guard = 'isOpen',
  delay = 'soon',
  action = {},
}: Parts): string {
  const machine = createMachine({
    id: 'door',
    description: words,
    initial: 'a',
    states: {
      a: {
        description: words,
        on: {
          go: { target, guard, description: words, actions: { type: 'tell', params: action } },
          // A state and an event may have this name.
          description: 'description',
        },
        after: { [delay]: 'b' },
      },
      b: {},
      description: {},
    },
  });
  return hashOfChart(machine);
}

describe('the hash of a chart', () => {
  it('is the same whatever its descriptions say', () => {
    expect(hashWith({ words: 'two' })).toBe(hashWith({}));
  });

  it.each<Parts>([
    { target: 'description' },
    { guard: 'isShut' },
    { delay: 'late' },
    { action: { description: 'other' } },
  ])('is another one with %j', (change) => {
    expect(hashWith(change)).not.toBe(hashWith({}));
  });
});
