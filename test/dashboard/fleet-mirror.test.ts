/** Laws of the copy of a fleet that a dashboard reads: what is new in it, and when. */
import { expect, it } from 'vitest';
import type { SystemEvent } from '../../src/index.ts';
import { FleetMirror } from '../../src/dashboard/fleet-mirror.ts';
import type { WatchedFleet } from '../../src/dashboard/watched-fleet.ts';

/** A fleet of which each read is counted. */
function rig() {
  const counts = { quotas: 0, alerts: 0, all: 0, one: 0, tasks: 0 };
  const listeners = new Set<(event: SystemEvent) => void>();
  const record = () => ({
    id: 'ann',
    state: 'alive.serving.running.coordinated.idle',
    metrics: { n: (counts.all += 1) },
  });
  const fleet = {
    agents: {
      list: () => Promise.resolve([record()]),
      get: () => Promise.resolve({ ...record(), one: (counts.one += 1) }),
      stop: () => Promise.reject(new Error('it does not stop')),
    },
    tasks: {
      list: () => {
        counts.tasks += 1;
        return Promise.resolve([]);
      },
    },
    quotas: { list: () => Promise.resolve([(counts.quotas += 1)]), lift: () => Promise.resolve('lifted') },
    alerts: { list: () => Promise.resolve([(counts.alerts += 1)]) },
    events: {
      subscribe: (listener: (event: SystemEvent) => void) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
  };
  const mirror = new FleetMirror(fleet as unknown as WatchedFleet);
  const tell = (type: string, agentId?: string) => {
    for (const listener of listeners) listener({ type, agentId } as unknown as SystemEvent);
  };
  const { settled } = mirror.mirror;
  return { mirror, counts, tell, listeners, quotas: () => settled(() => mirror.quotas.list()) };
}

it('what was read is shown until somebody acts through it, and read again after that', async () => {
  const { mirror, quotas } = rig();
  expect([await quotas(), await quotas()]).toEqual([[1], [1]]);
  expect(await mirror.quotas.lift('model', {})).toBe('lifted');
  expect([await quotas(), await quotas()]).toEqual([[2], [2]]);
});

it('so it is after an act that was refused, and agents and their tasks with it', async () => {
  const { mirror, quotas, counts } = rig();
  await mirror.mirror.reread();
  await mirror.mirror.settled(() => mirror.tasks.list());
  const before = { ...counts, quotas: (await quotas()).length };
  expect(before).toMatchObject({ all: 1, tasks: 1 });
  await expect(mirror.agents.stop('ann', {})).rejects.toThrow('it does not stop');
  expect(await quotas()).toEqual([2]);
  expect(await mirror.mirror.reread()).toEqual(['ann']);
  await mirror.mirror.settled(() => mirror.tasks.list());
  expect(counts).toMatchObject({ all: 2, tasks: 2 });
});

it('an event has what it concerns read again, and nothing else', async () => {
  const { mirror, quotas, counts, tell } = rig();
  const alerts = () => mirror.mirror.settled(() => mirror.alerts.list());
  await quotas();
  expect(await alerts()).toEqual([1]);
  tell('alert.raised');
  expect([await alerts(), await quotas()]).toEqual([[2], [1]]);
  await mirror.mirror.reread();
  expect(await mirror.mirror.reread()).toEqual([]);
  tell('agent.started', 'ann');
  expect(await mirror.mirror.reread()).toEqual(['ann']);
  expect(counts.one).toBe(1);
});

it('hears no event once it is closed', () => {
  const { mirror, listeners } = rig();
  expect(listeners.size).toBe(1);
  mirror.close();
  expect(listeners.size).toBe(0);
});
