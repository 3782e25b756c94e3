/** The job, three times on one provider: by a fleet, by a bare program, and by a bare program that is in no trouble. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import { createAgentSystem, type SystemEvent } from '../../src/index.ts';
import { sqliteStore } from '../../src/sqlite.ts';
import { addresses } from './addresses.ts';
import { editor } from './editor.ts';
import { Provider, type Trouble } from './provider.ts';
import type { Entry } from './reading.ts';

export const TROUBLE: Trouble = { hangs: 1989, loops: 1997, malformed: 2005, killed: 2013 };
const READERS = 3;
const READER = new URL('./reader.ts', import.meta.url);
const BARE = fileURLToPath(new URL('./bare.ts', import.meta.url));

/** What one way of doing the job came to. */
export interface Done {
  readonly entries: readonly Entry[];
  readonly ms: number;
  readonly tokens: number;
  /** By year. */
  readonly spent: ReadonlyMap<number, { readonly calls: number; readonly tokens: number }>;
  /** Calls that the provider refused for its limit. */
  readonly refused: number;
}

export interface FleetDone extends Done {
  readonly digest: string;
  readonly answeredBy: string;
  readonly crashes: number;
  readonly parks: number;
  readonly attempts: ReadonlyMap<number, number>;
}

export interface RunOptions {
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly onProgress: (text: string) => void;
  /** Asks a person; without it the program answers for one. */
  readonly ask: ((question: string) => Promise<boolean>) | undefined;
}

export async function runFleet({ logger, signal, onProgress, ask }: RunOptions): Promise<FleetDone> {
  const folder = await mkdtemp(join(tmpdir(), 'mabeam-archive-'));
  try {
    await using provider = await startProvider(TROUBLE);
    await using system = await createAgentSystem({ store: sqliteStore(join(folder, 'fleet.db')), logger });
    const stop = (): void => void system.close({ timeoutMs: 0 });
    signal.addEventListener('abort', stop, { once: true });
    const seen: SystemEvent[] = [];
    system.events.subscribe((event) => seen.push(event));
    const spec = {
      module: READER,
      initArgs: { providerUrl: provider.url },
      restart: { policy: 'immediate', delayMs: 0 },
    } as const;
    await system.pools.create({ name: 'readers', spec, min: READERS, max: READERS });
    await system.agents.start(await system.agents.register({ id: 'editor', module: editor }));
    // From here on: what it took to load the readers is no part of the work.
    const startedAt = performance.now();
    const tasks = await Promise.all(
      addresses().map(({ year, president }) =>
        system.tasks.submit({ pool: 'readers' }, { type: 'read', input: { year, president } }),
      ),
    );
    let read = 0;
    const results = await Promise.allSettled(
      tasks.map(async ({ id }) => {
        const entry = (await system.tasks.result(id)) as Entry;
        read += 1;
        onProgress(`the fleet has read ${read} of ${tasks.length} addresses`);
        return entry;
      }),
    );
    signal.throwIfAborted();
    const ms = performance.now() - startedAt;
    const entries = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    const publishing = system.tasks.submit('editor', { type: 'publish', input: entries });
    const answeredBy = await answer(system, ask);
    const digest = (await system.tasks.result((await publishing).id)) as string;
    const attempts = new Map(
      tasks.map(({ id }, index) => [addresses()[index]!.year, system.tasks.get(id).attempts]),
    );
    signal.removeEventListener('abort', stop);
    return {
      entries,
      ms,
      tokens: provider.tokens,
      spent: provider.spent,
      refused: provider.refused,
      digest,
      answeredBy,
      crashes: seen.filter(({ type }) => type === 'agent.crashed').length,
      parks: seen.filter(({ type }) => type === 'task.parked').length,
      attempts,
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** @param trouble `undefined` for a day on which nothing fails */
export async function runBare(
  trouble: Trouble | undefined,
  { signal, onProgress }: RunOptions,
): Promise<Done & { readonly starts: number }> {
  const folder = await mkdtemp(join(tmpdir(), 'mabeam-archive-'));
  try {
    await using provider = await startProvider(trouble);
    const file = join(folder, 'entries.jsonl');
    const startedAt = performance.now();
    let starts = 0;
    for (let code: unknown = 1; code !== 0; ) {
      starts += 1;
      onProgress(`a bare program does the same, start ${starts}`);
      const child = fork(BARE, [provider.url, file], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
      const end = (): void => void child.kill('SIGKILL');
      signal.addEventListener('abort', end, { once: true });
      [code] = (await once(child, 'exit')) as [number | null];
      signal.removeEventListener('abort', end);
      signal.throwIfAborted();
      if (starts === 10) throw new Error('the bare program died ten times');
    }
    const ms = performance.now() - startedAt;
    const lines = existsSync(file) ? (await readFile(file, 'utf8')).split('\n').filter(Boolean) : [];
    const entries = lines.map((line) => JSON.parse(line) as Entry);
    const { tokens, spent, refused } = provider;
    return { entries, ms, tokens, spent, refused, starts };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function startProvider(trouble: Trouble | undefined): Promise<Provider> {
  return Provider.start({
    trouble,
    callsAWindow: 12,
    windowMs: 400,
    latencyMs: 20,
    kill: (pid) => process.kill(pid, 'SIGKILL'),
  });
}

/** The editor asks before it publishes: a person, or this program in place of one. */
async function answer(
  { questions, events }: Awaited<ReturnType<typeof createAgentSystem>>,
  ask: RunOptions['ask'],
): Promise<string> {
  const asked = Promise.withResolvers<void>();
  const unsubscribe = events.subscribe(({ type }) => type === 'question.asked' && asked.resolve());
  if (questions.list().length === 0) await asked.promise;
  unsubscribe();
  const { id, question } = questions.list()[0]!;
  const by = ask ? 'you' : 'the script';
  await questions.answer(id, ask ? await ask(question) : true, { by });
  return by;
}
