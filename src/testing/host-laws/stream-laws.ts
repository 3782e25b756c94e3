/** Chunks of a task on their way to its reader. */
import assert from 'node:assert/strict';
import { STREAM_WINDOW } from '../../runtime/hosting/stream-window.ts';
import { chunksOf, failureOf, lawOfOne, outputOf, type HostLaw } from './host-law.ts';

export const streamLaws: readonly HostLaw[] = [
  lawOfOne('chunks come in order, all of them before the answer', async (witness) => {
    assert.equal(outputOf(await witness.task('emitMany', 5)), 5);
    assert.deepEqual(chunksOf(witness), [1, 2, 3, 4, 5]);
    assert.equal(outputOf(await witness.task('yields', 3)), 'returned');
    assert.deepEqual(chunksOf(witness).slice(5), [1, 2, 3]);
    const told = witness.reports.filter(({ type }) => type === 'task.chunk' || type === 'task.completed');
    assert.deepEqual([told[5]?.type, told.at(-1)?.type], ['task.completed', 'task.completed']);
  }),
  lawOfOne('a task is no more than a window ahead of what was taken of it', async (witness) => {
    witness.run('emitMany', STREAM_WINDOW * 3, 'streams');
    const heard = (count: number) =>
      witness.when(() => (witness.all('task.chunk').length >= count ? true : undefined));
    await heard(STREAM_WINDOW);
    // The stream is held up: a later task is answered, and no chunk has come meanwhile.
    outputOf(await witness.task('echo', 1, 'beside'));
    assert.equal(witness.all('task.chunk').length, STREAM_WINDOW);
    assert.equal(witness.all('task.progress').length, STREAM_WINDOW);
    witness.body.post({ type: 'task.chunks_taken', taskId: 'streams', taken: 1 });
    await heard(STREAM_WINDOW + 1);
    outputOf(await witness.task('echo', 2, 'beside again'));
    assert.equal(witness.all('task.chunk').length, STREAM_WINDOW + 1);
    // An older count, and a count for an unknown task, change nothing.
    witness.body.post({ type: 'task.chunks_taken', taskId: 'streams', taken: 0 });
    witness.body.post({ type: 'task.chunks_taken', taskId: 'nobody', taken: 99 });
    witness.body.post({ type: 'task.chunks_taken', taskId: 'streams', taken: STREAM_WINDOW * 3 });
    assert.equal(outputOf(await witness.answer('streams')), STREAM_WINDOW * 3);
    assert.equal(witness.all('task.chunk').length, STREAM_WINDOW * 3);
  }),
  lawOfOne('what a task emits and does not wait for goes before its output', async (witness) => {
    witness.run('emitAtOnce', STREAM_WINDOW * 2, 'streams');
    await witness.when(() => (witness.all('task.chunk').length === STREAM_WINDOW ? true : undefined));
    outputOf(await witness.task('echo', 1, 'beside'));
    assert.equal(witness.all('task.completed').length, 1);
    witness.body.post({ type: 'task.chunks_taken', taskId: 'streams', taken: STREAM_WINDOW });
    assert.equal(outputOf(await witness.answer('streams')), 'all of it');
    assert.equal(chunksOf(witness).at(-1), STREAM_WINDOW * 2);
  }),
  lawOfOne('a chunk that is not as defined fails its task, and goes nowhere', async (witness) => {
    const { code, error } = failureOf(await witness.task('emitWrong'));
    assert.equal(code, 'TASK_FAILED');
    assert.match(error.message, /a chunk of emitWrong is not as defined: .*"seven"/);
    assert.equal(witness.all('task.chunk').length, 0);
  }),
  lawOfOne(
    'a generator that is cancelled cleans up, and one that waits for its reader hears of it',
    async (witness) => {
      witness.run('yields', STREAM_WINDOW * 2, 'streams');
      await witness.when(() => (witness.all('task.chunk').length === STREAM_WINDOW ? true : undefined));
      witness.body.post({ type: 'task.cancel', taskId: 'streams', reason: 'enough' });
      assert.equal(failureOf(await witness.answer('streams')).error.message, 'enough');
      assert.equal(witness.all('log').at(-1)?.message, 'cleaned up');
      assert.equal(witness.all('task.chunk').length, STREAM_WINDOW);
    },
  ),
  lawOfOne('a task that has ended emits nothing', async (witness) => {
    assert.equal(outputOf(await witness.task('emitAfterwards', undefined, 'first')), 'told');
    assert.match(
      String(outputOf(await witness.task('emitAfterwards', undefined, 'second'))),
      /the task that asked has ended/,
    );
    assert.equal(witness.all('task.chunk').length, 0);
  }),
];
