/** Agents that a person has paused: what runs ends, nothing new begins, nothing is lost. */
import { describe, expect, it } from 'vitest';
import { memoryStore } from '../../src/index.ts';
import { settled } from '../../src/testing/index.ts';
import { awaited, codeOf, fateOf, refusal, rig } from '../kit/rig.ts';
import { mortalStore } from '../kit/mortal-store.ts';
import { worker } from './worker.ts';

async function paused(options: Parameters<typeof rig>[0] = {}, tasks: object = {}) {
  const work = worker();
  const made = await rig(options);
  await made.agents.register({
    id: 'ada',
    module: work.module,
    tasks,
    restart: { policy: 'immediate', delayMs: 10 },
  });
  await made.agents.start('ada');
  const held = () => made.agents.execute('ada', { type: 'held' });
  const stateOf = () => made.agents.get('ada').state.replace('alive.serving.running.', '');
  return { ...made, ...work, held, stateOf };
}

describe('a pause', () => {
  it('lets end what runs, begins nothing, and tells when nothing runs; a resume goes on in order', async () => {
    const { agents, held, begun, stateOf, eventsOf } = await paused();
    const [one, two, three] = [held(), held(), held()];
    await settled();
    expect(await agents.pause('ada', { by: 'grace' })).toMatchObject({ paused: { by: 'grace' } });
    expect(stateOf()).toBe('pausing');
    expect(eventsOf('agent.paused')).toEqual([]);
    begun[0]!.done(1);
    expect(await one).toBe(1);
    expect(stateOf()).toBe('paused');
    expect(eventsOf('agent.paused')).toMatchObject([{ agentId: 'ada', by: 'grace' }]);
    expect(begun).toHaveLength(1);
    expect((await agents.resume('ada', { by: 'ben' })).paused).toBeUndefined();
    expect(eventsOf('agent.resumed')).toMatchObject([{ by: 'ben' }]);
    begun[1]!.done(2);
    await settled();
    begun[2]!.done(3);
    expect(await Promise.all([two, three])).toEqual([2, 3]);
    expect(stateOf()).toBe('coordinated.idle');
  });

  it('is as it was said, whatever is done to a record of it', async () => {
    const { agents, clock } = await paused();
    await agents.pause('ada', { by: 'grace' });
    const shown = agents.get('ada').paused!;
    expect(() => Object.assign(shown, { by: 'mallory' })).toThrow(TypeError);
    expect(agents.get('ada').paused).toEqual({ at: clock.now(), by: 'grace' });
  });

  it('keeps the queue within its limit, and its timeouts run', async () => {
    const { agents, clock, begun } = await paused({}, { queueLimit: 2 });
    await agents.pause('ada');
    const waiting = awaited(agents.execute('ada', { type: 'held', timeoutMs: 50 }));
    const kept = agents.execute('ada', { type: 'see', input: 1 });
    expect(await codeOf(agents.execute('ada', { type: 'held' }))).toBe('TASK_QUEUE_FULL');
    await clock.advance(50);
    expect((await refusal(waiting)).code).toBe('TASK_TIMED_OUT');
    await agents.resume('ada');
    expect(await kept).toBe(1);
    expect(begun).toEqual([]);
  });

  it('is asked for once: a second, and a resume of what is not paused, are refused by name', async () => {
    const { agents } = await paused();
    expect(await codeOf(agents.resume('ada'))).toBe('AGENT_ILLEGAL_COMMAND');
    await agents.pause('ada');
    const error = await refusal(agents.pause('ada'));
    expect(error.code).toBe('AGENT_ILLEGAL_COMMAND');
    expect(error.details?.['legal']).toContain('resume');
    expect(await codeOf(agents.pause('nobody'))).toBe('AGENT_NOT_FOUND');
    expect(await codeOf(agents.pause('ada', { by: 7 } as never))).toBe('AGENT_SPEC_INVALID');
  });

  it('is found by lists, and by the events alone', async () => {
    const { agents, system } = await paused();
    await agents.pause('ada', { by: 'grace' });
    expect(agents.list({ isPaused: true }).map(({ id }) => id)).toEqual(['ada']);
    expect(agents.list({ isPaused: false })).toEqual([]);
    expect((await system.events.replay('ada')).at(-1)).toMatchObject({
      status: 'running',
      paused: { by: 'grace' },
    });
  });

  it('outlives a crash, a stop and a start', async () => {
    const { agents, clock, held, begun, stateOf } = await paused();
    await agents.pause('ada');
    await agents.kill('ada');
    await clock.advance(10);
    expect(stateOf()).toBe('paused');
    const task = awaited(held());
    await settled();
    const stopped = await agents.stop('ada');
    expect(stopped).toMatchObject({ status: 'stopped', abandoned: [expect.any(String) as string] });
    expect((await refusal(task)).code).toBe('TASK_ABANDONED');
    await agents.start('ada');
    expect(stateOf()).toBe('paused');
    expect(begun).toEqual([]);
  });

  it('outlives its program, and is over with it where the agent was forgotten', async () => {
    const kept = memoryStore();
    const store = mortalStore(kept);
    const { agents, module } = await paused({ store });
    await agents.pause('ada', { by: 'grace' });
    store.die();
    const next = await rig({ store: mortalStore(kept), agents: [module] });
    expect(next.agents.get('ada')).toMatchObject({ status: 'crashed', paused: { by: 'grace' } });
    await next.clock.advance(0);
    expect(next.agents.get('ada').state).toBe('alive.serving.running.paused');
    const task = next.agents.execute('ada', { type: 'see', input: 1 });
    expect(await fateOf(task)).toBe('pending');
    await next.agents.resume('ada');
    expect(await task).toBeGreaterThan(0);
    await next.agents.pause('ada');
    await next.agents.stop('ada');
    await next.agents.forget('ada');
    await next.agents.register({ id: 'ada', module });
    expect(next.agents.get('ada').paused).toBeUndefined();
  });
});
