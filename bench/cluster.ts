/**
 * A fleet on a real Restate server and two node processes: durable tasks, failover, a round, growth.
 *
 * `node bench/cluster.ts [--quick]` prints one line of JSON per measurement. CPU is that of the server, the nodes and
 * the client together, from /proc where that is there. Beside a task, and in turns with it, stand a bare call of a virtual
 * object, one with as many journal entries as a task, and the calls of a task with nothing in them: what the engine alone
 * asks for.
 * What the fleet takes at rest is in all of them, and said first.
 *
 * `--only tasks,failover,round,growth` measures some of it, `--growth 100,1000` other sizes of a fleet that grows,
 * `--partitions 24` an engine with so many.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Engine, startEngine } from '../examples/cluster/engine.ts';
import { variable } from '../src/index.ts';
import { connectFleet, type Fleet } from '../src/restate.ts';
import { counter } from './cluster-agent.ts';
import { ENTRIES, floorOf } from './cluster-floor.ts';

/** Of a tick of /proc. */
const TICK_MS = 10;
const MB = 1_048_576;
/** How often what is compared takes turns. */
const TURNS = 5;
const REST_MS = 5_000;
/** Sizes of a fleet that grows: some are only looked at on the way, for 10,000 agents take minutes to start. */
const GROWTH = [100, 1_000, 3_000, 6_000, 10_000];

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: 'tasks,failover,round,growth' },
    growth: { type: 'string' },
    partitions: { type: 'string', default: '4' },
  },
});
const wanted = new Set(values.only.split(','));
const sizes = values.quick
  ? { tasks: 600, agents: 40, clients: 16, failover: 40, voters: 200, growth: [100, 300] }
  : { tasks: 2_000, agents: 100, clients: 32, failover: 200, voters: 1_000, growth: GROWTH };

const nodes: ChildProcess[] = [];

async function joined({ ingressUrl, adminUrl }: Engine, name: string): Promise<ChildProcess> {
  const program = fileURLToPath(new URL('cluster-node.ts', import.meta.url));
  const node = fork(program, [name, ingressUrl, adminUrl], { execArgv: [] });
  nodes.push(node);
  await new Promise<void>((resolve, reject) => {
    node.once('message', () => resolve());
    node.once('exit', (code) => reject(new Error(`node ${name} ended with ${code}`)));
  });
  return node;
}

/** CPU ms of the server, of the nodes, and of this very program. */
function cpuMs(engine: Engine): readonly [server: number, nodes: number, client: number] {
  const { user, system } = process.cpuUsage();
  const ofNodes = nodes.reduce((sum, { pid }) => sum + cpuOf(pid!), 0);
  return [cpuOf(engine.pid), ofNodes, (user + system) / 1_000];
}

function cpuOf(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  } catch {
    return 0;
  }
}

/** Resident MB of a process. */
function memoryOf(pid: number): number {
  try {
    return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1_024;
  } catch {
    return 0;
  }
}

/** MB of all files in a folder. */
async function diskOf(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const sizes = await Promise.all(
    entries
      .filter((entry) => entry.isFile())
      // One may be gone by now: the server tidies up.
      .map(({ parentPath, name }) =>
        stat(join(parentPath, name)).then(
          ({ size }) => size,
          () => 0,
        ),
      ),
  );
  return sizes.reduce((sum, size) => sum + size, 0) / MB;
}

function emit(bench: string, fields: Readonly<Record<string, number>>): void {
  const rounded = Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, Math.round(value * 100) / 100]),
  );
  console.log(JSON.stringify({ bench, ...rounded, load1: Math.round(loadavg()[0]! * 10) / 10 }));
}

function quantile(times: readonly number[], share: number): number {
  return times.toSorted((a, b) => a - b)[Math.min(times.length - 1, Math.floor(times.length * share))]!;
}

async function timed<Value>(work: () => Promise<Value>): Promise<readonly [value: Value, ms: number]> {
  const at = performance.now();
  const value = await work();
  return [value, performance.now() - at];
}

/** Runs `work` so often, by so many at once. */
async function spread(
  count: number,
  clients: number,
  work: (index: number) => Promise<unknown>,
): Promise<{ readonly times: number[]; readonly wallMs: number }> {
  const times: number[] = [];
  let next = 0;
  const startedAt = performance.now();
  await Promise.all(
    Array.from({ length: clients }, async () => {
      for (let index = next++; index < count; index = next++) {
        const at = performance.now();
        await work(index);
        times.push(performance.now() - at);
      }
    }),
  );
  return { times, wallMs: performance.now() - startedAt };
}

type Work = (index: number) => Promise<unknown>;

interface Sample {
  readonly times: readonly number[];
  readonly wallMs: number;
  /** Of the server, the nodes and the client. */
  readonly cpu: readonly number[];
}

async function sample(engine: Engine, count: number, clients: number, work: Work): Promise<Sample> {
  const before = cpuMs(engine);
  const { times, wallMs } = await spread(count, clients, work);
  const after = cpuMs(engine);
  return { times, wallMs, cpu: before.map((ms, index) => after[index]! - ms) };
}

/** @returns CPU ms of one */
function tell(bench: string, clients: number, samples: readonly Sample[]): number {
  const times = samples.flatMap((one) => one.times);
  const count = times.length;
  const wallMs = samples.reduce((sum, one) => sum + one.wallMs, 0);
  const [server, ofNodes, client] = [0, 1, 2].map(
    (at) => samples.reduce((sum, { cpu }) => sum + cpu[at]!, 0) / count,
  );
  const cpuPerOp = server! + ofNodes! + client!;
  emit(bench, {
    n: count,
    clients,
    ops_per_s: (count / wallMs) * 1_000,
    p50_ms: quantile(times, 0.5),
    p99_ms: quantile(times, 0.99),
    cpu_ms_per_op: cpuPerOp,
    server_ms: server!,
    nodes_ms: ofNodes!,
    client_ms: client!,
  });
  return cpuPerOp;
}

async function measure(
  engine: Engine,
  bench: string,
  count: number,
  clients: number,
  work: Work,
): Promise<void> {
  tell(bench, clients, [await sample(engine, count, clients, work)]);
}

/** CPU ms of one of each; what else the machine does meanwhile falls on all of them alike. */
async function inTurns(
  engine: Engine,
  count: number,
  clients: number,
  works: ReadonlyMap<string, Work>,
): Promise<readonly number[]> {
  const samples = new Map([...works.keys()].map((bench): [string, Sample[]] => [bench, []]));
  for (let turn = 0; turn < TURNS; turn++) {
    for (const [bench, work] of works) {
      samples.get(bench)!.push(await sample(engine, Math.ceil(count / TURNS), clients, work));
    }
  }
  return [...samples].map(([bench, ofBench]) => tell(bench, clients, ofBench));
}

async function atRest(engine: Engine): Promise<void> {
  const before = cpuMs(engine);
  await new Promise((resolve) => setTimeout(resolve, REST_MS));
  const [server, ofNodes] = cpuMs(engine).map((ms, index) => (ms - before[index]!) / (REST_MS / 1_000));
  emit('cluster at rest', { server_ms_per_s: server!, nodes_ms_per_s: ofNodes! });
}

async function started(fleet: Fleet, count: number): Promise<string[]> {
  const ids: string[] = [];
  await spread(count, 16, async () => {
    const id = await fleet.agents.register({ module: counter });
    await fleet.agents.start(id);
    ids.push(id);
  });
  return ids;
}

async function gone(fleet: Fleet, ids: readonly string[]): Promise<void> {
  await spread(ids.length, 16, async (index) => {
    await fleet.agents.stop(ids[index]!, { timeoutMs: 0 });
    await fleet.agents.forget(ids[index]!);
  });
}

async function benchTasks(engine: Engine, fleet: Fleet): Promise<void> {
  const { tasks, agents, clients } = sizes;
  const ids = await started(fleet, agents);
  await atRest(engine);
  const add = (id: string) => fleet.agents.execute(id, { type: 'add' });
  await spread(50, 4, (index) => add(ids[index % ids.length]!));
  await measure(engine, 'cluster task, 1 agent, 1 client', Math.floor(tasks / 4), 1, () => add(ids[0]!));
  const floor = await floorOf(engine);
  const key = (index: number) => String(index % agents);
  const works = new Map<string, Work>([
    [`cluster task, ${agents} agents`, (index) => add(ids[index % ids.length]!)],
    ['bare object call, nothing in it', (index) => floor.empty(key(index))],
    [`bare object call, ${ENTRIES} entries`, (index) => floor.touch(key(index))],
    ['the calls of a task, with nothing in them', (index) => floor.shape(key(index))],
    ['two of them: a turn, and who waits for it', (index) => floor.awaited(key(index))],
    ['four: who waits does so at the node', (index) => floor.atNode(key(index))],
  ]);
  for (const work of works.values()) await spread(50, 4, work);
  const [cost, empty, bare, shape] = await inTurns(engine, tasks, clients, works);
  emit('cluster task against a bare call with nothing in it', { cpu_ratio: cost! / empty! });
  emit('cluster task against a bare call with as many entries', { cpu_ratio: cost! / bare! });
  emit('cluster task against its calls with nothing in them', { cpu_ratio: cost! / shape! });
  floor.close();
  await gone(fleet, ids);
}

async function benchFailover(engine: Engine, fleet: Fleet): Promise<void> {
  const doomed = await joined(engine, 'doomed');
  const log: { type: string; at: number }[] = [];
  // A third of them, or so, is on it.
  const anywhere = await started(fleet, sizes.failover * 3);
  const onDoomed: string[] = [];
  for (const id of anywhere) if ((await fleet.agents.nodeOf(id)) === 'doomed') onDoomed.push(id);
  nodes.splice(nodes.indexOf(doomed), 1);
  const before = cpuMs(engine);
  doomed.kill('SIGKILL');
  const killedAt = Date.now();
  const waiting = new Set(onDoomed);
  while (waiting.size > 0) {
    for (const { id, status, incarnation } of await fleet.agents.list({ status: 'running' })) {
      if (status === 'running' && incarnation === 2) waiting.delete(id);
    }
    // A list costs the engine something, too: the times are those of the events.
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  const after = cpuMs(engine);
  const [server, ofNodes] = [0, 1].map((at) => (after[at]! - before[at]!) / onDoomed.length);
  for (const id of onDoomed) {
    for await (const event of fleet.events.read({ agentId: id })) log.push(event);
  }
  const timesOf = (kind: string) =>
    log.filter(({ type, at }) => type === kind && at > killedAt).map(({ at }) => at - killedAt);
  const [noticed, times] = [timesOf('agent.crashed'), timesOf('agent.started')];
  emit('failover after kill -9', {
    agents: times.length,
    p50_ms: quantile(times, 0.5),
    max_ms: Math.max(...times),
    noticed_p50_ms: quantile(noticed, 0.5),
    noticed_max_ms: Math.max(...noticed),
    // Of a restart; what the surviving nodes do else is in it.
    server_ms: server!,
    nodes_ms: ofNodes!,
  });
  await gone(fleet, anywhere);
}

async function benchRound(fleet: Fleet): Promise<void> {
  await fleet.variables.define('rate', variable.integer({ default: 0 }));
  const ids = await started(fleet, sizes.voters);
  const times: number[] = [];
  for (let value = 1; value <= 5; value++) {
    const at = performance.now();
    const { outcome } = await fleet.consensus.propose({ variable: 'rate', value });
    if (outcome !== 'accepted') throw new Error(`the round was ${outcome}`);
    times.push(performance.now() - at);
  }
  emit('round', { voters: sizes.voters, p50_ms: quantile(times, 0.5), max_ms: Math.max(...times) });
  await gone(fleet, ids);
}

async function benchGrowth(engine: Engine, fleet: Fleet): Promise<void> {
  const ids: string[] = [];
  for (const size of values.growth?.split(',').map(Number) ?? sizes.growth) {
    const added: string[] = [];
    await measure(engine, `register and start, up to ${size} agents`, size - ids.length, 16, async () => {
      const id = await fleet.agents.register({ module: counter });
      await fleet.agents.start(id);
      added.push(id);
    });
    const add = (index: number) => fleet.agents.execute(added[index]!, { type: 'add' });
    await measure(engine, `a task each, of ${size} agents`, added.length, 16, add);
    ids.push(...added);
    const [listed, listMs] = await timed(() => fleet.agents.list());
    const [ran, filterMs] = await timed(() => fleet.agents.list({ status: 'running' }));
    emit('list', { agents: listed.length, ms: listMs, running: ran.length, filter_ms: filterMs });
    emit('memory', {
      agents: listed.length,
      server_mb: memoryOf(engine.pid),
      nodes_mb: nodes.reduce((sum, { pid }) => sum + memoryOf(pid!), 0),
      client_mb: memoryOf(process.pid),
      disk_mb: await diskOf(engine.folder),
    });
  }
}

await using engine = await startEngine({ partitions: Number(values.partitions) });
// Ctrl-C leaves no server behind; the nodes end with this program.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void engine.stop().finally(() => process.exit(1)));
}
try {
  await joined(engine, 'n1');
  await joined(engine, 'n2');
  await using fleet = await connectFleet({ ingressUrl: engine.ingressUrl, agents: [counter] });
  if (wanted.has('tasks')) await benchTasks(engine, fleet);
  if (wanted.has('failover')) await benchFailover(engine, fleet);
  if (wanted.has('round')) await benchRound(fleet);
  if (wanted.has('growth')) await benchGrowth(engine, fleet);
} finally {
  for (const node of nodes) node.kill('SIGKILL');
}
