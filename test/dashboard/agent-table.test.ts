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

/** A fleet whose records are what the test says, and that tells of no change but as the test does. */
async function saidFleet(count: number) {
  const real = await system();
  await running(real, 'ada');
  const record = real.agents.get('ada');
  const records = new Map(Array.from({ length: count }, (_, n) => [`a${n}`, { ...record, id: `a${n}` }]));
  let heard: ((event: { agentId?: string }) => void) | undefined;
  const reads: string[] = [];
  const get = (id: string) => {
    reads.push(id);
    const found = records.get(id);
    if (found === undefined) throw new Error('gone');
    return found;
  };
  const fleet = {
    events: {
      subscribe: (listener: NonNullable<typeof heard>) => ((heard = listener), () => (heard = undefined)),
    },
    alerts: { list: () => [] },
    questions: { list: () => [] },
    agents: { ids: () => [...records.keys()], get },
  };
  const table = new AgentTable(fleet as never, () => undefined);
  return {
    table,
    record,
    records,
    reads,
    tell: (agentId?: string) => heard?.(agentId === undefined ? {} : { agentId }),
  };
}

const turn = () => new Promise(setImmediate);
const idsOf = (rows: readonly string[]) => rows.map((text) => (JSON.parse(text) as AgentRow).id);

it('11,000 departures are remembered, and of more the last 10,000', async () => {
  const { table, records, tell } = await saidFleet(11_001);
  await table.fill();
  const last = [...records.keys()].at(-1)!;
  const depart = async (ids: readonly string[]) => {
    for (const id of ids) records.delete(id);
    for (const id of ids) tell(id);
    while (table.size > records.size) await table.refresh();
  };
  await depart([...records.keys()].slice(0, -1));
  expect([0, 11_001, 22_001, 22_002].map((version) => table.reaches(version))).toEqual([
    true,
    true,
    true,
    false,
  ]);
  await depart([last]);
  // 11,001 rows, and as many departures, of which the first 1,001 are not remembered.
  expect([12_001, 12_002].map((version) => table.reaches(version))).toEqual([false, true]);
  expect(table.after(12_002, 1).gone).toHaveLength(10_000);
  expect(table.after(22_001, 1)).toEqual({ rows: [], gone: [last], version: 22_002, isMore: false });
});

it('of those that left a reader is told as far as it has come, each once', async () => {
  const { table, records, tell } = await saidFleet(4);
  await table.fill();
  const change = async (id: string, restarts?: number) => {
    if (restarts === undefined) records.delete(id);
    else records.set(id, { ...records.get(id)!, restarts });
    tell(id);
    await table.refresh();
  };
  await change('a0');
  await change('a1', 1);
  await change('a2');
  await change('a3', 1);
  const first = table.after(4, 1);
  expect([idsOf(first.rows), first.gone, first.version, first.isMore]).toEqual([['a1'], ['a0'], 6, true]);
  const second = table.after(first.version, 1);
  expect([idsOf(second.rows), second.gone, second.version, second.isMore]).toEqual([
    ['a3'],
    ['a2'],
    8,
    false,
  ]);
  expect(table.after(second.version, 1)).toEqual({ rows: [], gone: [], version: 8, isMore: false });
  expect(idsOf(table.after(0, 9).rows)).toEqual(['a1', 'a3']);
  expect(idsOf(table.after(5, 9).rows)).toEqual(['a1', 'a3']);
});

it('counts agents by type and status, how many are busy and how many tasks wait, and nobody who has left', async () => {
  const { table, record, records, tell } = await saidFleet(0);
  await table.fill();
  const set = async (id: string, { type = 'one', running = 0, waiting = 0 }) => {
    records.set(id, { ...record, id, type, metrics: { ...record.metrics, running, waiting } });
    tell(id);
    await table.refresh();
  };
  await set('a', { running: 2, waiting: 3 });
  await set('b', { running: 1 });
  await set('c', { type: 'other', waiting: 4 });
  expect(table.counts()).toEqual({
    counts: { running: 3 },
    types: { one: { running: 2 }, other: { running: 1 } },
    busy: 2,
    waiting: 7,
  });
  await set('a', { waiting: 1 });
  records.delete('c');
  tell('c');
  tell();
  await table.refresh();
  expect(table.counts()).toEqual({
    counts: { running: 2 },
    types: { one: { running: 2 } },
    busy: 1,
    waiting: 1,
  });
});

it('knows the children that an agent has, and none that has left', async () => {
  const { table, record, records, tell } = await saidFleet(0);
  await table.fill();
  for (const id of ['kim', 'lee']) {
    records.set(id, { ...record, id, spec: { ...record.spec, parent: { id: 'ada' } } } as never);
    tell(id);
  }
  await table.refresh();
  const children = () => table.childrenOf('ada').map(({ id }) => id);
  expect([children(), table.childrenOf('kim')]).toEqual([['kim', 'lee'], []]);
  for (const left of [['lee'], []]) {
    const [gone] = children();
    records.delete(gone!);
    tell(gone);
    await table.refresh();
    expect(children()).toEqual(left);
  }
});

it('a change that no event tells is found: of 100 agents at the next look, of 250 after so many looks that all had their turn', async () => {
  for (const [count, looks] of [
    [100, 1],
    [250, 3],
  ] as const) {
    const { table, records, reads } = await saidFleet(count);
    await table.fill();
    records.set(`a${count - 1}`, { ...records.get(`a${count - 1}`)!, restarts: 7 });
    reads.length = 0;
    const seen = () => table.get(`a${count - 1}`)!.row.restarts;
    for (let look = 1; look < looks; look += 1) {
      await table.refresh();
      expect([seen(), reads.length]).toEqual([0, 100 * look]);
    }
    await table.refresh();
    expect(seen()).toBe(7);
  }
});

it('many agents are taken in, and read again, 400 in one go; once it is closed no more are', async () => {
  const { table, records, reads, tell } = await saidFleet(1_000);
  const filling = table.fill();
  await turn();
  // The first go may have begun in this turn or the one before.
  while (reads.length === 0) await turn();
  expect(reads).toHaveLength(400);
  await filling;
  expect(table.size).toBe(1_000);
  reads.length = 0;
  for (const id of records.keys()) tell(id);
  const [refreshing, same] = [table.refresh(), table.refresh()];
  expect(same).toBe(refreshing);
  while (reads.length === 0) await turn();
  expect(reads).toHaveLength(400);
  table.close();
  await refreshing;
  expect(reads).toHaveLength(400);
  tell('a0');
  reads.length = 0;
  await table.fill();
  expect(reads).toEqual([]);
});
