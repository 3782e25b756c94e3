/** Laws of a fleet's agents as a caller sees them, without an engine: what one that is asked takes, and one that is to run. */
import { expect, it } from 'vitest';
import { defineAgent } from '../../src/index.ts';
import { positionAt } from '../../src/machines/index.ts';
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

const [CRASHED, RUNNING] = ['crashed.leftDown', 'alive.serving.running.coordinated.idle'];
const failed = new AgentSystemError('AGENT_START_FAILED', 'its init threw');
const noRoom = new AgentSystemError('RESOURCES_EXHAUSTED', 'no live node has room');

/** An agent that is ensured to run, and is in one state after the other: the commands that it got. */
async function ensured(
  states: readonly string[],
  answers: Readonly<Record<string, readonly unknown[]>> = {},
) {
  const given: string[] = [];
  const left = states.map((text) => text.split(' '));
  const commands = {
    assertOpen: () => undefined,
    look: () => {
      const [state, moving] = left.length > 1 ? left.shift()! : left[0]!;
      const { status } = positionAt(state!);
      const restart = state === 'crashed.waiting' ? { restartAt: 1 } : {};
      const record = { id: 'a', status, state, spec: {}, ...restart };
      return Promise.resolve({ record, isMoving: moving === 'moving' });
    },
    give: (_: string, { type }: { readonly type: string }) => {
      if (type === 'register') return Promise.resolve('a');
      const answer = answers[type]?.[given.filter((other) => other === type).length];
      given.push(type);
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
  };
  const specs = { manifestOf: () => Promise.resolve(manifestOf(definition)) };
  const agents = new FleetAgents({ commands, specs } as never);
  const result = await agents.ensure({ id: 'a', module: definition }, { autoStart: true }).then(
    () => 'well',
    (thrown: AgentSystemError) => thrown.code,
  );
  return [...given, result];
}

/** Its start was under way, and has failed; in what state it is then. */
const ensuredAfter = (state: string) => ensured(['alive.starting', state], { awaitStart: [failed] });

it('a start that fails does not concern who ensures an agent that runs meanwhile, or will by itself', async () => {
  for (const state of [
    'crashed.waiting',
    'crashed.queued',
    RUNNING,
    'alive.serving.unresponsive',
    'stopped moving',
  ])
    expect(await ensuredAfter(state), state).toEqual(['awaitStart', 'well']);
  for (const state of [CRASHED, 'crashed.gaveUp', 'registered', 'alive.stopping.draining'])
    expect(await ensuredAfter(state), state).toEqual(['awaitStart', 'AGENT_START_FAILED']);
});

it('one that moves, and waits for room elsewhere, is not started by who ensures it', async () => {
  for (const state of ['alive.stopping.draining moving', 'stopped moving'])
    expect(await ensured([state], { start: [noRoom] }), state).toEqual(['well']);
  expect(await ensured(['stopped'], { start: [noRoom] })).toEqual(['start', 'RESOURCES_EXHAUSTED']);
});

it('one that somebody else starts and stops meanwhile is started once it has stopped', async () => {
  for (const code of ['AGENT_ALREADY_RUNNING', 'AGENT_ILLEGAL_COMMAND'] as const) {
    const overtaken = new AgentSystemError(code, 'stopping');
    const way = ['stopped', 'alive.stopping.saving', 'alive.stopping.terminating', 'stopped'];
    const given = await ensured(way, { start: [overtaken] });
    expect(given).toEqual(['start', 'awaitEnd', 'awaitEnd', 'start', 'well']);
  }
});
