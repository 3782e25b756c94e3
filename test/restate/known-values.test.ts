/** What a node knows of variables: read once, told from then on, and never an older version after a newer one. */
import { expect, it } from 'vitest';
import { KnownValues } from '../../src/restate/nodes/known-values.ts';
import type { VariableState } from '../../src/runtime/hosting/host.ts';

const at = (name: string, version: number): VariableState => ({ name, value: `${name} ${version}`, version });

/** Reads that are answered by hand. */
function reads() {
  const asked: (readonly string[])[] = [];
  const open: PromiseWithResolvers<readonly VariableState[]>[] = [];
  const known = new KnownValues((names) => {
    asked.push(names);
    const read = Promise.withResolvers<readonly VariableState[]>();
    open.push(read);
    return read.promise;
  });
  return { known, asked, open };
}

it('what nobody was told of is read once, by all that wait for it', async () => {
  const { known, asked, open } = reads();
  const first = known.of(['a', 'b']);
  const second = known.of(['b', 'c']);
  expect(asked).toEqual([['a', 'b'], ['c']]);
  open[0]!.resolve([at('a', 1)]);
  open[1]!.resolve([at('c', 3)]);
  expect([await first, await second]).toEqual([[at('a', 1)], [at('c', 3)]]);
  // What has no value is known, too, until it gets one.
  expect(known.of(['a', 'b', 'c'])).toEqual([at('a', 1), at('c', 3)]);
  known.learn(at('b', 1));
  expect(known.of(['b'])).toEqual([at('b', 1)]);
  expect(asked).toHaveLength(2);
});

it('what was told before a body wanted it is read once all the same: it may be from before the node joined', async () => {
  const { known, asked, open } = reads();
  known.learn(at('a', 4));
  const first = known.of(['a']);
  open[0]!.resolve([at('a', 5)]);
  expect(await first).toEqual([at('a', 5)]);
  known.learn(at('a', 6));
  expect([known.of(['a']), known.of([]), asked]).toEqual([[at('a', 6)], [], [['a']]]);
});

it('an older version replaces no newer one, whichever comes last', async () => {
  const { known, open } = reads();
  const reading = known.of(['a']);
  known.learn(at('a', 2));
  open[0]!.resolve([at('a', 1)]);
  expect(await reading).toEqual([at('a', 2)]);
  known.learn(at('a', 1));
  expect(known.get('a')).toEqual(at('a', 2));
});

it('a read that fails is told to all that wait for it, and made again for the next', async () => {
  const { known, asked, open } = reads();
  const waiting = [known.of(['a']), known.of(['a'])];
  open[0]!.reject(new Error('away'));
  for (const one of waiting) await expect(one).rejects.toThrow('away');
  const again = known.of(['a']);
  open[1]!.resolve([]);
  expect([await again, asked]).toEqual([[], [['a'], ['a']]]);
});
