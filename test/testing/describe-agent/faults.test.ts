/** Work that is made to fail or to hang: once each time that it was arranged, and what has failed is counted. */
import { expect, test } from 'vitest';
import { fromPromise, fromTransition, setup } from 'xstate';
import { Faults, workOf } from '../../../src/testing/describe-agent/faults.ts';

test('what is arranged of one piece of work happens to it once; only what fails is counted', () => {
  const faults = new Faults();
  faults.arrange('fetch', 'failing');
  faults.arrange('store', 'hanging');
  expect(faults.take('other')).toBeUndefined();
  expect(faults.take('store')).toBe('hanging');
  expect(faults.failed).toBe(0);
  expect([faults.take('fetch'), faults.take('fetch')]).toEqual(['failing', undefined]);
  expect(faults.failed).toBe(1);
  faults.arrange('fetch', 'failing');
  expect(faults.take('fetch')).toBe('failing');
  expect(faults.failed).toBe(2);
});

test('cleared, it has nothing arranged and nothing counted', () => {
  const faults = new Faults();
  faults.arrange('fetch', 'failing');
  faults.take('fetch');
  faults.arrange('fetch', 'failing');
  faults.clear();
  expect([faults.failed, faults.take('fetch')]).toEqual([0, undefined]);
});

test('work that can be made to fail is what begins something: no chart, and nothing that waits for events alone', () => {
  const actors = {
    fetch: fromPromise(async () => 1),
    count: fromTransition((state: number) => state + 1, 0),
    child: setup({}).createMachine({}),
  };
  expect(workOf(setup({ actors }).createMachine({}))).toEqual(['fetch']);
});
