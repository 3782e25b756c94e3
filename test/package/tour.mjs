/**
 * What a runtime has to be able to do for mabeam, from the package alone: prints one line for each step, `ok` or
 * `FAIL`, and ends with 1 if one failed. `TOUR_WITHOUT` names the beginning of steps to leave out. Plain JavaScript without `await using`, so that every runtime reads it.
 */
import { strict as assert } from 'node:assert';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAgentSystem } from 'mabeam';
import { sqliteStore } from 'mabeam/sqlite';
import { pino } from 'pino';
import worker from './worker.mjs';

const MODULE = new URL('./worker.mjs', import.meta.url);
const STEP_MS = 30_000;
const logger = pino({ level: 'silent' });

const comesBackFrom = (isolation, task, resources = {}) =>
  within(async (system) => {
    const id = await system.agents.register({
      module: MODULE,
      isolation,
      resources,
      restart: { policy: 'immediate', delayMs: 10 },
      health: task === 'loop' ? { intervalMs: 500, timeoutMs: 500, failuresBeforeKill: 2 } : undefined,
    });
    await system.agents.start(id);
    await system.agents.execute(id, { type: 'add' });
    let reason;
    const back = new Promise((resolve) => {
      system.events.subscribe((event) => {
        if (event.type === 'agent.crashed') reason = event.reason;
        if (event.type === 'agent.started') resolve();
      });
    });
    await assert.rejects(system.agents.execute(id, { type: task }), { code: 'TASK_ABANDONED' });
    await back;
    assert.equal(await system.agents.execute(id, { type: 'add' }), 2);
    return reason;
  });

const runs = (spec) =>
  within(async (system) => {
    const id = await system.agents.register({ module: MODULE, ...spec });
    await system.agents.start(id);
    assert.equal(await system.agents.execute(id, { type: 'add' }), 1);
    if (spec.resources?.sandbox !== undefined) {
      await assert.rejects(system.agents.execute(id, { type: 'look' }), { code: 'TASK_FAILED' });
    }
    assert.equal((await system.agents.stop(id)).status, 'stopped');
  });

const steps = {
  'in-process: runs and stops': () => runs({ module: worker }),
  'thread: runs and stops': () => runs({ isolation: 'thread' }),
  'thread: comes back from process.exit()': async () =>
    assert.deepEqual(await comesBackFrom('thread', 'exit'), { exitCode: 7 }),
  'thread: comes back from an endless loop': async () =>
    assert.equal(await comesBackFrom('thread', 'loop'), 'unresponsive'),
  'thread: memory limit': async () =>
    assert.equal(await comesBackFrom('thread', 'fill', { maxMemoryBytes: 96 * 1024 ** 2 }), 'out_of_memory'),
  'process: runs and stops': () => runs({ isolation: 'process' }),
  'process: comes back from process.exit()': async () =>
    assert.deepEqual(await comesBackFrom('process', 'exit'), { exitCode: 7 }),
  'process: comes back from kill -9': async () =>
    assert.deepEqual(await comesBackFrom('process', 'kill'), { signal: 'SIGKILL' }),
  'process: comes back from an endless loop': async () =>
    assert.equal(await comesBackFrom('process', 'loop'), 'unresponsive'),
  'process: memory limit': async () =>
    assert.equal(
      await comesBackFrom('process', 'fill', { maxMemoryBytes: 192 * 1024 ** 2 }),
      'out_of_memory',
    ),
  'process: low priority': () => runs({ resources: { cpuPriority: 'low' } }),
  'process: sandbox': () => runs({ resources: { sandbox: { fs: { read: [], write: [] } } } }),
  'sqlite: a state outlives its program': async () => {
    const folder = mkdtempSync(join(tmpdir(), 'mabeam-tour-'));
    try {
      for (const n of [1, 2]) {
        const store = sqliteStore(join(folder, 'fleet.db'));
        await within(
          async (system) => {
            await system.agents.ensure({ id: 'ada', module: worker });
            await system.agents.start('ada');
            assert.equal(await system.agents.execute('ada', { type: 'add' }), n);
          },
          { store, agents: [worker] },
        );
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
  'dashboard and endpoints: answer': () =>
    within(async (system) => {
      const { createDashboard } = await import('mabeam/dashboard');
      const { createEndpoints } = await import('mabeam/endpoints');
      const dashboard = await createDashboard(system, { logger });
      const endpoints = await createEndpoints(system);
      try {
        assert.equal((await fetch(dashboard.url)).status, 200);
        assert.equal((await fetch(`${endpoints.url}/readyz`)).status, 200);
      } finally {
        await dashboard.close();
        await endpoints.close();
      }
    }),
};

let failed = 0;
const leftOut = process.env.TOUR_WITHOUT;
for (const [name, step] of Object.entries(steps)) {
  if (leftOut !== undefined && name.startsWith(leftOut)) continue;
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no end within ${STEP_MS} ms`)), STEP_MS);
  });
  try {
    await Promise.race([step(), late]);
    console.log(`ok   ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL ${name}: ${inLine(error)}`);
  } finally {
    clearTimeout(timer);
  }
}
process.exit(failed === 0 ? 0 : 1);

async function within(work, options = {}) {
  const system = await createAgentSystem({ logger, ...options });
  try {
    return await work(system);
  } finally {
    await system.close({ timeoutMs: 5_000 });
  }
}

function inLine(error) {
  const words = [];
  for (let at = error; at !== undefined && at !== null; at = at.cause) words.push(String(at.message));
  return words.join('; ').replaceAll('\n', ' ').slice(0, 300);
}
