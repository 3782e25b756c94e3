/** Who asked for an act is in its events, and in no others; in every way that an act can go. */
import { describe, expect, it } from 'vitest';
import type { SystemEvent } from '../../src/index.ts';
import { scriptedHost, settled } from '../../src/testing/index.ts';
import { plain, withInit } from '../fleet/plain.ts';
import { disks, diskOf } from '../fleet/program.ts';
import { drivenBy, drivers } from '../kit/drivers.ts';
import { awaited, codeOf, rig } from '../kit/rig.ts';

const by = 'grace';

/** Every event of the life, with who asked for it. */
function said(events: readonly SystemEvent[]): string[] {
  return events
    .filter(({ type }) => type.startsWith('agent.') && type !== 'agent.state_saved')
    .map((event) => `${event.type.slice('agent.'.length)}${'by' in event ? ` by ${event.by}` : ''}`);
}

async function running(restart: { readonly policy: 'delayed' | 'never' } = { policy: 'delayed' }) {
  const world = await rig();
  const id = await world.agents.register({ id: 'ada', module: plain, restart });
  await world.agents.start(id, { by });
  return { ...world, id };
}

async function scripted() {
  const host = scriptedHost();
  const world = await rig({ hosts: { 'in-process': host } });
  const id = await world.agents.register({ module: plain, restart: { policy: 'never' } });
  const started = awaited(world.agents.start(id));
  await settled();
  return { ...world, id, started, body: host.bodiesOf(id)[0]! };
}

it('a start, a stop, a restart and a forget', async () => {
  const { agents, id, events } = await running();
  await agents.stop(id, { by: 'alan' });
  await agents.restart(id, { by });
  await agents.stop(id);
  await agents.forget(id, { by });
  expect(said(events)).toEqual([
    'registered',
    'starting by grace',
    'started',
    'stopping by alan',
    'stopped by alan',
    'starting by grace',
    'started',
    'stopping',
    'stopped',
    'forgotten by grace',
  ]);
});

it('a kill is a crash by somebody; the restart that follows is the policy’s', async () => {
  const { agents, id, events, clock } = await running();
  await agents.kill(id, { by });
  await clock.advance(1_000);
  expect(said(events).slice(3)).toEqual(['crashed by grace', 'restart_scheduled', 'starting', 'started']);
  await agents.kill(id);
  await clock.advance(2_000);
  expect(said(events).slice(7)).toEqual(['crashed', 'restart_scheduled', 'starting', 'started']);
});

it('a restart that waits is cancelled by somebody, or started before its time', async () => {
  const { agents, id, events } = await running();
  await agents.kill(id);
  await agents.start(id, { by });
  await agents.kill(id, { by: 'alan' });
  await agents.stop(id, { by });
  expect(said(events).slice(5)).toEqual([
    'starting by grace',
    'started',
    'crashed by alan',
    'restart_scheduled',
    'stopped by grace',
  ]);
});

it('by a handle', async () => {
  const { agents, id, events } = await running();
  await agents.handle(id).stop({ by, timeoutMs: 100 });
  await (await agents.start(id)).kill({ by });
  expect(
    said(events)
      .filter((line) => line.includes(by))
      .slice(1),
  ).toEqual(['stopping by grace', 'stopped by grace', 'crashed by grace']);
});

describe('of an end that two asked for, or nobody', () => {
  it('who killed what somebody else was stopping', async () => {
    const { agents, id, started, body, events } = await scripted();
    body.ready();
    await started;
    void awaited(agents.stop(id, { by: 'alan' }));
    void awaited(agents.kill(id, { by }));
    body.exit('killed');
    await settled();
    expect(said(events).slice(3)).toEqual(['stopping by alan', 'crashed by grace']);
  });

  it('a crash that comes before the kill is nobody’s', async () => {
    const { agents, id, started, body, events } = await scripted();
    body.ready();
    await started;
    void awaited(agents.kill(id, { by }));
    body.exit({ signal: 'SIGSEGV' });
    await settled();
    expect(said(events).at(-1)).toBe('crashed');
  });

  it('a stop past its deadline is still theirs', async () => {
    const { agents, id, started, body, events, clock } = await scripted();
    body.ready();
    await started;
    void awaited(agents.stop(id, { by, timeoutMs: 10 }));
    await clock.advance(10);
    body.exit('killed');
    await settled();
    expect(said(events).at(-1)).toBe('stopped by grace');
  });

  it('a start that was killed while it was under way', async () => {
    const { agents, id, started, body, events } = await scripted();
    void awaited(agents.kill(id, { by }));
    body.exit('killed');
    expect(await codeOf(started)).toBe('AGENT_START_FAILED');
    expect(said(events).at(-1)).toBe('start_failed by grace');
  });

  it('a start that fails by itself is nobody’s', async () => {
    const { agents, events } = await rig();
    const failing = withInit(() => {
      throw new Error('no');
    });
    const id = await agents.register({ module: failing });
    expect(await codeOf(agents.start(id, { by }))).toBe('AGENT_START_FAILED');
    expect(said(events)).toEqual(['registered', 'starting by grace', 'start_failed']);
  });
});

it('a pool: its size, and its close', async () => {
  const { system, eventsOf } = await rig();
  await system.pools.create({ name: 'p', spec: { module: plain }, min: 0, max: 3 });
  await system.pools.ensureSize('p', 2, { by });
  await system.pools.ensureSize('p', 1);
  await system.pools.close('p', { by });
  expect(eventsOf('pool.scaled').map(({ from, to, by: who }) => [from, to, who])).toEqual([
    [0, 2, by],
    [2, 1, undefined],
    [1, 0, by],
  ]);
});

it('somebody without a name is refused, before anything is done', async () => {
  const { agents, id, system, events } = await running();
  const before = events.length;
  for (const bad of [{ by: '' }, { by: 7 }, { who: 'grace' }, 'grace'] as never[]) {
    for (const act of ['stop', 'kill'] as const) {
      expect(await codeOf(agents[act](id, bad))).toBe('AGENT_SPEC_INVALID');
    }
  }
  await agents.stop(id);
  for (const act of ['start', 'restart', 'forget'] as const) {
    expect(await codeOf(agents[act](id, { by: '' }))).toBe('AGENT_SPEC_INVALID');
  }
  await system.pools.create({ name: 'p', spec: { module: plain }, min: 0, max: 3 });
  expect(await codeOf(system.pools.ensureSize('p', 1, { by: '' }))).toBe('AGENT_SPEC_INVALID');
  expect(agents.get(id).status).toBe('stopped');
  expect(said(events.slice(before))).toEqual(['stopping', 'stopped']);
});

it.each(drivers)('whatever drives the chart: %s', async (driver) => {
  const { agents, events } = await rig({ inspect: drivenBy(driver) });
  const id = await agents.register({ module: plain, restart: { policy: 'never' } });
  await agents.start(id, { by });
  await agents.kill(id, { by });
  expect(said(events)).toEqual(['registered', 'starting by grace', 'started', 'crashed by grace']);
});

it.each(disks)('it is kept, on a %s', async (kind) => {
  const disk = await diskOf(kind);
  const { agents } = await disk.boot();
  const id = await agents.register({ module: plain });
  await agents.start(id, { by });
  await agents.stop(id, { by });
  const later = await disk.boot({ agents: [plain] });
  const read: SystemEvent[] = [];
  for await (const event of later.system.events.read()) read.push(event);
  expect(said(read).filter((line) => line.includes(by))).toEqual([
    'starting by grace',
    'stopping by grace',
    'stopped by grace',
  ]);
});
