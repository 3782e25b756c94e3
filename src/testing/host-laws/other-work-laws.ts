/** What one ready body does beside its tasks: health checks, saves, log lines, variables, votes. */
import assert from 'node:assert/strict';
import { lawOfOne, outputOf, type HostLaw } from './host-law.ts';

export const otherWorkLaws: readonly HostLaw[] = [
  lawOfOne('a health check is answered with its detail', async (witness) => {
    witness.body.post({ type: 'health.check', checkId: 5 });
    const { checkId, detail } = await witness.until('health.answered');
    assert.deepEqual([checkId, detail], [5, { n: 1 }]);
  }),
  lawOfOne('a state is saved when asked for', async (witness) => {
    outputOf(await witness.task('add', 4));
    witness.body.post({ type: 'state.save' });
    const { state } = await witness.until('state.saved');
    assert.equal(JSON.parse(state.json).n, 5);
    assert.equal(state.stateVersion, 1);
  }),
  lawOfOne('log lines come with level and fields, those of a task with its id', async (witness) => {
    const taskId = 'logging';
    outputOf(await witness.task('log', undefined, taskId));
    const lines = witness.all('log').map(({ level, message, fields }) => ({ level, message, fields }));
    assert.deepEqual(lines, [
      { level: 'debug', message: 'one', fields: { taskId } },
      { level: 'info', message: 'two', fields: { n: 2, taskId } },
      { level: 'warn', message: 'three', fields: { taskId } },
      { level: 'error', message: 'four', fields: { taskId } },
    ]);
  }),
  lawOfOne('a variable is acknowledged, and is what the next task sees', async (witness) => {
    witness.body.post({ type: 'variable.changed', variable: { name: 'rate', value: 0.25, version: 3 } });
    const { name, version } = await witness.until('variable.acknowledged');
    assert.deepEqual([name, version], ['rate', 3]);
    assert.equal(outputOf(await witness.task('rate')), 0.25);
  }),
  lawOfOne(
    'one vote a round; a vote that throws or is invalid is an abstention that says why',
    async (witness) => {
      const ask = async (roundId: string, value: unknown) => {
        const proposal = {
          roundId,
          variable: 'rate',
          value,
          current: 0,
          deadlineAt: 1,
          as: 'voter' as const,
        };
        witness.body.post({ type: 'vote.asked', proposal });
        return witness.until('vote.cast', (cast) => cast.roundId === roundId);
      };
      assert.equal((await ask('r1', 1)).vote, 'accept');
      assert.equal((await ask('r2', 2)).vote, 'reject');
      const thrown = await ask('r3', 'throw');
      assert.deepEqual([thrown.vote, thrown.error?.message], ['abstain', 'no opinion']);
      const nonsense = await ask('r4', 'nonsense');
      assert.deepEqual([nonsense.vote, /"maybe"/.test(nonsense.error?.message ?? '')], ['abstain', true]);
      assert.equal(witness.all('vote.cast').length, 4);
    },
  ),
];
