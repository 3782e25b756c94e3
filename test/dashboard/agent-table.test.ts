import fc from 'fast-check';
import { expect, it, onTestFinished, vi } from 'vitest';
import { AgentTable } from '../../src/dashboard/agent-table.ts';
import type { AgentRow } from '../../src/dashboard.ts';
import { defineAgent } from '../../src/index.ts';
import { running, system, worker } from '../kit/dashboard.ts';
import { eventually } from '../kit/eventually.ts';

/** What a viewer knows who has been told all changes up to its version. */
class Reader {
  readonly rows = new Map<string, AgentRow>();
  version = -1;

  read(table: AgentTable, limit: number): void {
    for (let isMore = true; isMore; ) {
      if (!table.reaches(this.version)) {
        this.rows.clear();
        this.version = 0;
      }
      const changes = table.after(this.version, limit);
      for (const id of changes.gone) this.rows.delete(id);
      for (const text of changes.rows) {
        const row = JSON.parse(text) as AgentRow;
        this.rows.set(row.id, row);
      }
      this.version = changes.version;
      isMore = changes.isMore;
    }
  }
}

it('readers at whatever pace and step end up knowing what the system knows, and no more', async () => {
  const fleet = await system();
  const table = new AgentTable(fleet, () => undefined);
  await table.fill();
  const act = fc.oneof(
    fc.record({ do: fc.constant('register' as const), id: fc.nat(8) }),
    fc.record({ do: fc.constant('start' as const), id: fc.nat(8) }),
    fc.record({ do: fc.constant('stop' as const), id: fc.nat(8) }),
    fc.record({ do: fc.constant('forget' as const), id: fc.nat(8) }),
    fc.record({ do: fc.constant('work' as const), id: fc.nat(8) }),
    fc.record({ do: fc.constant('read' as const), id: fc.nat(2) }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(act, { maxLength: 40 }),
      fc.integer({ min: 1, max: 5 }),
      async (acts, limit) => {
        const readers = [new Reader(), new Reader(), new Reader()];
        for (const { do: what, id } of acts) {
          const name = `agent-${id}`;
          const { agents } = fleet;
          if (what === 'register') await agents.register({ id: name, module: worker }).catch(() => {});
          else if (what === 'start') await agents.start(name).catch(() => {});
          else if (what === 'stop') await agents.stop(name).catch(() => {});
          else if (what === 'forget') await agents.forget(name).catch(() => {});
          else if (what === 'work') await agents.execute(name, { type: 'add' }).catch(() => {});
          else {
            await table.refresh();
            readers[id]!.read(table, limit);
          }
        }
        await table.refresh();
        const truth = fleet.agents.list().map(({ id, status, metrics }) => [id, status, metrics.done]);
        for (const reader of readers) {
          reader.read(table, limit);
          const known = [...reader.rows.values()].map(({ id, status, done }) => [id, status, done]);
          expect(new Set(known.map(String))).toEqual(new Set(truth.map(String)));
        }
        const statuses: Record<string, number> = {};
        for (const { status } of fleet.agents.list()) statuses[status] = (statuses[status] ?? 0) + 1;
        expect(table.counts().counts).toEqual(statuses);
      },
    ),
    { numRuns: 60 },
  );
  table.close();
});

it('a reader that was told of none of the last departures begins anew', async () => {
  const fleet = await system();
  await running(fleet, 'stays');
  const table = new AgentTable(fleet, () => undefined);
  await table.fill();
  const slow = table.version;
  for (let n = 0; n < 11_500; n++) {
    const id = await fleet.agents.register({ module: worker });
    if (n % 500 === 0) await table.refresh();
    // Only who was listed can depart.
    await table.refresh();
    await fleet.agents.forget(id);
  }
  await table.refresh();
  expect(table.reaches(slow)).toBe(false);
  expect(table.reaches(table.version)).toBe(true);
  expect(table.size).toBe(1);
  table.close();
});

it('a row that did not change is told to nobody again', async () => {
  const fleet = await system();
  await running(fleet, 'ada', 'bob');
  const table = new AgentTable(fleet, () => undefined);
  await table.fill();
  const { version } = table;
  for (let round = 0; round < 5; round++) await table.refresh();
  expect(table.version).toBe(version);
  await fleet.agents.execute('bob', { type: 'add' });
  await table.refresh();
  expect(table.after(version, 10).rows.map((text) => (JSON.parse(text) as AgentRow).id)).toEqual(['bob']);
  table.close();
});

it('alerts come and go in the rows of their agents', async () => {
  const fleet = await system();
  await fleet.agents.register({ id: 'ada', module: worker, restart: { policy: 'manual' } });
  await fleet.agents.start('ada');
  const table = new AgentTable(fleet, () => undefined);
  await table.fill();
  await fleet.agents.kill('ada');
  table.setAlerts(fleet.alerts.list());
  await table.refresh();
  expect(table.get('ada')?.row.alerts).toEqual(['restart_required']);
  await fleet.agents.start('ada');
  table.setAlerts(fleet.alerts.list());
  await table.refresh();
  expect(table.get('ada')?.row.alerts).toEqual([]);
  table.close();
});

it('open questions are counted in the rows of the agents whose tasks ask', async () => {
  const fleet = await system();
  const clerk = defineAgent({
    type: 'clerk',
    init: () => ({}),
    tasks: {
      send: { run: ({ ask }) => Promise.all(['a', 'b'].map((key) => ask({ question: 'Send?', key }))) },
    },
  });
  const table = new AgentTable(fleet, () => undefined);
  await table.fill();
  await fleet.agents.register({ id: 'ada', module: clerk });
  await fleet.agents.start('ada');
  const { id } = await fleet.tasks.submit('ada', { type: 'send' });
  await eventually(
    () => fleet.questions.list().length,
    (open) => open === 2,
  );
  const asked = async () => {
    await table.refresh();
    return table.get('ada')?.row.questions;
  };
  expect(await asked()).toBe(2);
  await fleet.questions.answer(`${id}/b`, 'yes');
  expect(await asked()).toBe(1);
  await fleet.questions.answer(`${id}/a`, 'yes');
  expect(await asked()).toBeUndefined();
  table.close();
});

it('the share of a processor is that since the last look that is a second old, and unknown where nothing is measured', async () => {
  const fleet = await system();
  await running(fleet, 'ada');
  let cpuMs: number | undefined;
  const get = (id: string) => {
    const record = fleet.agents.get(id);
    return { ...record, metrics: { ...record.metrics, cpuMs } };
  };
  const agents = { ids: () => fleet.agents.ids(), get };
  const watched = { events: fleet.events, alerts: fleet.alerts, questions: fleet.questions, agents };
  const now = vi.spyOn(performance, 'now');
  onTestFinished(() => now.mockRestore());
  const table = new AgentTable(watched as never, () => undefined);
  /** What is known after a look at that time. */
  const lookAt = async (at: number, measured: number | undefined) => {
    now.mockReturnValue(at);
    cpuMs = measured;
    if (table.size === 0) await table.fill();
    // A sweep that has come to its end begins anew with the next look.
    for (let look = 0; look < 2; look++) await table.refresh();
    return table.get('ada')?.row.cpuShare;
  };
  expect(await lookAt(1_000, 100)).toBeUndefined();
  expect(await lookAt(1_999, 600)).toBeUndefined();
  expect(await lookAt(2_000, 600)).toBe(0.5);
  expect(await lookAt(2_500, 900)).toBe(0.5);
  expect(await lookAt(4_000, 1_100)).toBe(0.25);
  expect(await lookAt(6_000, undefined)).toBeUndefined();
  expect(await lookAt(8_000, 50)).toBeUndefined();
  expect(await lookAt(10_000, 250)).toBe(0.1);
  // Another process under the same name has used less so far.
  expect(await lookAt(12_000, 100)).toBe(0.1);
  expect(await lookAt(13_000, 500)).toBe(0.4);
  table.close();
});

it('a row changes where nothing but its alerts does, and once for each change', async () => {
  const fleet = await system();
  // More than are looked at anyway each time.
  for (let n = 0; n < 350; n++) await fleet.agents.register({ module: worker });
  await running(fleet, 'ada');
  const table = new AgentTable(fleet, () => undefined);
  await table.fill();
  const raised = { alert: 'state_not_saved', agentId: 'ada', message: 'full', raisedAt: 0 } as never;
  for (const alerts of [[raised], []]) {
    const { version } = table;
    table.setAlerts(alerts);
    await table.refresh();
    expect(table.after(version, 10).rows.map((text) => JSON.parse(text) as AgentRow)).toMatchObject([
      { id: 'ada', alerts: alerts.length > 0 ? ['state_not_saved'] : [] },
    ]);
    const changed = table.version;
    table.setAlerts(alerts);
    await table.refresh();
    expect(table.version).toBe(changed);
  }
  table.close();
});
