import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineAgent } from '../../src/index.ts';
import { rig } from '../kit/rig.ts';

const kind = {
  requires: ['count'],
  retry: { attempts: 2, backoff: { delayMs: 5 } },
  input: z.number(),
  run: () => 'as defined',
};
const options = {
  type: 'counter',
  capabilities: ['count'],
  variables: ['rate'],
  init: () => ({}),
  tasks: { count: kind },
};

describe('a definition', () => {
  it('is what it was when it was defined, whatever is done to it, or to what it was made of', async () => {
    const made = copyOf(options);
    const counter = defineAgent(made);
    const { agents } = await rig();
    const id = await agents.register({ module: counter });
    await agents.start(id);
    const changes: readonly (() => unknown)[] = [
      () => Object.assign(counter.tasks['count']!, { run: () => 'changed' }),
      () => Object.assign(counter.tasks, { other: { run: () => 'changed' } }),
      () => Object.assign((counter.tasks['count'] as typeof kind).retry.backoff, { delayMs: 0 }),
      () => (counter.tasks['count'] as typeof kind).requires.push('changed'),
      () => (counter.capabilities as string[]).push('changed'),
      () => (counter.variables as string[]).push('changed'),
    ];
    for (const change of changes) expect(change).toThrow(TypeError);
    made.tasks.count.run = () => 'changed';
    made.capabilities.push('changed');
    expect(await agents.execute(id, { type: 'count', input: 1 })).toBe('as defined');
    expect(agents.get(id).capabilities).toEqual(['count']);
  });

  it('leaves schemas to their owner', () => {
    const input = {
      '~standard': { version: 1, vendor: 'own', validate: (value: unknown) => ({ value }) },
    } as const;
    defineAgent({ type: 'other', init: () => ({}), tasks: { go: { input, run: () => 1 } } });
    expect([Object.isFrozen(input), Object.isFrozen(options.tasks.count), Object.isFrozen(options)]).toEqual([
      false,
      false,
      false,
    ]);
  });
});

function copyOf(of: typeof options): typeof options {
  return { ...of, capabilities: [...of.capabilities], tasks: { count: { ...of.tasks.count } } };
}
