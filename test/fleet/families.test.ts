/** Agents that were spawned by agents end with them, by the rule that their spec names. */
import { describe, expect, test } from 'vitest';
import {
  type AgentSystem,
  createAgentSystem,
  memoryStore,
  type Store,
  type SystemEvent,
} from '../../src/index.ts';
import { simulatedClock, settled } from '../../src/testing/index.ts';
import asking from '../fixtures/agents/asking.ts';
import { refusal, rig, silent } from '../kit/rig.ts';

const module = new URL('../fixtures/agents/asking.ts', import.meta.url);
const hosts = ['in-process', 'thread', 'process'] as const;
const inProcess = { isolation: 'in-process', shutdownMs: 1_000 } as const;

/** A parent with a child by each rule. */
async function family(options: Parameters<typeof rig>[0] = {}) {
  const given = await rig(options);
  const { agents, clock } = given;
  await agents.register({ id: 'parent', module: asking, restart: { policy: 'immediate', delayMs: 10 } });
  await agents.start('parent');
  for (const parent of ['stop', 'kill', 'detach']) {
    const input = { ...inProcess, id: parent, parent };
    expect(await agents.execute('parent', { type: 'spawn', input })).toBe(parent);
  }
  const statuses = () => ['stop', 'kill', 'detach'].map((id) => agents.get(id).status);
  return { ...given, agents, clock, statuses };
}

describe.for(hosts)('from a host of the kind %s', (isolation) => {
  test('a child is there, runs, is its parent’s, and ends with it', async () => {
    await using system = await createAgentSystem({ logger: silent });
    const { agents } = system;
    await agents.register({ id: 'parent', module, isolation });
    await agents.start('parent');
    const id = (await agents.execute('parent', { type: 'spawn', input: { isolation } })) as string;
    expect(agents.get(id)).toMatchObject({
      status: 'running',
      isolation,
      spec: { parent: { id: 'parent', rule: 'stop' } },
    });
    expect(await agents.execute('parent', { type: 'ask', input: { target: id } })).toEqual([id, 'parent']);
    const ended = endOf(system, id);
    await agents.stop('parent');
    expect(await ended).toMatchObject({ type: 'agent.stopped', reason: 'shutdown' });
  });
});

function endOf(system: AgentSystem, id: string): Promise<SystemEvent> {
  return new Promise((resolve) => {
    const stop = system.events.subscribe((event) => {
      if (event.agentId !== id || event.type !== 'agent.stopped') return;
      stop();
      resolve(event);
    });
  });
}

describe('when its parent', () => {
  test('is stopped, a child is stopped, killed, or lives on', async () => {
    const { agents, statuses, eventsOf } = await family();
    await agents.stop('parent');
    await settled();
    expect(statuses()).toEqual(['stopped', 'stopped', 'running']);
    expect(eventsOf('agent.stopped').map(({ agentId, reason }) => [agentId, reason])).toEqual(
      expect.arrayContaining([
        ['stop', 'shutdown'],
        ['kill', { shutdown: 'killed' }],
      ]),
    );
  });
  test('is busy with it, a child that is stopped finishes what it has begun', async () => {
    const { agents, statuses, clock } = await family();
    void agents.execute('stop', { type: 'hang' }).catch(() => undefined);
    void agents.execute('kill', { type: 'hang' }).catch(() => undefined);
    await agents.stop('parent');
    await settled();
    expect(statuses()).toEqual(['stopping', 'stopped', 'running']);
    await clock.advance(1_000);
    expect(statuses()).toEqual(['stopped', 'stopped', 'running']);
  });
  test('completes', async () => {
    const { agents, statuses } = await family();
    await agents.execute('parent', { type: 'complete' });
    await settled();
    expect(agents.get('parent').status).toBe('completed');
    expect(statuses()).toEqual(['stopped', 'stopped', 'running']);
  });
  test('crashes and comes back, a child lives on; when it gives up, no more', async () => {
    const { agents, statuses, clock } = await family();
    for (let crash = 0; crash < 5; crash += 1) {
      await agents.kill('parent');
      expect(statuses()).toEqual(['running', 'running', 'running']);
      await clock.advance(10);
      expect(agents.get('parent').status).toBe('running');
    }
    await agents.kill('parent');
    await settled();
    expect(agents.get('parent').status).toBe('crashed');
    expect(statuses()).toEqual(['stopped', 'stopped', 'running']);
  });
  test('has children that have children, all of them end', async () => {
    const { agents } = await family();
    await agents.execute('stop', { type: 'spawn', input: { ...inProcess, id: 'grandchild' } });
    await agents.stop('parent');
    await settled();
    expect(agents.get('grandchild').status).toBe('stopped');
  });
  test('is started again after its end, its children do not come back by themselves', async () => {
    const { agents, statuses } = await family();
    await agents.stop('parent');
    await settled();
    await agents.start('parent');
    expect(statuses()).toEqual(['stopped', 'stopped', 'running']);
    await agents.execute('parent', { type: 'spawn', input: { ...inProcess, id: 'stop', parent: 'stop' } });
    expect(statuses()).toEqual(['running', 'stopped', 'running']);
    await agents.stop('parent');
    await settled();
    expect(statuses()).toEqual(['stopped', 'stopped', 'running']);
  });
  test('a child that crashed and waits for its restart is not restarted', async () => {
    const { agents, statuses, clock } = await family();
    await agents.kill('stop');
    expect(agents.get('stop').restartAt).toBeDefined();
    await agents.stop('parent');
    await clock.advance(60_000);
    expect(statuses()).toEqual(['stopped', 'stopped', 'running']);
  });
});

describe('a spawn', () => {
  test('of the same id and spec is done once; of another’s id, or another spec, it is refused', async () => {
    const { agents } = await family();
    const spawn = (input: object) => agents.execute('parent', { type: 'spawn', input });
    expect(await spawn({ ...inProcess, id: 'stop', parent: 'stop' })).toBe('stop');
    expect(agents.get('stop').incarnation).toBe(1);
    expect(await spawn({ ...inProcess, id: 'stop', parent: 'kill' })).toMatchObject({
      code: 'AGENT_EXISTS',
      details: { changed: ['parent.rule'] },
    });
    expect(await spawn({ ...inProcess, id: 'parent' })).toMatchObject({ code: 'AGENT_EXISTS' });
    await agents.register({ id: 'foreign', module, ...inProcess });
    expect(await spawn({ ...inProcess, id: 'foreign' })).toMatchObject({
      code: 'AGENT_EXISTS',
      details: { changed: ['parent'] },
    });
  });
  test('that is malformed, or cannot start, is refused and leaves nothing', async () => {
    const { agents } = await family();
    const before = agents.list().length;
    const spawn = (input: object) => agents.execute('parent', { type: 'spawn', input });
    expect(await spawn({ parent: 'adopt' })).toMatchObject({ code: 'REQUEST_INVALID' });
    expect(await spawn({ ...inProcess, shutdownMs: -1 })).toMatchObject({ code: 'AGENT_SPEC_INVALID' });
    expect(await spawn({ ...inProcess, pool: 'p' })).toMatchObject({ code: 'AGENT_SPEC_INVALID' });
    const initArgs = new Proxy({}, { ownKeys: () => 'no keys' });
    expect(await spawn({ ...inProcess, initArgs, secrets: ['a'] })).toMatchObject({
      code: 'AGENT_SPEC_INVALID',
      message: expect.stringContaining('initArgs: it cannot be read'),
    });
    const missing = new URL('no-such-module.ts', module).href;
    expect(await spawn({ ...inProcess, module: missing })).toMatchObject({ code: 'AGENT_SPEC_INVALID' });
    expect(agents.list()).toHaveLength(before);
  });
  test('is the only way to be a child, and a change of the spec leaves it one', async () => {
    const { agents } = await family();
    const spec = { module, ...inProcess, id: 'stop', shutdownMs: 7 };
    await agents.ensure(spec);
    expect(agents.get('stop').spec).toMatchObject({ shutdownMs: 7, parent: { id: 'parent', rule: 'stop' } });
    const change = { parent: undefined } as never;
    expect((await refusal(agents.update('stop', change))).message).toContain('context.agents.spawn');
  });
  test('cannot be had by a spec', async () => {
    const { agents } = await rig();
    const parent = { id: 'nobody', rule: 'stop' };
    const { code, message } = await refusal(agents.register({ module, ...inProcess, parent } as never));
    expect([code, message]).toEqual(['AGENT_SPEC_INVALID', expect.stringContaining('context.agents.spawn')]);
  });
});

test('a parent stops its own children, and no other agent', async () => {
  const { agents, statuses } = await family();
  expect(await agents.execute('parent', { type: 'stop', input: 'detach' })).toBe('stopped');
  expect(statuses()).toEqual(['running', 'running', 'stopped']);
  expect(await agents.execute('parent', { type: 'stop', input: 'parent' })).toMatchObject({
    code: 'REQUEST_INVALID',
    message: expect.stringContaining('expected a child of agent parent') as unknown,
  });
});

/** A store that outlives the program, as a file does. */
const durable = () => Object.assign(memoryStore(), { isDurable: true });

/** The program goes on as it did, and is gone without a word: nothing of it is closed. */
async function killed(store: Store, act: (first: AgentSystem) => Promise<unknown>): Promise<void> {
  const first = await createAgentSystem({ store, clock: simulatedClock(), logger: silent });
  await first.agents.register({ id: 'parent', module: asking });
  await first.agents.start('parent');
  for (const parent of ['stop', 'kill', 'detach']) {
    await first.agents.execute('parent', {
      type: 'spawn',
      input: { ...inProcess, id: parent, parent },
    });
  }
  await act(first);
}
async function next(store: Store) {
  const { agents, clock } = await rig({ store, agents: [asking] });
  await clock.advance(1_000);
  return {
    agents,
    statuses: () => ['parent', 'stop', 'kill', 'detach'].map((id) => agents.get(id).status),
  };
}

test('a parent that stops a child waits until it has ended', async () => {
  const { agents, clock } = await family();
  void agents.execute('stop', { type: 'hang' }).catch(() => undefined);
  let isOver = false;
  const asked = agents.execute('parent', { type: 'stop', input: 'stop' }).finally(() => (isOver = true));
  await clock.advance(100);
  expect([agents.get('stop').status, isOver]).toEqual(['stopping', false]);
  await clock.advance(1_000);
  expect(await asked).toBe('stopped');
  expect(agents.get('stop').status).toBe('stopped');
});

describe('in the next program', () => {
  test('children come back with their parent, and end with it', async () => {
    const store = durable();
    await killed(store, async () => undefined);
    const { agents, statuses } = await next(store);
    expect(statuses()).toEqual(['running', 'running', 'running', 'running']);
    await agents.stop('parent');
    await settled();
    expect(statuses()).toEqual(['stopped', 'stopped', 'stopped', 'running']);
  });
  test('children whose parent had ended are ended by their rule, whatever was left undone', async () => {
    const store = durable();
    let kept = 0;
    const append = store.append.bind(store);
    await killed(store, async (first) => {
      // The end of the parent is the last that the store keeps.
      store.append = (batch) => {
        if (kept > 0) throw new Error('the program is dead');
        kept += batch.events.filter(
          ({ type, agentId }) => type === 'agent.stopped' && agentId === 'parent',
        ).length;
        return append(batch);
      };
      await first.agents.stop('parent');
      await settled();
    });
    store.append = append;
    const { statuses } = await next(store);
    expect(kept).toBe(1);
    expect(statuses()).toEqual(['stopped', 'stopped', 'stopped', 'running']);
  });
  test('a parent that was stopping has stopped, and its children end', async () => {
    const store = durable();
    await killed(store, async (first) => {
      void first.agents.execute('parent', { type: 'hang' }).catch(() => undefined);
      void first.agents.stop('parent').catch(() => undefined);
      await settled();
      expect(first.agents.get('parent').status).toBe('stopping');
    });
    const { statuses } = await next(store);
    expect(statuses()).toEqual(['stopped', 'stopped', 'stopped', 'running']);
  });
});
