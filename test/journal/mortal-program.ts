/**
 * A program that works on a durable store until it is killed: a child with the arguments FILE and SEED, which sends
 * one message when it is at work.
 *
 * Says, a JSON line each and before anything else happens, what it found (`found`), what it is about to ask
 * (`asking`) and what it was answered (`told`). A line that was written has left the program.
 */
import { writeSync } from 'node:fs';
import { pino } from 'pino';
import { createAgentSystem, variable } from '../../src/index.ts';
import { sqliteStore } from '../../src/sqlite.ts';
import { seededRandom } from '../../src/testing/index.ts';
import { counter } from './mortal-counter.ts';

export type Said =
  | { readonly found: string; readonly status: string; readonly count: number }
  | { readonly foundVersion: number }
  | { readonly asking: Asked; readonly of: string }
  | { readonly told: Asked; readonly of: string; readonly count?: number };
export type Asked = 'register' | 'start' | 'add' | 'stop' | 'kill' | 'set';

const AGENTS = 6;
/** So many come before the program may be killed, on a machine of any speed; those of registrations are among them. */
const WARM_ANSWERS = 12;
const [file = '', seed = '1'] = process.argv.slice(2);
const random = seededRandom(Number(seed));

function say(said: Said): void {
  writeSync(1, `${JSON.stringify(said)}\n`);
}

let answers = 0;

async function asked<Value>(asking: Asked, of: string, work: () => Promise<Value>): Promise<Value> {
  say({ asking, of });
  const value = await work();
  say({ told: asking, of, ...(typeof value === 'number' ? { count: value } : {}) });
  if ((answers += 1) === WARM_ANSWERS) process.send?.('at work');
  return value;
}

const system = await createAgentSystem({
  store: sqliteStore(file),
  agents: [counter],
  logger: pino({ level: 'silent' }),
});
const { agents, events, variables } = system;

function isMoving(): boolean {
  return agents.list().some(({ status }) => status === 'crashed' || status === 'starting');
}

/** Resolves once no agent is on its way up. */
async function allAtRest(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const unsubscribe = events.subscribe(() => {
    if (!isMoving()) resolve();
  });
  if (isMoving()) await promise;
  unsubscribe();
}

await allAtRest();
for (const { id, status } of agents.list()) {
  const state = (await agents.savedState(id)) as { count: number } | undefined;
  say({ found: id, status, count: state?.count ?? 0 });
}
await variables.define('rate', variable.integer({ min: 0, max: 1_000_000, default: 0 }));
say({ foundVersion: variables.get('rate').version });

// However many kills fall into a minute, none is one too many.
const restart = { policy: 'immediate', delayMs: 5, maxRestarts: 1_000_000 } as const;
const known = new Set(agents.list().map(({ id }) => id));
for (let index = 0; index < AGENTS; index++) {
  const id = `counter-${index}`;
  if (known.has(id)) continue;
  await asked('register', id, () => agents.register({ id, module: counter, restart }));
}

async function work(id: string): Promise<never> {
  for (;;) {
    const { status } = agents.get(id);
    const dice = random();
    if (status === 'registered' || status === 'stopped') await asked('start', id, () => agents.start(id));
    else if (dice < 0.03) await asked('stop', id, () => agents.stop(id));
    else if (dice < 0.05) {
      await asked('kill', id, () => agents.kill(id));
      await allAtRest();
    } else await asked('add', id, () => agents.execute(id, { type: 'add' }) as Promise<number>);
  }
}

async function change(): Promise<never> {
  for (;;) {
    await asked('set', 'rate', async () => {
      const { version } = await variables.set('rate', variables.get('rate').version);
      return version;
    });
  }
}

await Promise.all([change(), ...Array.from({ length: AGENTS }, (_, index) => work(`counter-${index}`))]);
