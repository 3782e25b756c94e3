/**
 * A small fleet to watch: `npm run inspect`, then open the address it prints. Ctrl-C ends it in good order.
 *
 * Five agents take tasks. Now and then one is killed and comes back by its restart policy, or is stopped and
 * started again. Everything runs in this program and listens on the loopback interface alone.
 */
import { parseArgs } from 'node:util';
import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { type AgentSystem, createAgentSystem, defineAgent } from '../../src/index.ts';
import { createInspector } from '../../src/inspector.ts';

const reader = defineAgent({
  type: 'reader',
  initArgs: z.object({ wordsPerSecond: z.number() }),
  init: ({ initArgs, restored }): { wordsPerSecond: number; read: number } =>
    restored ?? { ...initArgs, read: 0 },
  tasks: {
    read: {
      input: z.object({ words: z.number() }),
      run: async ({ input, state, signal }) => {
        await wait((input.words / state.wordsPerSecond) * 1_000, undefined, { signal });
        state.read += input.words;
        return state.read;
      },
    },
  },
});

const NAMES = ['ada', 'alan', 'barbara', 'edsger', 'grace'];
const STEP_MS = 400;

/** One thing that happens to one agent. Chance decides what; what its state does not allow is left. */
async function disturb(system: AgentSystem, id: string, chance: number): Promise<void> {
  const { agents } = system;
  if (agents.can(id, 'start') && agents.get(id).status !== 'crashed') await agents.start(id);
  else if (chance < 0.1 && agents.can(id, 'kill')) await agents.kill(id);
  else if (chance < 0.2 && agents.can(id, 'stop')) await agents.stop(id);
  else if (agents.can(id, 'execute')) await agents.execute(id, { type: 'read', input: { words: 100 } });
}

const { values } = parseArgs({ options: { port: { type: 'string', default: '0' } } });
const interrupt = new AbortController();
process.once('SIGINT', () => interrupt.abort());
process.once('SIGTERM', () => interrupt.abort());

await using inspector = await createInspector({ port: Number(values.port) });
await using system = await createAgentSystem({ inspect: inspector.observe });
for (const [index, id] of NAMES.entries()) {
  await system.agents.register({
    id,
    module: reader,
    initArgs: { wordsPerSecond: 100 + 20 * index },
    restart: { policy: 'delayed', delayMs: 2_000, maxRestarts: 100 },
  });
  await system.agents.start(id);
}
console.log(`${NAMES.length} agents at work; watch them at`);
console.log(inspector.url);

while (!interrupt.signal.aborted) {
  const id = NAMES[Math.floor(Math.random() * NAMES.length)]!;
  // A task that a kill or a stop cuts short is part of the show.
  void disturb(system, id, Math.random()).catch((error: unknown) => console.error(`${id}: ${String(error)}`));
  await wait(STEP_MS, undefined, { signal: interrupt.signal }).catch(() => undefined);
}
console.log('Stopping.');
