/**
 * A program that submits tasks without end, cancels some, and has its agents crash, stop and start, by a seed: until
 * it is killed, or told to close. It says what was acknowledged, a line each.
 */
import { writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { createAgentSystem } from '../../src/index.ts';
import { sqliteStore } from '../../src/sqlite.ts';
import { seededRandom } from '../../src/testing/index.ts';
import { worker } from './mortal-tasks.ts';

export type Said =
  | { readonly found: readonly (readonly [id: string, status: string])[] }
  | { readonly accepted: string; readonly key: string; readonly task: string }
  | { readonly executed: string }
  | { readonly done: string }
  | { readonly left: readonly string[] };

const [storeFile, linesFile, round] = process.argv.slice(2) as [string, string, string];
const random = seededRandom(Number(round));
const below = (bound: number) => Math.floor(random() * bound);
const say = (said: Said) => writeSync(1, `${JSON.stringify(said)}\n`);
const AGENTS = ['ada', 'bob'];
const TASKS = 60;

const system = await createAgentSystem({
  store: sqliteStore(storeFile),
  agents: [worker],
  logger: pino({ level: 'silent' }),
  limits: { maxEndedTasks: 100_000 },
});
const { agents, tasks } = system;
say({ found: tasks.list().map(({ id, status }) => [id, status] as const) });
const restart = { policy: 'immediate', delayMs: 5, maxRestarts: 1_000 } as const;
for (const id of AGENTS) {
  await agents.ensure({ id, module: worker, restart, tasks: { concurrency: 2 } });
  if (agents.can(id, 'start')) await agents.start(id);
}
await system.pools.create({ name: 'crew', spec: { module: worker, restart }, min: 1, max: 2, target: 2 });
await tasks.schedule({
  name: 'tick',
  everyMs: 1_000,
  target: { pool: 'crew' },
  task: { type: 'tick', input: { file: linesFile } },
});
process.on('message', () => {
  void system.close({ timeoutMs: 30 }).then(({ leftTasks = [] }) => {
    say({ left: leftTasks });
    process.disconnect();
  });
});
process.send?.('ready');

const quiet = () => undefined;
for (let count = 0; count < TASKS && system.status === 'open'; count++) {
  const task = (['once', 'once', 'often', 'again', 'stepped'] as const)[below(5)]!;
  const key = `${round}-${count}`;
  const input = { file: linesFile, key, workMs: below(12), failures: below(5) };
  const delay = below(6) === 0 ? { delayMs: below(40) } : {};
  const timeout = below(8) === 0 ? { timeoutMs: 5 + below(400) } : {};
  const priority = below(5) - 2;
  const asked = { type: task, input, priority, idempotencyKey: key, ...delay, ...timeout };
  const target = ([{ type: 'worker' }, { pool: 'crew' }, ...AGENTS] as const)[below(4)]!;
  if (below(3) === 0) {
    const executed = `x-${key}`;
    say({ executed });
    const type = below(2) === 0 ? 'once' : 'again';
    system.pools
      .execute('crew', { type, priority, input: { ...input, key: `${type} ${executed}` } })
      .catch(quiet);
  }
  tasks.submit(target, asked).then(({ id }) => {
    say({ accepted: id, key, task });
    if (below(10) === 0) tasks.cancel(id).catch(quiet);
    tasks.result(id).then(() => say({ done: id }), quiet);
  }, quiet);
  // Twice under one key is once.
  if (below(5) === 0) tasks.submit(target, asked).catch(quiet);
  const victim = [...AGENTS, 'crew-1'][below(3)]!;
  if (below(12) === 0) agents.kill(victim).catch(quiet);
  if (below(15) === 0)
    agents
      .stop(victim, { timeoutMs: below(10) })
      .then(() => agents.start(victim))
      .catch(quiet);
  await sleep(below(6));
}
