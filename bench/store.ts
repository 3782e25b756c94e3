/** What it costs to keep things: appends to the durable store, a life and a task on it, and going on from it. */
import { copyFileSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { pino } from 'pino';
import { createAgentSystem, memoryStore, type Store, type SystemEvent } from '../src/index.ts';
import { type SqliteStore, sqliteStore } from '../src/sqlite.ts';
import { counter } from './counter.ts';

const MEASURE_MS = 3_000;

export async function benchStore(): Promise<void> {
  console.log('Appends of one event to a file, synced to the disk before they are acknowledged');
  console.table([
    await appends('one caller', { callers: 1, agents: 10_000 }),
    await appends('64 callers', { callers: 64, agents: 10_000 }),
    await appends('64 callers, 100,000 agents', { callers: 64, agents: 100_000 }),
    await appends('64 callers, a state each', { callers: 64, agents: 10_000, withStates: true }),
    await appends('64 callers, the newest 10,000 kept', {
      callers: 64,
      agents: 10_000,
      retainEvents: 10_000,
    }),
    await appends('1,000 callers', { callers: 1_000, agents: 10_000 }),
  ]);
  console.log('Lives and tasks, by store; µs each');
  console.table([
    await livesAndTasks('memory', async (measure) => measure(memoryStore({ maxEvents: 1_000 }))),
    await livesAndTasks('SQLite', (measure) => inFile((path) => measure(sqliteStore(path)))),
  ]);
  console.log('Going on from a file: fleet, states and unfinished tasks, by how long the log is');
  console.table([
    await recovery({ agents: 10_000, events: 100_000 }),
    await recovery({ agents: 10_000, events: 1_000_000 }),
  ]);
  console.log(
    'A program that was killed, and the next one: its whole fleet runs again, each agent with its state',
  );
  console.table([await fleetAgain(100), await fleetAgain(1_000), await fleetAgain(10_000)]);
}

interface Load {
  readonly callers: number;
  readonly agents: number;
  readonly withStates?: boolean;
  readonly retainEvents?: number;
}

function appends(name: string, { callers, agents, withStates = false, retainEvents }: Load) {
  return inFile(async (path) => {
    const options = retainEvents === undefined ? {} : { retain: { events: retainEvents } };
    const store = sqliteStore(path, options);
    store.recover();
    let sequence = 0;
    for (const batch of fleetOf(agents)) {
      await store.append({ events: batch });
      sequence = batch.at(-1)!.sequence;
    }
    const before = sequence;
    const waits: number[] = [];
    const start = performance.now();
    const call = async () => {
      for (let now = performance.now(); now - start < MEASURE_MS; ) {
        sequence += 1;
        const event = workOf(sequence, agents);
        await store.append({
          events: [event],
          states: withStates ? new Map([[event.agentId!, STATE]]) : undefined,
        });
        waits.push(-now + (now = performance.now()));
      }
    };
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    await Promise.all(Array.from({ length: callers }, call));
    delay.disable();
    const ms = performance.now() - start;
    waits.sort((a, b) => a - b);
    await store.close();
    return {
      '': name,
      'events/s': Math.round(((sequence - before) / ms) * 1_000),
      'wait p50 ms': rounded(waits[Math.floor(waits.length * 0.5)]!),
      'wait p99 ms': rounded(waits[Math.floor(waits.length * 0.99)]!),
      'loop delay p99 ms': rounded(delay.percentile(99) / 1e6),
      'file MB': rounded(statSync(path).size / 1e6),
    };
  });
}

async function livesAndTasks(
  name: string,
  using: (measure: (store: Store) => Promise<object>) => Promise<object>,
) {
  const measured = await using(async (store) => {
    await using system = await createAgentSystem({ store, logger: pino({ level: 'silent' }) });
    const { agents } = system;
    const id = await agents.register({ module: counter });
    await agents.start(id);
    const life = async () => {
      const one = await agents.register({ module: counter });
      await agents.start(one);
      await agents.execute(one, { type: 'add' });
      await agents.stop(one);
      await agents.forget(one);
    };
    const task = () => agents.execute(id, { type: 'add' });
    return {
      'a life': await microseconds(life),
      'a task': await microseconds(task),
      'a life of 64 at once': rounded((await microseconds(atOnce(life))) / 64),
      'a task of 64 at once': rounded((await microseconds(atOnce(task))) / 64),
    };
  });
  return { store: name, ...measured };
}

function atOnce(work: () => Promise<unknown>): () => Promise<unknown> {
  return () => Promise.all(Array.from({ length: 64 }, () => work()));
}

async function microseconds(work: () => Promise<unknown>): Promise<number> {
  for (let warm = 0; warm < 50; warm++) await work();
  const start = performance.now();
  let count = 0;
  let ms = 0;
  for (; ms < MEASURE_MS / 2; ms = performance.now() - start) {
    await work();
    count += 1;
  }
  return rounded((ms / count) * 1_000);
}

function recovery({ agents, events }: { agents: number; events: number }) {
  return inFile(async (path) => {
    const store = sqliteStore(path);
    store.recover();
    let sequence = 0;
    for (const batch of fleetOf(agents)) {
      const states = new Map(batch.map(({ agentId }) => [agentId!, STATE]));
      await store.append({ events: batch, states });
      sequence = batch.at(-1)!.sequence;
    }
    for (let waiting: Promise<void>[] = []; sequence < events; waiting = []) {
      for (let at = 0; at < 2_000; at++) {
        sequence += 1;
        waiting.push(store.append({ events: [workOf(sequence, agents)] }));
      }
      await Promise.all(waiting);
    }
    await store.close();
    const again = sqliteStore(path);
    const start = performance.now();
    const { agents: fleet, tasks, lastSequence } = again.recover();
    const recoveredMs = performance.now() - start;
    const statesMs = await readStates(again, agents);
    const readStart = performance.now();
    const own = await again.read({ agentId: 'agent-7', limit: Infinity });
    const ownMs = performance.now() - readStart;
    await again.close();
    return {
      events: lastSequence,
      agents: fleet.length,
      tasks: tasks.length,
      'recover ms': rounded(recoveredMs),
      'all states ms': rounded(statesMs),
      'one agent’s events': own.length,
      'found in ms': rounded(ownMs),
      'file MB': rounded(statSync(path).size / 1e6),
    };
  });
}

/** The files of a running fleet, as a kill at that moment would leave them, and a system that goes on from them. */
function fleetAgain(size: number) {
  return inFile((path) =>
    inFile(async (copy) => {
      const logger = pino({ level: 'silent' });
      const ids = Array.from({ length: size }, (_, index) => `agent-${index}`);
      {
        await using system = await createAgentSystem({ store: sqliteStore(path), logger });
        await Promise.all(
          ids.map(async (id) => {
            await system.agents.register({ id, module: counter });
            await system.agents.start(id);
            await system.agents.execute(id, { type: 'add' });
          }),
        );
        for (const file of ['', '-wal']) copyFileSync(`${path}${file}`, `${copy}${file}`);
      }
      const start = performance.now();
      await using system = await createAgentSystem({ store: sqliteStore(copy), logger, agents: [counter] });
      const listedMs = performance.now() - start;
      let left = size;
      await new Promise<void>((resolve) => {
        system.events.subscribe(({ type }) => {
          if (type === 'agent.started' && --left === 0) resolve();
        });
      });
      const runningMs = performance.now() - start;
      const counts = await Promise.all(ids.map((id) => system.agents.execute(id, { type: 'add' })));
      if (counts.some((count) => count !== 2)) throw new Error('an agent came back without its state');
      return { agents: size, 'listed ms': rounded(listedMs), 'all running ms': rounded(runningMs) };
    }),
  );
}

async function readStates(store: SqliteStore, agents: number): Promise<number> {
  const start = performance.now();
  for (let index = 0; index < agents; index++) {
    if ((await store.state(`agent-${index}`)) === undefined) throw new Error(`no state of agent-${index}`);
  }
  return performance.now() - start;
}

const AT = Date.UTC(2026, 0, 1);
const STATE = { json: JSON.stringify({ n: 1, notes: 'x'.repeat(300) }), stateVersion: 1 };

/** Every agent of a fleet, registered: 100 to a batch. */
function* fleetOf(agents: number): Generator<SystemEvent[], void, undefined> {
  for (let first = 0; first < agents; first += 100) {
    yield Array.from({ length: Math.min(100, agents - first) }, (_, at): SystemEvent => {
      const agentId = `agent-${first + at}`;
      return {
        sequence: first + at + 1,
        at: AT,
        type: 'agent.registered',
        agentId,
        incarnation: 0,
        agentType: 'counter',
        spec: { id: agentId, module: { type: 'counter' }, initArgs: {}, shutdownMs: 5_000, limit: Infinity },
        manifest: {
          type: 'counter',
          capabilities: ['count'],
          variables: [],
          votes: false,
          stateVersion: 1,
          hash: '0123456789abcdef',
          tasks: { add: { requires: ['count'], retry: false } },
        },
      };
    });
  }
}

/** Lives and tasks of agents in no order; one task in a thousand has no end. */
function workOf(sequence: number, agents: number): SystemEvent {
  const stamp = {
    sequence,
    at: AT + sequence,
    agentId: `agent-${(sequence * 7_919) % agents}`,
    incarnation: 1,
  };
  const task = { taskId: `task-${Math.floor(sequence / 4)}`, task: 'add' };
  switch (sequence % 4) {
    case 0:
      return { type: 'task.accepted', ...stamp, ...task, input: { by: sequence }, retry: false };
    case 1:
      return { type: 'task.started', ...stamp, ...task };
    case 2:
      if (sequence % 4_000 === 2) return { type: 'task.started', ...stamp, ...task };
      return { type: 'task.completed', ...stamp, ...task, waitedMs: 0, ranMs: 1 };
    default:
      return {
        type: 'agent.started',
        ...stamp,
        life: {
          at: 'serving',
          incarnation: 1,
          startedFrom: 'registered',
          restarts: 0,
          history: { recent: [], attempt: 0 },
          reason: undefined,
          startedAt: AT,
          endedAt: undefined,
          restartAt: undefined,
        },
      };
  }
}

async function inFile<Result>(work: (path: string) => Promise<Result>): Promise<Result> {
  const directory = mkdtempSync(join(tmpdir(), 'mabeam-bench-'));
  try {
    return await work(join(directory, 'fleet.db'));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
