/** How bodies come and go, and what can be known of a module without one. */
import assert from 'node:assert/strict';
import { failureOf, law, outputOf, type HostLaw } from './host-law.ts';
import { openReady, openWitnessed, errorOf, lawAgent } from './witness.ts';

export const lifeLaws: readonly HostLaw[] = [
  law('an agent that completes says so after its last task', async (host) => {
    const witness = await openReady(host);
    assert.equal(outputOf(await witness.task('last')), 'done');
    await witness.until('finished');
    const types = witness.reports.map(({ type }) => type);
    assert.deepEqual(types.slice(-2), ['task.completed', 'finished']);
    assert.equal(await witness.terminate(), 'shutdown');
  }),
  law('a new incarnation knows its saved state, its variables and how the last one ended', async (host) => {
    const witness = await openReady(host, {
      agentId: '__proto__',
      incarnation: 7,
      restored: { json: '{"n":41}', stateVersion: 1 },
      previousStop: { exitCode: 3 },
      variables: [{ name: 'rate', value: 0.5, version: 2 }],
    });
    assert.equal(outputOf(await witness.task('add', 1)), 42);
    const seen = outputOf(await witness.task('seen')) as Record<string, unknown>;
    assert.deepEqual(seen['previousStop'], { exitCode: 3 });
    assert.deepEqual([seen['agentId'], seen['incarnation'], seen['rate']], ['__proto__', 7, 0.5]);
    assert.equal(await witness.terminate(), 'shutdown');
  }),
  law('a saved state of a version that the agent does not know is the end of its start', async (host) => {
    const witness = openWitnessed(host, { restored: { json: '{"n":41}', stateVersion: 9 } });
    assert.match(errorOf(await witness.exit()).message, /version 9/);
  }),
  law('a health check that throws is told as failed', async (host) => {
    const witness = await openReady(host, { initArgs: { health: 'fails' } });
    witness.body.post({ type: 'health.check', checkId: 1 });
    assert.equal((await witness.until('health.failed')).error.message, 'not well');
    assert.equal(await witness.terminate(), 'shutdown');
  }),
  law('a state that cannot be saved fails its task and its save, and nothing else', async (host) => {
    const witness = await openReady(host);
    assert.equal(failureOf(await witness.task('brokenState')).code, 'TASK_FAILED');
    outputOf(await witness.task('echo', 1));
    const variable = { name: 'rate', value: 'unsaveable', version: 2 };
    witness.body.post({ type: 'variable.changed', variable });
    assert.equal(failureOf(await witness.task('echo', 1, 'after')).code, 'TASK_FAILED');
    witness.body.post({ type: 'state.save' });
    assert.match((await witness.until('state.save_failed')).error.message, /BigInt/);
    assert.equal(await witness.terminate(), 'shutdown');
  }),
  law('what is asked before it is ready waits until it is', async (host) => {
    const witness = openWitnessed(host, { initArgs: { from: 1 } });
    witness.body.post({ type: 'variable.changed', variable: { name: 'rate', value: 9, version: 4 } });
    witness.body.post({ type: 'health.check', checkId: 1 });
    assert.equal(outputOf(await witness.task('add', 1)), 2);
    assert.equal((await witness.until('variable.acknowledged')).version, 4);
    assert.equal((await witness.until('health.answered')).checkId, 1);
    assert.equal(await witness.terminate(), 'shutdown');
  }),
  law('terminate runs the last call of the agent, then it exits with shutdown', async (host) => {
    const witness = await openReady(host, { initArgs: { from: 3 } });
    assert.equal(await witness.terminate(), 'shutdown');
    const [last] = witness.all('log').slice(-1);
    assert.deepEqual([last?.message, last?.fields], ['terminated', { n: 3 }]);
  }),
  law('a body that is initializing can be terminated', async (host) => {
    const witness = openWitnessed(host, { initArgs: { init: 'hangs' } });
    assert.equal(await witness.terminate(), 'shutdown');
    assert.equal(witness.all('ready').length, 0);
  }),
  law('a body can be killed at once', async (host) => {
    const witness = openWitnessed(host);
    witness.body.kill();
    assert.equal(await witness.exit(), 'killed');
  }),
  law('a body can be killed while it initializes', async (host) => {
    const witness = openWitnessed(host, { initArgs: { init: 'hangs' } });
    const sibling = await openReady(host, { agentId: 'sibling' });
    witness.body.kill();
    witness.body.kill();
    assert.equal(await witness.exit(), 'killed');
    assert.equal(await sibling.terminate(), 'shutdown');
  }),
  law('a body can be killed in the midst of a task, and hears nothing more', async (host) => {
    const witness = await openReady(host);
    witness.run('untilCancelled', undefined, 'long');
    outputOf(await witness.task('echo', 1));
    witness.body.kill();
    assert.equal(await witness.exit(), 'killed');
    witness.run('echo', 1, 'late');
    witness.body.post({ type: 'terminate' });
    assert.deepEqual(witness.exits, ['killed']);
  }),
  law('an init that throws is the end, with the error', async (host) => {
    const witness = openWitnessed(host, { initArgs: { init: 'throws' } });
    const { name, message, code } = errorOf(await witness.exit());
    assert.deepEqual([name, message, code], ['RangeError', 'no such start', 'E_START']);
  }),
  law('lines of an init are told before the body is ready', async (host) => {
    const witness = await openReady(host, { initArgs: { init: 'logs', from: 2 } });
    assert.deepEqual(
      witness.reports.map(({ type }) => type),
      ['log', 'ready'],
    );
    assert.equal(await witness.terminate(), 'shutdown');
  }),
  law('initArgs that are not as defined are the end of a start', async (host) => {
    const witness = openWitnessed(host, { initArgs: { from: 'one' } });
    assert.match(errorOf(await witness.exit()).message, /initArgs: from/);
  }),
  law('a change that its listener cannot bear is the end of the agent', async (host) => {
    const witness = await openReady(host);
    const variable = { name: 'rate', value: 'unbearable', version: 2 };
    witness.body.post({ type: 'variable.changed', variable });
    assert.equal(errorOf(await witness.exit()).message, 'cannot bear rate');
  }),
  law('a module that is not there, or is no agent, is the end of a start and names it', async (host) => {
    const missing = openWitnessed(host, { module: new URL('./no-such-module.ts', import.meta.url) });
    assert.match(errorOf(await missing.exit()).message, /no-such-module\.ts did not load/);
    const none = openWitnessed(host, { module: new URL('data:text/javascript,export default 7') });
    assert.match(
      errorOf(await none.exit()).message,
      /expected its default export to come from defineAgent, got 7/,
    );
  }),
  law('a module can be described without being started', async (host) => {
    const manifest = await host.describe(lawAgent, { from: 1 });
    assert.equal(manifest.type, 'law');
    assert.deepEqual(manifest.tasks['add']?.requires, ['count']);
    assert.deepEqual(await host.describe(lawAgent, {}), manifest);
  }),
  law('what cannot be described says what was expected and what came', async (host) => {
    await assert.rejects(host.describe(lawAgent, { from: 'one' }), /initArgs: from.*got "one"/);
    const missing = new URL('./no-such-module.ts', import.meta.url);
    await assert.rejects(host.describe(missing, {}), /no-such-module\.ts did not load/);
    const thrower = new URL('data:text/javascript,throw new Error("on its way")');
    await assert.rejects(host.describe(thrower, {}), /did not load: on its way/);
    const none = new URL('data:text/javascript,export const a = 1');
    await assert.rejects(host.describe(none, {}), /expected its default export.*got undefined/);
    assert.equal((await host.describe(lawAgent, {})).type, 'law');
  }),
  law('several bodies live side by side', async (host) => {
    const witnesses = await Promise.all(
      Array.from({ length: 4 }, (_, n) => openReady(host, { agentId: `agent-${n}`, initArgs: { from: n } })),
    );
    const answers = await Promise.all(witnesses.map((witness) => witness.task('add', 1)));
    assert.deepEqual(answers.map(outputOf), [1, 2, 3, 4]);
    witnesses[0]!.body.kill();
    assert.equal(await witnesses[0]!.exit(), 'killed');
    assert.equal(outputOf(await witnesses[1]!.task('echo', 'alive')), 'alive');
    const rest = await Promise.all(witnesses.slice(1).map((witness) => witness.terminate()));
    assert.deepEqual(rest, ['shutdown', 'shutdown', 'shutdown']);
  }),
];
