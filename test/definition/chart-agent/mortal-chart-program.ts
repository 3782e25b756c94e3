/**
 * A program whose one agent is a chart on a durable store, until it is killed: a child with the arguments FILE,
 * ISOLATION and ANSWERS, which sends one message when it is at work.
 *
 * With a number as ANSWERS it kills itself after so many, when the next job is saved as under way: a moment that comes
 * however slow the machine is. Without, whoever started it kills it.
 *
 * Says, a JSON line each, what it found, and what it was answered. A line that was written has left the program.
 */
import { writeSync } from 'node:fs';
import { pino } from 'pino';
import { createAgentSystem, type SavedChart } from '../../../src/index.ts';
import { sqliteStore } from '../../../src/sqlite.ts';
import mortal, { type MortalContext } from './mortal-chart.ts';

export type Said =
  | {
      readonly found: MortalContext;
      readonly isWorking: boolean;
      /** When the next tick was to come. */
      readonly tickAt: number;
      /** What was found stood at a moment between these. */
      readonly since: number;
      readonly at: number;
    }
  /** The first state that it was in after the overdue tick, if that was overdue. */
  | { readonly ticks: number; readonly tickAt: number }
  | { readonly told: number };

const [file = '', isolation = 'in-process', answers] = process.argv.slice(2);
const ID = 'mo';

function say(said: Said): void {
  writeSync(1, `${JSON.stringify(said)}\n`);
}

const store = sqliteStore(file);
const system = await createAgentSystem({ store, agents: [mortal], logger: pino({ level: 'silent' }) });
const { agents } = system;

async function saved(): Promise<SavedChart & { snapshot: { context: MortalContext } }> {
  return (await agents.savedState(ID)) as never;
}

function isAtWork({ value }: SavedChart['snapshot']): boolean {
  return (value as { jobs: string }).jobs === 'working';
}

/** Ends the program as soon as a job is found saved as under way. */
async function dieAtWork(): Promise<never> {
  for (;;) {
    if (isAtWork((await saved()).snapshot)) process.kill(process.pid, 'SIGKILL');
    await stateSaved();
  }
}

const stateSaved = (): Promise<void> => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = system.events.subscribe(({ type }) => {
    if (type !== 'agent.state_saved') return;
    stop();
    resolve();
  });
  return promise;
};

if (agents.list().length === 0) {
  const module = isolation === 'process' ? new URL('./mortal-chart.ts', import.meta.url) : mortal;
  const saving = stateSaved();
  await agents.register({ id: ID, module, health: { intervalMs: 600_000 } });
  await agents.start(ID);
  await saving;
} else {
  const since = Date.now();
  const { snapshot, delayed } = await saved();
  const isWorking = isAtWork(snapshot);
  say({ found: snapshot.context, isWorking, tickAt: delayed[0]!.dueAt!, since, at: Date.now() });
  while ((await saved()).snapshot.context.ticks === snapshot.context.ticks) await stateSaved();
  const ticked = await saved();
  say({ ticks: ticked.snapshot.context.ticks, tickAt: ticked.delayed[0]!.dueAt! });
}
process.send?.('at work');
for (let answered = 0; ; answered++) {
  if (answered === Number(answers)) void dieAtWork();
  // What was under way is finished for nobody first.
  while (!(await agents.next(ID)).includes('job')) await stateSaved();
  say({ told: (await agents.execute(ID, { type: 'job' })) as number });
}
