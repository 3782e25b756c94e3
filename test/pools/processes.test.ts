/** A pool of real processes, of which some die. */
import { expect, test } from 'vitest';
import { createAgentSystem, type SystemEvent } from '../../src/index.ts';
import { codeOf, silent } from '../kit/rig.ts';

const FAULTY = new URL('../fixtures/agents/faulty.ts', import.meta.url);

test('tasks go to processes side by side; one that exits fails its task alone, and another takes its place', async () => {
  await using system = await createAgentSystem({ logger: silent });
  const { pools, agents } = system;
  const next = (isIt: (event: SystemEvent) => boolean): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const unsubscribe = system.events.subscribe((event) => {
      if (!isIt(event)) return;
      unsubscribe();
      resolve();
    });
    return promise;
  };
  await pools.create({
    name: 'p',
    min: 2,
    max: 2,
    restart: { delayMs: 1, maxDelayMs: 1 },
    spec: { module: FAULTY, restart: { policy: 'never' } },
  });
  const pidOf = () => pools.execute('p', { type: 'pid' }) as Promise<number>;
  const pids = await Promise.all([pidOf(), pidOf()]);
  expect(new Set(pids).size).toBe(2);
  expect(pids).not.toContain(process.pid);

  const replaced = next(({ type, agentId }) => type === 'agent.started' && agentId === 'p-3');
  const dead = next(({ type }) => type === 'agent.crashed');
  process.kill(pids[0], 'SIGKILL');
  await dead;
  const exiting = codeOf(pools.execute('p', { type: 'exit', input: 7 }));
  const waiting = pools.execute('p', { type: 'echo', input: 'still here' });
  expect(await exiting).toBe('TASK_ABANDONED');
  expect(await waiting).toBe('still here');
  await replaced;
  const later = await Promise.all([pidOf(), pidOf()]);
  expect(later.some((pid) => pids.includes(pid))).toBe(false);
  const { stopped } = await pools.close('p');
  expect(stopped).toHaveLength(2);
  expect(agents.list()).toEqual([]);
});
