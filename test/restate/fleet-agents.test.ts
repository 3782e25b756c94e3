/** Laws of what a caller learns of a fleet's agent that is asked what it takes. */
import { expect, it } from 'vitest';
import { defineAgent } from '../../src/index.ts';
import { FleetAgents } from '../../src/restate/client/fleet-agents.ts';
import { manifestOf } from '../../src/runtime/definition/manifest.ts';
import { AgentSystemError } from '../../src/runtime/values/errors.ts';

const definition = defineAgent({ type: 'worker', init: () => ({}), tasks: { add: { run: () => 1 } } });

/** An agent in that state, whose node answers so. */
function agentsWith(answer: () => Promise<unknown>, state = 'alive.serving.running.coordinated.idle') {
  const record = { id: 'a', incarnation: 1, state, spec: { health: { timeoutMs: 100 } } };
  const asked: unknown[] = [];
  const commands = {
    assertOpen: () => undefined,
    look: () =>
      Promise.resolve({ record, manifest: manifestOf(definition), placement: { node: 'n', epoch: 'e' } }),
    serve: (...given: unknown[]) => {
      asked.push(given);
      return answer();
    },
  };
  const agents = new FleetAgents({ commands } as never);
  return { can: (type: string, input?: unknown) => agents.can('a', { type, input }), asked };
}

it('whether it takes a task is what its node says', async () => {
  for (const can of [true, false]) {
    const { can: asks, asked } = agentsWith(() => Promise.resolve({ value: { next: ['add'], can } }));
    expect(await asks('add', 2)).toBe(can);
    expect(asked).toEqual([
      [
        'n',
        'offer',
        { agentId: 'a', incarnation: 1, task: { type: 'add', input: 2 }, isOutlined: undefined },
        100,
      ],
    ]);
  }
});

it('it takes none that it does not have, and none while it does not run: no node is asked', async () => {
  const { can, asked } = agentsWith(() => Promise.reject(new Error('asked')));
  expect(await can('subtract')).toBe(false);
  const stopped = agentsWith(() => Promise.reject(new Error('asked')), 'stopped');
  expect(await stopped.can('add')).toBe(false);
  expect([...asked, ...stopped.asked]).toEqual([]);
});

it('one whose body has ended meanwhile takes none; whatever else goes wrong is told', async () => {
  expect(await agentsWith(() => Promise.resolve(null)).can('add')).toBe(false);
  const error = new AgentSystemError('NODE_UNREACHABLE', 'gone', { details: { node: 'n' } });
  await expect(agentsWith(() => Promise.reject(error)).can('add')).rejects.toBe(error);
  const refusal = { code: 'TASK_TIMED_OUT', message: 'late' };
  await expect(agentsWith(() => Promise.resolve({ refusal })).can('add')).rejects.toMatchObject(refusal);
});

it('a fleet that is closed sends none of its commands', async () => {
  const closed = new AgentSystemError('SYSTEM_CLOSED', 'closed');
  const commands = {
    assertOpen: () => {
      throw closed;
    },
  };
  const agents = new FleetAgents({ commands } as never);
  for (const command of ['start', 'stop', 'kill', 'restart', 'pause', 'resume', 'forget'] as const)
    await expect(agents[command]('a'), command).rejects.toBe(closed);
});
