/** A chart goes on in another program from what was saved of it, or is refused by name. */
import { describe, expect, it } from 'vitest';
import { type ChartMigration, defineAgent, memoryStore, planRecovery } from '../../../src/index.ts';
import { replaced } from '../../../src/runtime/definition/chart-agent/plain-data.ts';
import { plainIfError, withLastingIds } from '../../../src/runtime/definition/chart-agent/saved-chart.ts';
import { disks, diskOf } from '../../fleet/program.ts';
import { awaited, rig } from '../../kit/rig.ts';
import { health, MINUTE, patient, restart } from './patient.ts';

it('data without an error is the very same, and of what holds one the rest is', () => {
  const clean = { a: [1, { b: 'text' }], c: new Map() };
  expect(replaced(clean, plainIfError)).toBe(clean);
  const held = { list: [new RangeError('no'), clean], clean };
  const shown = replaced(held, plainIfError) as typeof held;
  expect(shown.list[0]).toEqual({ name: 'RangeError', message: 'no' });
  expect([shown.list[1], shown.clean].every((part) => part === clean)).toBe(true);
  expect(held.list[0]).toBeInstanceOf(RangeError);
});

const fromWaiting: ChartMigration = ({ value, ...rest }) => ({
  ...rest,
  value: value === 'waiting' ? 'resting' : value,
});

const fromFunctions: ChartMigration = (saved, { chart }) => ({
  value: 'idle',
  context: { ms: 0, waits: (saved as unknown as { waits: number }).waits, from: chart ?? 'functions' },
});

const planOf = async (module: ReturnType<typeof patient>) =>
  (await planRecovery(await left(), { agents: [module] }))[0]!;

describe.each(disks)('a second program, on a %s', (kind) => {
  const module = patient();
  it('goes on in the middle of a task, and answers it to nobody but who asked for it again', async () => {
    const disk = await diskOf(kind);
    const first = await disk.boot();
    await first.agents.register({ id: 'pat', module, health });
    await first.agents.start('pat');
    void awaited(first.agents.execute('pat', { type: 'wait', input: MINUTE }));
    await first.clock.advance(20_000);

    const second = await disk.boot({ agents: [module] }, 10_000);
    await second.clock.advance(29_999);
    expect(second.eventsOf('task.completed')).toEqual([]);
    await second.clock.advance(1);
    expect(second.eventsOf('task.completed')).toMatchObject([{ task: 'wait' }]);
    expect(await second.agents.savedState('pat')).toMatchObject({
      snapshot: { value: 'idle', context: { waits: 1, previousStop: 'host_lost' } },
      tasks: [],
    });
  });

  it('plans it beforehand, refuses a chart with other states by name, and takes one that is migrated', async () => {
    const disk = await diskOf(kind);
    const first = await disk.boot();
    await first.agents.register({ id: 'pat', module, health, restart });
    await first.agents.start('pat');
    void awaited(first.agents.execute('pat', { type: 'wait', input: MINUTE }));
    await first.clock.advance(20_000);

    const other = patient({ waiting: 'resting' });
    const second = await disk.boot({ agents: [other] }, 0);
    await second.clock.advance(0);
    const { reason, status } = second.agents.get('pat');
    expect(status).not.toBe('running');
    expect(JSON.stringify(reason)).toMatch(
      /another chart of patient \(\w{8}, the definition has \w{8}\): it stands in waiting, a state that patient does not have, and the definition has no migrate/,
    );

    const third = await disk.boot({ agents: [patient({ waiting: 'resting', migrate: fromWaiting })] }, 0);
    await third.agents.start('pat');
    // A state that was not there before begins its delay anew.
    await third.clock.advance(MINUTE - 1);
    expect(await third.agents.savedState('pat')).toMatchObject({ snapshot: { value: 'resting' } });
    await third.clock.advance(1);
    expect(await third.agents.savedState('pat')).toMatchObject({
      snapshot: { value: 'idle', context: { waits: 1 } },
    });
  });
});

/** What a first program left in a store: it waits, and a third of its minute is over. */
async function left() {
  const store = memoryStore();
  const { agents, clock, system } = await rig({ store });
  await agents.register({ id: 'pat', module: patient(), health, restart });
  await agents.start('pat');
  void awaited(agents.execute('pat', { type: 'wait', input: MINUTE }));
  await clock.advance(20_000);
  await agents.kill('pat');
  const closing = system.close({ timeoutMs: 0 });
  await clock.advance(10_000);
  await closing;
  return store;
}
describe('a snapshot of an earlier chart', () => {
  it('of the same chart comes back, whatever its guards and actions have become', async () => {
    expect(await planOf(patient())).toMatchObject({ comesBack: true, isDefinitionChanged: false });
    const changed = patient({ extra: { on: { '*': {} } } });
    expect(await planOf(changed)).toMatchObject({ comesBack: true, isDefinitionChanged: true });
  });

  it('is refused by name in the plan, as it will be at the start', async () => {
    const plan = await planOf(patient({ waiting: 'resting' }));
    expect(plan).toMatchObject({ comesBack: false, isDefinitionChanged: true });
    expect(plan.problem).toContain(
      'it stands in waiting, a state that patient does not have, and the definition has no migrate',
    );
    const more = await planOf(patient({ extra: { initial: 'deep', states: { deep: {} } } }));
    expect(more.problem).toContain(
      'their states, their invoked work or their delays differ, and the definition has no migrate',
    );
    expect((await planOf(patient({ stateVersion: 2 }))).problem).toContain(
      'the saved state has version 1, the definition patient has 2, and the definition has no migrate',
    );
  });

  it('is kept as it is where that was chosen and its states are still there', async () => {
    const migrate = 'keep';
    expect(await planOf(patient({ migrate, extra: { invoke: { src: 'look' } } }))).toMatchObject({
      comesBack: true,
    });
    expect((await planOf(patient({ migrate, waiting: 'resting' }))).problem).toContain(
      'it stands in waiting',
    );
  });

  it('is told to its migration with what it was saved by, and what that gives is checked', async () => {
    const seen: unknown[] = [];
    const plan = await planOf(
      patient({
        stateVersion: 3,
        migrate: (snapshot, from) => {
          seen.push(from);
          return snapshot;
        },
      }),
    );
    expect(plan).toMatchObject({ comesBack: true, stateVersion: { saved: 1, wanted: 3 } });
    expect(seen).toEqual([{ stateVersion: 1, chart: expect.stringMatching(/^[0-9a-f]{32}$/) }]);
    const giving = (given: unknown) => planOf(patient({ stateVersion: 2, migrate: () => given }));
    expect((await giving(undefined)).problem).toContain('its migrate gave undefined, expected a snapshot');
    expect((await giving(Promise.resolve({}))).problem).toContain('its migrate gave a promise');
    expect((await giving({ value: 'nowhere', context: {} })).problem).toContain('it stands in nowhere');
    expect(await giving({ value: 'idle', context: {} })).toMatchObject({ comesBack: true });
  });

  it('begins the work and the delays of its states that the earlier chart did not have', async () => {
    const found: string[] = [];
    const store = await left();
    const extra = {
      initial: 'looking',
      states: {
        looking: {
          after: { 1_000: 'late' },
          invoke: {
            src: 'look',
            id: 'look',
            onDone: { actions: ({ event }: { event: { output: string } }) => found.push(event.output) },
          },
        },
        late: {},
      },
    };
    const module = patient({ migrate: 'keep', extra });
    const { agents, clock } = await rig({ store, agents: [module] });
    await agents.start('pat');
    await clock.advance(999);
    expect(found).toEqual(['pat']);
    expect(await agents.savedState('pat')).toMatchObject({ snapshot: { value: { waiting: 'looking' } } });
    await clock.advance(1);
    expect(await agents.savedState('pat')).toMatchObject({ snapshot: { value: { waiting: 'late' } } });
  });

  it('a state of an agent of functions is one only for a migration', async () => {
    const store = memoryStore();
    const before = defineAgent({
      type: 'patient',
      init: () => ({ waits: 7 }),
      tasks: { note: { run: () => 0 } },
    });
    const { agents, system, clock } = await rig({ store });
    await agents.register({ id: 'pat', module: before, health, restart });
    await agents.start('pat');
    await agents.execute('pat', { type: 'note' });
    const closing = system.close({ timeoutMs: 0 });
    await clock.advance(10_000);
    await closing;
    const module = patient({ migrate: fromFunctions });
    const second = await rig({ store, agents: [module] });
    await second.agents.start('pat');
    expect(await second.agents.savedState('pat')).toMatchObject({
      snapshot: { context: { waits: 7, from: 'functions' } },
    });
  });
});

const ref = (id: string, path?: readonly string[] | null) => ({
  xstate$$type: 1,
  id,
  ...(path === undefined ? {} : { path }),
});
const chart = (children: object, context: object) => ({
  value: 'on',
  status: 'active',
  historyValue: {},
  context,
  children,
});
const leaf = (id: string) => ({ src: 'work', snapshot: { status: 'active', input: { id } } });

it('children without an id of their own are called by their life, with what refers to them, and nothing else is', () => {
  const data = { id: 'x:0', name: 'x:0', 'x:0': 1, ids: ['x:0'] };
  const odd = { xstate$$type: 1, id: 7 };
  const saved = {
    snapshot: chart(
      {
        'x:0': leaf('x:0'),
        named: leaf('named'),
        sub: { src: 'sub', snapshot: chart({ 'x:1': leaf('x:1') }, { inner: ref('x:1', ['sub', 'x:1']) }) },
        asked: { src: 'work', snapshot: { status: 'active', input: { by: ref('x:0', ['x:0']) } } },
      },
      { worker: ref('x:0'), list: [{ deep: ref('x:0', null) }, ref('named')], data, odd, none: null },
    ),
    delayed: [
      {
        source: ['x:0'],
        target: ['sub', 'x:1'],
        id: 'x:0',
        event: { type: 'e', id: 'x:0', to: ref('x:0', ['x:0']) },
      },
    ],
  };
  expect(withLastingIds(saved as never, 3)).toEqual({
    snapshot: chart(
      {
        'x:0@3': leaf('x:0'),
        named: leaf('named'),
        sub: {
          src: 'sub',
          snapshot: chart({ 'x:1@3': leaf('x:1') }, { inner: ref('x:1@3', ['sub', 'x:1@3']) }),
        },
        asked: { src: 'work', snapshot: { status: 'active', input: { by: ref('x:0@3', ['x:0@3']) } } },
      },
      { worker: ref('x:0@3'), list: [{ deep: ref('x:0@3', null) }, ref('named')], data, odd, none: null },
    ),
    delayed: [
      {
        source: ['x:0@3'],
        target: ['sub', 'x:1@3'],
        id: 'x:0',
        event: { type: 'e', id: 'x:0', to: ref('x:0@3', ['x:0@3']) },
      },
    ],
  });
});
