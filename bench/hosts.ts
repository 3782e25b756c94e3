/**
 * Threads and processes: a task's way there and back, against a bare channel that echoes.
 *
 * Measured at the contract of hosts: no mailbox, journal or store is in the way. Both sides send the same payload,
 * and are measured in turns, so that whatever else the machine does meets both.
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { Piscina } from 'piscina';
import type { BodyReport, Host } from '../src/runtime/hosting/host.ts';
import { processHost } from '../src/runtime/hosting/hosts/process.ts';
import { threadHost } from '../src/runtime/hosting/hosts/thread.ts';

const ROUNDS = 9;
const CALLS = 2_000;
const BURST = 20_000;
const IN_FLIGHT = 64;
const bareEcho = new URL('./bare-echo.ts', import.meta.url);
const poolEcho = new URL('./pool-echo.ts', import.meta.url);
const echoAgent = new URL('./echo-agent.ts', import.meta.url);

/** Something that answers calls by their number. */
interface Echo {
  readonly name: string;
  call(id: number): void;
  /** Set by the caller. */
  answered: (id: number) => void;
  close(): Promise<unknown>;
}

const payload = (id: number) => ({ id, text: 'some text of an agent', numbers: [1, 2, 3] });
const ignore = (): void => {};

function bareThread(): Promise<Echo> {
  const worker = new Worker(bareEcho);
  const echo: Echo = {
    name: 'bare postMessage',
    // oxlint-disable-next-line require-post-message-target-origin -- a thread has no origin
    call: (id) => worker.postMessage(payload(id)),
    answered: ignore,
    close: () => worker.terminate(),
  };
  worker.on('message', ({ id }: { id: number }) => echo.answered(id));
  return Promise.resolve(echo);
}

function bareProcess(): Promise<Echo> {
  const child = fork(fileURLToPath(bareEcho), { serialization: 'advanced' });
  const echo: Echo = {
    name: 'bare process.send',
    call: (id) => child.send(payload(id)),
    answered: ignore,
    close: () =>
      new Promise((resolve) => {
        child.on('exit', resolve);
        child.kill('SIGKILL');
      }),
  };
  child.on('message', (message) => echo.answered((message as { id: number }).id));
  return Promise.resolve(echo);
}

/** One worker of the thread pool that is most used; it has no identity, supervision or limits to keep. */
function pooled(): Promise<Echo> {
  const pool = new Piscina({
    filename: fileURLToPath(poolEcho),
    minThreads: 1,
    maxThreads: 1,
    concurrentTasksPerWorker: IN_FLIGHT,
  });
  const echo: Echo = {
    name: 'piscina',
    call: (id) => {
      void pool.run(payload(id)).then((message) => echo.answered((message as { id: number }).id));
    },
    answered: ignore,
    close: () => pool.destroy(),
  };
  return Promise.resolve(echo);
}

function hosted(host: Host): Promise<Echo> {
  return new Promise((resolve, reject) => {
    const echo: Echo = {
      name: `${host.isolation} host`,
      call: (id) => body.post({ type: 'task.run', taskId: String(id), task: 'echo', input: payload(id) }),
      answered: ignore,
      close: () => host.close(),
    };
    const report = (said: BodyReport): void => {
      if (said.type === 'task.completed') echo.answered(Number(said.taskId));
      else if (said.type === 'ready') resolve(echo);
    };
    const exited = (reason: unknown): void => reject(new Error(`exited: ${JSON.stringify(reason)}`));
    const body = host.open(
      {
        agentId: 'echo',
        incarnation: 1,
        module: echoAgent,
        initArgs: undefined,
        restored: undefined,
        previousStop: undefined,
        variables: [],
        resources: { cpuPriority: 'normal', maxRuntimeMs: Infinity },
      },
      { report, exited },
    );
  });
}

/** One call after the other; the median in µs. */
async function roundTrip(echo: Echo): Promise<number> {
  const tookUs: number[] = [];
  await new Promise<void>((resolve) => {
    let startedAt = performance.now();
    echo.answered = (id) => {
      tookUs.push((performance.now() - startedAt) * 1_000);
      if (id === CALLS) return resolve();
      startedAt = performance.now();
      echo.call(id + 1);
    };
    echo.call(1);
  });
  return median(tookUs);
}

/** Many calls under way at once; calls a second. */
async function throughput(echo: Echo): Promise<number> {
  const startedAt = performance.now();
  await new Promise<void>((resolve) => {
    let called = 0;
    let answered = 0;
    echo.answered = () => {
      answered += 1;
      if (answered === BURST) return resolve();
      if (called < BURST) echo.call((called += 1));
    };
    while (called < IN_FLIGHT) echo.call((called += 1));
  });
  return BURST / ((performance.now() - startedAt) / 1_000);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

export async function benchHosts(): Promise<void> {
  const rows: Record<string, string>[] = [];
  for (const starts of [
    [bareThread, () => hosted(threadHost()), pooled],
    [bareProcess, () => hosted(processHost())],
  ]) {
    const echoes: Echo[] = [];
    for (const start of starts) echoes.push(await start());
    const trips = echoes.map((): number[] => []);
    const rates = echoes.map((): number[] => []);
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const [index, echo] of echoes.entries()) {
        trips[index]!.push(await roundTrip(echo));
        rates[index]!.push(await throughput(echo));
      }
    }
    const [bareTrip, bareRate] = [median(trips[0]!), median(rates[0]!)];
    for (const [index, echo] of echoes.entries()) {
      const [trip, rate] = [median(trips[index]!), median(rates[index]!)];
      rows.push({
        what: echo.name,
        'round trip p50': `${trip.toFixed(1)} µs`,
        'of bare': `${(trip / bareTrip).toFixed(2)}×`,
        [`calls/s, ${IN_FLIGHT} in flight`]: rate.toFixed(0),
        'time a call, of bare': `${(bareRate / rate).toFixed(2)}×`,
      });
      await echo.close();
    }
  }
  console.table(rows);
}
