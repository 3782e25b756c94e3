/** Hosts are not all of this package: what one of them does wrong is its agent's trouble, and nobody else's. */
import { describe, expect, it } from 'vitest';
import { type Body, type BodyListener, type BodyRequest, type Host, memoryStore } from '../../src/index.ts';
import { scriptedHost, settled } from '../../src/testing/index.ts';
import { failingStore } from '../journal/failing-store.ts';
import { awaited, fateOf, rig } from '../kit/rig.ts';
import { plain } from './plain.ts';

/** A scripted host, some of whose bodies' methods are others. */
function hostWith(change: (body: Body, listener: BodyListener) => Body) {
  const scripted = scriptedHost({ manifest: { tasks: { echo: { requires: [], retry: false } } } });
  const host: Host = {
    ...scripted,
    refusal: (spec) => scripted.refusal(spec),
    describe: (module, initArgs) => scripted.describe(module, initArgs),
    close: () => scripted.close(),
    open: (start, listener) => change(scripted.open(start, listener), listener),
  };
  return { host, last: () => scripted.live.at(-1)! };
}

async function running({ host, last }: ReturnType<typeof hostWith>) {
  const made = await rig({ hosts: { 'in-process': host } });
  const id = await made.agents.register({ module: plain, restart: { policy: 'never' } });
  const start = made.agents.start(id);
  await settled();
  last().ready();
  await start;
  return { ...made, id, last };
}

function fail(): never {
  throw new Error('the channel is gone');
}

function failing(type: BodyRequest['type'] | 'kill') {
  return hostWith((body) => ({
    post: (request) => (request.type === type ? fail() : body.post(request)),
    kill: () => (type === 'kill' ? fail() : body.kill()),
  }));
}

describe('a host whose body', () => {
  it('cannot be given a task has lost it: the agent crashes, the task is abandoned', async () => {
    const { agents, id } = await running(failing('task.run'));
    const task = awaited(agents.execute(id, { type: 'echo' }));
    expect(await fateOf(task)).toBe('TASK_ABANDONED');
    expect(agents.get(id)).toMatchObject({
      status: 'crashed',
      reason: { error: { message: 'the channel is gone' } },
    });
  });

  it.each(['state.save', 'terminate'] as const)(
    'cannot be given a %s: the stop ends all the same',
    async (type) => {
      const { agents, id, last } = await running(failing(type));
      const stop = awaited(agents.stop(id));
      await settled();
      if (type === 'terminate') last().report({ type: 'state.saved', state: { json: '1', stateVersion: 1 } });
      expect(await fateOf(stop)).toMatchObject({ value: { status: 'crashed' } });
    },
  );

  it('cannot be asked for its health crashes, and leaves no timer', async () => {
    const { agents, clock, id } = await running(failing('health.check'));
    expect(await fateOf(agents.checkHealth(id))).toEqual({ value: { status: 'not_running', misses: 0 } });
    expect(agents.get(id).status).toBe('crashed');
    expect(clock.pending()).toEqual([]);
  });

  it('cannot be killed: callers that wait for its end are answered', async () => {
    const { agents, id } = await running(failing('kill'));
    const kill = awaited(agents.kill(id));
    expect(await fateOf(kill)).toMatchObject({ value: { status: 'crashed' } });
  });

  it('is handed over when its agent has been killed, and cannot be: nothing of it is heard any more', async () => {
    const kept = memoryStore();
    // A state that is read later: what is thrown then is nobody's to catch.
    const store = { ...failingStore(kept), state: async (id: string) => kept.state(id) };
    const host: Host = {
      ...scriptedHost(),
      open: () => {
        void awaited(made.agents.kill(id));
        return { post: () => {}, kill: fail };
      },
    };
    const made = await rig({ store, hosts: { 'in-process': host } });
    const id = await made.agents.register({ module: plain, restart: { policy: 'never' } });
    expect(await fateOf(made.agents.start(id))).toBe('AGENT_START_FAILED');
    expect(made.agents.get(id)).toMatchObject({ status: 'registered' });
  });

  it('cannot be measured has no figures, and a record all the same', async () => {
    const { agents, id } = await running(
      hostWith((body) => ({
        post: (request) => body.post(request),
        kill: () => body.kill(),
        usage: () => {
          throw new Error('no such process');
        },
      })),
    );
    expect(agents.get(id)).toMatchObject({ status: 'running' });
    expect(agents.get(id).metrics).not.toHaveProperty('memoryBytes');
  });

  it('is none at all never gets ready: the start times out', async () => {
    const { host } = hostWith(() => undefined as never);
    const { agents, clock } = await rig({ hosts: { 'in-process': host } });
    const id = await agents.register({ module: plain, startTimeoutMs: 100 });
    const start = awaited(agents.start(id));
    await clock.advance(100);
    expect(await fateOf(start)).toBe('AGENT_START_TIMED_OUT');
  });

  it('is ready twice, ends twice and talks on is heard once', async () => {
    const { agents, events, id, last } = await running(hostWith((body) => body));
    const body = last();
    body.ready();
    body.exit({ exitCode: 1 });
    body.exit('normal');
    body.ready();
    body.report({ type: 'finished' });
    await settled();
    expect(agents.get(id)).toMatchObject({ status: 'crashed', reason: { exitCode: 1 } });
    expect(agents.get(id).metrics.dropped).toBe(3);
    const types = events.map(({ type }) => type);
    expect(types.filter((type) => type === 'agent.started')).toHaveLength(1);
    expect(types.filter((type) => type === 'agent.crashed')).toHaveLength(1);
  });
});

describe('a body that its host cannot end', () => {
  it('is told by an alert, and those who wait for its end are answered with how it stands', async () => {
    const stuck: (() => void)[] = [];
    const made = await running(
      hostWith((body, listener) => {
        stuck.push(() => listener.stuck?.());
        return body;
      }),
    );
    const { agents, system, id, last, eventsOf } = made;
    const stop = awaited(agents.stop(id, { timeoutMs: 0 }));
    const kill = awaited(agents.kill(id));
    expect(await fateOf(stop)).toBe('pending');
    stuck[0]!();
    for (const answer of [stop, kill]) {
      expect(await fateOf(answer)).toMatchObject({ value: { status: 'stopping', state: 'alive.killing' } });
    }
    expect(system.alerts.list()).toMatchObject([{ alert: 'body_not_ending', agentId: id }]);
    expect(system.resources().agents).toBe(1);
    stuck[0]!();
    await settled();
    expect(eventsOf('alert.raised')).toHaveLength(1);

    // It can still end.
    last().exit('killed');
    await settled();
    expect(agents.get(id)).toMatchObject({ status: 'stopped', reason: { shutdown: 'killed' } });
    expect(system.alerts.list()).toEqual([]);
    expect(system.resources().agents).toBe(0);
  });
});
