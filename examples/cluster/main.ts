/**
 * The digits search on three nodes: `npm run cluster`, or `npm run cluster -- --seed 7`. With `--dashboard` it is shown in a
 * browser, until Ctrl-C.
 *
 * Starts a Restate server and three nodes, each a process; kills one node with -9 in the middle, and freezes another.
 * The report goes to stdout, progress to stderr. Exits with 0 when nothing was lost or done twice without a word, 1
 * when something was, 2 on a bad argument, 130 on Ctrl-C; it leaves no process and no file behind.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createDashboard } from '../../src/dashboard.ts';
import type { SystemEvent } from '../../src/index.ts';
import { connectFleet, type Fleet } from '../../src/restate.ts';
import { type Engine, serverBinary, startEngine } from './engine.ts';
import { type Accident, reportOf, type Station } from './report.ts';
import { Search } from './search.ts';

const USAGE = 'usage: npm run cluster -- [--seed <integer>] [--trainers <n>] [--trials <n>] [--dashboard]';
const NODES = ['n1', 'n2', 'n3'] as const;
const LOOK_MS = 250;
/** Longer than a node may be silent. */
const FROZEN_MS = 8_000;

interface Settings {
  readonly seed: number;
  readonly trainers: number;
  readonly trials: number;
  readonly isShown: boolean;
}

function parseSettings(): Settings | undefined {
  try {
    const { values } = parseArgs({
      options: {
        seed: { type: 'string', default: '1' },
        trainers: { type: 'string', default: '6' },
        trials: { type: 'string', default: '6' },
        dashboard: { type: 'boolean', default: false },
      },
    });
    const settings = {
      seed: Number(values.seed),
      trainers: Number(values.trainers),
      trials: Number(values.trials),
      isShown: values.dashboard,
    };
    const isFit = Number.isSafeInteger(settings.seed) && [settings.trainers, settings.trials].every(isCount);
    return isFit ? settings : undefined;
  } catch {
    return undefined;
  }
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 2 && value <= 20;
}

class Cluster {
  readonly #engine: Engine;
  readonly #nodes = new Map<string, ChildProcess>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  async join(name: string): Promise<void> {
    const { ingressUrl, adminUrl } = this.#engine;
    const program = fileURLToPath(new URL('node.ts', import.meta.url));
    const node = fork(program, [name, ingressUrl, adminUrl], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#nodes.set(name, node);
    await new Promise<void>((resolve, reject) => {
      node.once('message', () => resolve());
      node.once('exit', (code) => reject(new Error(`node ${name} ended with ${code} before it had joined`)));
    });
  }

  signal(name: string, signal: NodeJS.Signals): void {
    this.#nodes.get(name)?.kill(signal);
  }

  async end(): Promise<void> {
    await Promise.all(
      [...this.#nodes.values()].map(async (node) => {
        if (node.exitCode !== null || node.signalCode !== null) return;
        const exited = new Promise((resolve) => node.once('exit', resolve));
        // A frozen one hears nothing but this.
        node.kill('SIGKILL');
        await exited;
      }),
    );
  }
}

async function run(settings: Settings, signal: AbortSignal): Promise<readonly string[]> {
  await using engine = await startEngine();
  // Processes of agents start in half the time with code that another has compiled; the folder goes with the engine's.
  process.env['NODE_COMPILE_CACHE'] = join(engine.folder, 'compiled');
  const cluster = new Cluster(engine);
  try {
    for (const name of NODES) await unlessInterrupted(() => cluster.join(name), signal);
    await using fleet = await connectFleet({ ingressUrl: engine.ingressUrl });
    say(`three nodes, and a server with pid ${engine.pid}`);
    const shown = settings.isShown ? await createDashboard(fleet) : undefined;
    try {
      if (shown !== undefined) say(`shown at ${shown.url}`);
      const problems = await searchOn(cluster, fleet, settings, signal);
      if (shown !== undefined) {
        say('Ctrl-C ends it');
        await interruption(signal);
      }
      return problems;
    } finally {
      await shown?.close();
    }
  } finally {
    await cluster.end();
  }
}

async function searchOn(
  cluster: Cluster,
  fleet: Fleet,
  settings: Settings,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { trainers, trials, seed } = settings;
  const total = trainers * trials;
  const accidents: Accident[] = [];
  const stations = new Map<string, Station[]>();
  const over = new AbortController();
  const watching = watch(fleet, stations, over.signal);
  const startedAt = Date.now();
  const thaw: NodeJS.Timeout[] = [];
  const search = new Search({
    fleet,
    trainers,
    trials,
    seed,
    trialDigits: 1_000,
    signal,
    onTrial: (done) => {
      say(`${done} of ${total} trials`);
      if (done === Math.floor(total / 3)) {
        cluster.signal('n1', 'SIGKILL');
        accidents.push({ node: 'n1', what: 'killed', at: Date.now() });
        say('n1 was killed');
      }
      if (done === Math.floor((total * 2) / 3)) {
        cluster.signal('n2', 'SIGSTOP');
        accidents.push({ node: 'n2', what: 'frozen', at: Date.now() });
        say('n2 was frozen');
        thaw.push(setTimeout(() => cluster.signal('n2', 'SIGCONT'), FROZEN_MS));
      }
      return Promise.resolve();
    },
  });
  try {
    const searched = await unlessInterrupted(() => search.run(), signal);
    const tookMs = Date.now() - startedAt;
    const events: SystemEvent[] = [];
    for await (const event of fleet.events.read()) events.push(event);
    const { lines, problems } = reportOf({ searched, accidents, startedAt, stations, events, tookMs });
    for (const line of lines) console.log(line);
    return problems;
  } finally {
    for (const timer of thaw) clearTimeout(timer);
    over.abort();
    await watching;
  }
}

/** Notes where each agent is, as often as it looks. */
async function watch(fleet: Fleet, stations: Map<string, Station[]>, over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    for (const { id } of await fleet.agents.list().catch(() => [])) {
      const node = await fleet.agents.nodeOf(id).catch(() => undefined);
      const seen = stations.get(id) ?? [];
      if (node !== undefined && seen.at(-1)?.node !== node) {
        stations.set(id, [...seen, { node, at: Date.now() }]);
      }
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** Ctrl-C begins nothing more, and waits for nothing that goes on: what does ends with the connection, or its node. */
async function unlessInterrupted<Value>(work: () => Promise<Value>, signal: AbortSignal): Promise<Value> {
  signal.throwIfAborted();
  const over = interruption(signal).then(() => Promise.reject(signal.reason as Error));
  return Promise.race([work(), over]);
}

/** Resolves at Ctrl-C, also if that has been. */
function interruption(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
    if (signal.aborted) resolve();
  });
}

/** Progress is for people: the report alone goes to stdout. */
function say(text: string): void {
  console.error(text);
}

async function main(): Promise<number> {
  const settings = parseSettings();
  if (settings === undefined) {
    console.error(USAGE);
    return 2;
  }
  if (serverBinary() === undefined) {
    console.error('there is no restate-server for this machine in node_modules: npm install');
    return 1;
  }
  const interrupt = new AbortController();
  // A second one, as npm sends it, does not cut the end short.
  process.on('SIGINT', () => interrupt.abort(new Error('interrupted')));
  process.on('SIGTERM', () => interrupt.abort(new Error('ended')));
  try {
    return (await run(settings, interrupt.signal)).length === 0 ? 0 : 1;
  } catch (error) {
    if (interrupt.signal.aborted) return 130;
    console.error(error);
    return 1;
  }
}

process.exitCode = await main();
