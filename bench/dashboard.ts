/**
 * What the dashboard costs: the delay of the event loop while a fleet works, unwatched and with three viewers.
 *
 * The viewers are in a program of their own, and read as a browser does. What a browser does with it: page.ts.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import { createDashboard } from '../src/dashboard.ts';
import { type AgentSystem, createAgentSystem, defineAgent } from '../src/index.ts';

const TOPICS = ['fleet,agents', 'fleet,agents,marks', 'fleet,work,limits,agent:agent-7'];
/** Until the machine knows the code that it runs. */
const WARM_UP_SECONDS = 3;
/** Of one task: accepted, started, saved, completed. */
const EVENTS_PER_TASK = 4;
const TICK_MS = 10;

const worker = defineAgent({
  type: 'worker',
  init: () => ({ n: 0 }),
  tasks: { add: { run: ({ state }) => (state.n += 1) } },
});

interface Load {
  readonly agents: number;
  readonly eventsPerSecond: number;
  readonly seconds: number;
}

export async function benchDashboard({ agents, eventsPerSecond, seconds }: Load): Promise<void> {
  await using system = await createAgentSystem();
  for (let n = 0; n < agents; n++) {
    await system.agents.start(await system.agents.register({ id: `agent-${n}`, module: worker }));
  }
  const load = { agents, eventsPerSecond, seconds };
  await loaded(system, { ...load, seconds: WARM_UP_SECONDS });
  report('without a dashboard', await loaded(system, load));
  await using dashboard = await createDashboard(system);
  report('unwatched', await loaded(system, load));
  const viewers = fork(new URL(import.meta.url), ['viewers', dashboard.url, dashboard.token]);
  try {
    await once(viewers, 'message');
    report('three viewers', await loaded(system, load));
    const bytes = await askedOf(viewers);
    console.log(
      `    ${dashboard.viewers()} viewers were told ${Math.round(bytes / seconds / 1_000)} kB a second in all`,
    );
  } finally {
    viewers.kill();
  }
}

interface Delays {
  readonly events: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly cpuMs: number;
}

/** Delays are counted from the timer's own period of 1 ms on. */
function ms(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e6 - 1);
}

/** Works at a steady pace, and says how late the event loop was meanwhile; ms. */
async function loaded(system: AgentSystem, { agents, eventsPerSecond, seconds }: Load): Promise<Delays> {
  let events = 0;
  const unsubscribe = system.events.subscribe(() => {
    events += 1;
  });
  const histogram = monitorEventLoopDelay({ resolution: 1 });
  const cpu = process.cpuUsage();
  histogram.enable();
  const began = performance.now();
  let next = 0;
  for (let done = 0; performance.now() - began < seconds * 1_000; ) {
    const due = ((performance.now() - began) / 1_000) * (eventsPerSecond / EVENTS_PER_TASK);
    const batch: Promise<unknown>[] = [];
    for (; done < due; done++)
      batch.push(system.agents.execute(`agent-${(next += 1) % agents}`, { type: 'add' }));
    await Promise.all(batch);
    await wait(TICK_MS);
  }
  histogram.disable();
  unsubscribe();
  const { user, system: kernel } = process.cpuUsage(cpu);
  return {
    events: events / seconds,
    p50: ms(histogram.percentile(50)),
    p99: ms(histogram.percentile(99)),
    max: ms(histogram.max),
    cpuMs: (user + kernel) / 1_000 / seconds,
  };
}

function report(what: string, { events, p50, p99, max, cpuMs }: Delays): void {
  const figures = `p50 ${p50.toFixed(1)}  p99 ${p99.toFixed(1)}  max ${max.toFixed(1)} ms`;
  console.log(
    `  ${what.padEnd(20)} ${Math.round(events)} events/s  event loop delay ${figures}  processor ${Math.round(cpuMs)} ms/s`,
  );
}

/** How many bytes the viewers have read since they began. */
async function askedOf(viewers: ChildProcess): Promise<number> {
  viewers.send('bytes');
  const [bytes] = (await once(viewers, 'message')) as [number];
  return bytes;
}

async function watch(url: string, token: string): Promise<void> {
  let bytes = 0;
  for (const topics of TOPICS) {
    const asked = get(new URL(`/api/stream?topics=${encodeURIComponent(topics)}`, url), {
      headers: { Authorization: `Bearer ${token}` },
      agent: false,
    });
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    response.on('data', (chunk: Buffer) => (bytes += chunk.length));
  }
  process.on('message', () => process.send?.(bytes));
  process.send?.('ready');
}

const [role, url, token] = process.argv.slice(2);
if (role === 'viewers' && url !== undefined && token !== undefined) await watch(url, token);
