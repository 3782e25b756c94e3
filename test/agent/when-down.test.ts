/** Laws of tasks for an agent that does not run: refused, or kept until it does. */
import { describe, expect, it } from 'vitest';
import { defineAgent } from '../../src/index.ts';
import { settled } from '../../src/testing/index.ts';
import { diskOf, disks } from '../fleet/program.ts';
import { awaited, codeOf, fateOf, rig } from '../kit/rig.ts';

const module = defineAgent({
  type: 'worker',
  init: () => ({}),
  tasks: {
    work: { run: ({ input }) => input },
    hang: { run: () => new Promise(() => {}) },
    finish: { run: ({ complete }) => complete() },
  },
});
const work = { type: 'work', input: 1 } as const;
const waiting = { ...work, whenDown: 'wait' } as const;

async function started(spec: object = {}, options: Parameters<typeof rig>[0] = {}) {
  const made = await rig(options);
  const restart = { policy: 'immediate', delayMs: 10, maxRestarts: 2 };
  await made.agents.register({ id: 'ada', module, restart, ...spec } as never);
  await made.agents.start('ada');
  const crash = async () => {
    await made.agents.kill('ada');
    await settled();
  };
  return { ...made, crash, tasks: made.system.tasks };
}

describe('execute of an agent that waits for its restart', () => {
  it('is refused by default, and waits where it was asked to', async () => {
    const { agents, crash, clock } = await started();
    await crash();
    expect(await codeOf(agents.execute('ada', work))).toBe('AGENT_NOT_RUNNING');
    const asked = awaited(agents.execute('ada', waiting));
    expect(await fateOf(asked)).toBe('pending');
    expect(agents.get('ada').metrics.waiting).toBe(1);
    await clock.advance(9);
    expect(await fateOf(asked)).toBe('pending');
    await clock.advance(1);
    expect(await asked).toBe(1);
  });

  it('waits over one crash after the other, while it was not begun', async () => {
    const { agents, crash, clock } = await started();
    const hanging = awaited(agents.execute('ada', { type: 'hang' }));
    const asked = [waiting, waiting].map((task) => awaited(agents.execute('ada', task)));
    const refusing = awaited(agents.execute('ada', work));
    await crash();
    expect(await fateOf(hanging)).toBe('TASK_ABANDONED');
    expect(await fateOf(refusing)).toBe('TASK_ABANDONED');
    await clock.advance(10);
    expect(await Promise.all(asked)).toEqual([1, 1]);
  });

  it('is refused for an agent that does not come back by itself', async () => {
    const { agents } = await started();
    await agents.stop('ada');
    expect(await codeOf(agents.execute('ada', waiting))).toBe('AGENT_NOT_RUNNING');
    expect(await codeOf(agents.execute('nobody', waiting))).toBe('AGENT_NOT_FOUND');
  });

  it('waits no longer than its timeoutMs, and not beyond its signal', async () => {
    const { agents, crash, clock } = await started();
    await crash();
    const controller = new AbortController();
    const late = awaited(agents.execute('ada', { ...waiting, timeoutMs: 5 }));
    const unwanted = awaited(agents.execute('ada', { ...waiting, signal: controller.signal }));
    controller.abort();
    expect(await fateOf(unwanted)).toBe('TASK_ABANDONED');
    await clock.advance(5);
    expect(await fateOf(late)).toBe('TASK_TIMED_OUT');
    await clock.advance(5);
    expect(agents.get('ada').metrics).toMatchObject({ done: 0, waiting: 0 });
  });

  it.each(['is stopped', 'gives up', 'is to be started by hand', 'is never restarted', 'is forgotten'])(
    'is given up when its agent %s',
    async (how) => {
      const policy =
        how === 'is to be started by hand' ? 'manual' : how === 'is never restarted' ? 'never' : 'immediate';
      const { agents, crash, clock } = await started({ restart: { policy, delayMs: 10, maxRestarts: 1 } });
      void awaited(agents.execute('ada', { type: 'hang' }));
      const asked = awaited(agents.execute('ada', waiting));
      await crash();
      if (policy === 'immediate') expect(await fateOf(asked)).toBe('pending');
      if (how === 'is stopped') await agents.stop('ada');
      if (how === 'is forgotten') await agents.forget('ada');
      if (how === 'gives up') {
        await clock.advance(10);
        expect(await asked).toBe(1);
        void awaited(agents.execute('ada', { type: 'hang' }));
        const other = awaited(agents.execute('ada', waiting));
        await crash();
        expect(agents.get('ada').state).toBe('crashed.gaveUp');
        return expect(await fateOf(other)).toBe('TASK_ABANDONED');
      }
      expect(await fateOf(asked)).toBe('TASK_ABANDONED');
    },
  );

  it('ends with its system: abandoned, for nobody would be there to be told', async () => {
    const { system, agents, crash } = await started();
    await crash();
    const asked = awaited(agents.execute('ada', waiting));
    await system.close();
    expect(await fateOf(asked)).toBe('TASK_ABANDONED');
  });
});

describe('submit to an agent that does not run', () => {
  it.each(['registered', 'stopped', 'completed', 'crashed'])(
    'that is %s waits until it does',
    async (status) => {
      const { system, clock } = await rig();
      const { agents, tasks } = system;
      await agents.register({ id: 'ada', module, restart: { policy: 'never' } });
      if (status !== 'registered') await agents.start('ada');
      if (status === 'stopped') await agents.stop('ada');
      if (status === 'completed') await agents.execute('ada', { type: 'finish' });
      if (status === 'crashed') await agents.kill('ada');
      await settled();
      expect(agents.get('ada').status).toBe(status);
      const { id } = await tasks.submit('ada', work);
      await clock.advance(100_000);
      expect(tasks.get(id).status).toBe('waiting');
      await agents.start('ada');
      expect(await tasks.result(id)).toBe(1);
    },
  );

  it('is refused where it was asked to be', async () => {
    const { agents, tasks, crash } = await started();
    await crash();
    expect(await codeOf(tasks.submit('ada', { ...work, whenDown: 'refuse' }))).toBe('AGENT_NOT_RUNNING');
    await agents.stop('ada');
    expect(await codeOf(tasks.submit('ada', { ...work, whenDown: 'refuse' }))).toBe('AGENT_NOT_RUNNING');
    expect(tasks.list()).toEqual([]);
  });

  it('while that stops does not hold it up, and waits for its next life', async () => {
    const { agents, tasks, clock } = await started();
    const hanging = awaited(agents.execute('ada', { type: 'hang' }));
    await settled();
    const stopped = agents.stop('ada', { timeoutMs: 1_000 });
    await settled();
    const { id } = await tasks.submit('ada', work);
    await clock.advance(1_000);
    expect(await fateOf(hanging)).toBe('TASK_ABANDONED');
    expect(await stopped).toMatchObject({ status: 'stopped' });
    expect(tasks.get(id).status).toBe('waiting');
    await agents.start('ada');
    expect(await tasks.result(id)).toBe(1);
  });

  it('outlives a stop, a crash and a completion, while it was not begun', async () => {
    const { agents, tasks, crash, clock } = await started();
    void awaited(agents.execute('ada', { type: 'hang' }));
    const { id } = await tasks.submit('ada', work);
    await crash();
    expect(tasks.get(id).status).toBe('waiting');
    await clock.advance(10);
    expect(await tasks.result(id)).toBe(1);
    void awaited(agents.execute('ada', { type: 'hang' }));
    const other = await tasks.submit('ada', work);
    const stopped = agents.stop('ada', { timeoutMs: 0 });
    await settled();
    await stopped;
    expect(tasks.get(other.id).status).toBe('waiting');
    expect(agents.get('ada').abandoned).not.toContain(other.id);
    await agents.start('ada');
    expect(await tasks.result(other.id)).toBe(1);
  });

  it('can be cancelled and times out there, and ends when its agent is forgotten', async () => {
    const { agents, tasks, clock } = await started();
    await agents.stop('ada');
    const ids: string[] = [];
    for (const timeoutMs of [1_000, 5, 2_000])
      ids.push((await tasks.submit('ada', { ...work, timeoutMs })).id);
    await tasks.cancel(ids[0]!);
    await clock.advance(5);
    await agents.forget('ada');
    expect(ids.map((id) => tasks.get(id).status)).toEqual(['cancelled', 'timed_out', 'abandoned']);
  });

  it('to a type goes to one that comes back by itself, where none takes tasks', async () => {
    const { agents, tasks, crash, clock } = await started();
    await agents.register({ id: 'bob', module });
    await crash();
    const { id, agentId } = await tasks.submit({ type: 'worker' }, work);
    expect(agentId).toBe('ada');
    await clock.advance(10);
    expect(await tasks.result(id)).toBe(1);
  });

  it('is bounded by the queueLimit', async () => {
    const { agents, tasks } = await started({ tasks: { queueLimit: 1 } });
    await agents.stop('ada');
    await tasks.submit('ada', work);
    expect(await codeOf(tasks.submit('ada', work))).toBe('TASK_QUEUE_FULL');
  });

  it.each(disks)('survives its program on a %s, whoever starts it then', async (kind) => {
    const disk = await diskOf(kind);
    const boot = () => disk.boot({ agents: [module] });
    const first = await boot();
    await first.agents.register({ id: 'ada', module });
    const { id } = await first.system.tasks.submit('ada', work);
    const second = await boot();
    expect(second.agents.get('ada').status).toBe('registered');
    expect(second.system.tasks.get(id).status).toBe('waiting');
    await second.agents.start('ada');
    expect(await second.system.tasks.result(id)).toBe(1);
  });
});
