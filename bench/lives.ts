/** One agent at a time: a whole life, a task's round trip, a look at a record. */
import { pino } from 'pino';
import { Bench } from 'tinybench';
import { createAgentSystem, memoryStore } from '../src/index.ts';
import { counter } from './counter.ts';

export async function benchLives(): Promise<void> {
  await using system = await createAgentSystem({
    store: memoryStore({ maxEvents: 1_000 }),
    logger: pino({ level: 'silent' }),
  });
  const { agents } = system;
  const id = await agents.register({ module: counter });
  await agents.start(id);
  const bench = new Bench({ time: 3_000, warmupTime: 1_000 });
  bench
    .add('life: register, start, task, stop, forget', async () => {
      const one = await agents.register({ module: counter });
      await agents.start(one);
      await agents.execute(one, { type: 'add' });
      await agents.stop(one);
      await agents.forget(one);
    })
    .add('task round trip, one at a time', async () => {
      await agents.execute(id, { type: 'add' });
    })
    .add('task round trip, 64 at once (per 64)', async () => {
      await Promise.all(Array.from({ length: 64 }, () => agents.execute(id, { type: 'add' })));
    })
    .add('status read', () => {
      agents.get(id);
    });
  await bench.run();
  console.log('One agent at a time');
  console.table(bench.table());
}
