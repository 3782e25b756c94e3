/** How a system comes to be on what its store kept, how that fails, and what its end leaves. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { createAgentSystem, defineAgent, memoryStore, type Store, variable } from '../../src/index.ts';
import { manifestOf } from '../../src/runtime/definition/manifest.ts';
import { scriptedHost, settled, simulatedClock } from '../../src/testing/index.ts';
import { worker } from '../agent/worker.ts';
import { diskOf } from '../fleet/program.ts';
import { plain } from '../fleet/plain.ts';
import { awaited, fateOf, gate, refusal, rig, silent } from '../kit/rig.ts';
import { mortalStore } from '../kit/mortal-store.ts';
import { recovering } from './recovering.ts';

const asking = defineAgent({
  type: 'asking',
  variables: ['v'],
  init: () => ({}),
  vote: () => new Promise<never>(() => {}),
  tasks: {
    ask: {
      retry: 'on_host_loss',
      run: async ({ step, ask }) => {
        await step('first', () => 1);
        return ask({ question: 'sure?' });
      },
    },
  },
});

describe('a system on what an earlier program has kept', () => {
  it('knows open questions and expired rounds from the moment that it is there', async () => {
    const disk = await diskOf('memoryStore');
    const first = await disk.boot();
    await first.system.variables.define('v', variable.json({ default: 0 }));
    const id = await first.agents.register({ module: asking });
    await first.agents.start(id);
    void awaited(first.agents.execute(id, { type: 'ask' }));
    void awaited(first.system.consensus.propose({ variable: 'v', value: 1, deadlineMs: 1_000 }));
    await settled();
    const [open] = first.system.questions.list();
    expect(first.system.consensus.rounds()).toHaveLength(1);

    const second = await disk.boot({ agents: [asking] });
    expect(second.system.questions.list()).toEqual([open]);
    const told: unknown[] = [];
    for await (const event of second.system.events.read())
      if (event.type === 'round.closed') told.push(event.outcome);
    expect(told).toEqual(['expired']);
  });

  it.each(['questions', 'steps'])(
    'is there once the %s of its tasks are read, and not before',
    async (kind) => {
      const kept = memoryStore();
      const first = await createAgentSystem({
        store: mortalStore(kept),
        clock: simulatedClock(),
        logger: silent,
      });
      const id = await first.agents.register({ module: asking });
      await first.agents.start(id);
      void awaited(first.agents.execute(id, { type: 'ask' }));
      await settled();
      const reading = gate();
      const store: Store = {
        ...recovering(kept, () => ({})),
        state: async (key) => {
          if (key.includes(kind === 'questions' ? 'question' : 'step')) await reading.promise;
          return kept.state(key);
        },
      };
      const second = awaited(
        createAgentSystem({ store, clock: simulatedClock(), logger: silent, agents: [asking] }),
      );
      expect(await fateOf(second)).toBe('pending');
      reading.resolve();
      const system = await second;
      expect(system.questions.list()).toHaveLength(1);
      await system.close({ timeoutMs: 0 });
    },
  );

  it('keeps what a module is that is elsewhere than before, for the next one', async () => {
    const before = defineAgent({ type: 'moved', init: () => ({}), tasks: { old: { run: () => 1 } } });
    const after = defineAgent({ type: 'moved', init: () => ({}), tasks: { fresh: { run: () => 1 } } });
    const store = memoryStore();
    // Their scripted host loads neither.
    const places = { before: '../fixtures/agents/asker.ts', after: '../fixtures/agents/toiler.ts' };
    const at = (place: keyof typeof places) => new URL(places[place], import.meta.url);
    const clock = simulatedClock();
    const hostOf = (definition: typeof before | typeof after) => ({
      process: scriptedHost({ manifest: manifestOf(definition) }),
    });
    const first = await createAgentSystem({ store, clock, logger: silent, hosts: hostOf(before) });
    await first.agents.register({ id: 'a', module: at('before') });
    await first.close();
    const agents = [{ type: 'moved', module: at('after') }];
    const second = await createAgentSystem({ store, clock, logger: silent, agents, hosts: hostOf(after) });
    await second.close();
    const { facts } = await store.recover();
    expect(JSON.parse(facts.get('manifest of moved')!)).toMatchObject({
      url: at('after').href,
      manifest: { tasks: { fresh: {} } },
    });
  });
});

/** The second of its schedules is none that this program can read. */
async function withForeignSchedule(close: () => unknown = () => {}) {
  const store = memoryStore();
  const first = await createAgentSystem({ store, clock: simulatedClock(), logger: silent });
  const target = await first.agents.register({ module: plain });
  for (const name of ['one', 'two'])
    await first.tasks.schedule({ name, target, task: { type: 'echo' }, everyMs: 1_000 });
  await first.close();
  return {
    ...recovering(store, ({ schedules = [] }) => ({ schedules: [schedules[0]!, {} as never] })),
    close: async () => {
      await close();
    },
  };
}

describe('a system that cannot be created', () => {
  it('says why, leaves no timer of what was begun, and has closed its store by then', async () => {
    const clock = simulatedClock();
    const closing = gate();
    const store = await withForeignSchedule(() => closing.promise);
    const created = awaited(createAgentSystem({ store, clock, logger: silent, agents: [plain] }));
    expect(await fateOf(created)).toBe('pending');
    closing.resolve();
    const { code, message } = await refusal(created);
    expect(code).toBe('STORE_FAILED');
    expect(message).toContain('the fleet of the store cannot be brought back: ');
    expect(clock.pending()).toEqual([]);
  });
});

describe('the end of a system', () => {
  it('closes open rounds at once, and not when its agents have ended', async () => {
    const { system, agents, clock } = await rig();
    await system.variables.define('v', variable.json({ default: 0 }));
    await agents.start(await agents.register({ module: asking }));
    const { module } = worker();
    const busy = await agents.register({ module });
    await agents.start(busy);
    void awaited(agents.execute(busy, { type: 'held' }));
    const round = awaited(system.consensus.propose({ variable: 'v', value: 1, deadlineMs: 60_000 }));
    await settled();
    const closed = awaited(system.close({ timeoutMs: 1_000 }));
    expect(await fateOf(round)).toMatchObject({ value: { outcome: 'expired' } });
    expect(await fateOf(closed)).toBe('pending');
    await clock.advance(1_000);
    await closed;
  });
});

describe('without options', () => {
  it('warnings are written to stderr, and nothing to stdout', async () => {
    const index = JSON.stringify(new URL('../../src/index.ts', import.meta.url).href);
    const code = `import { createAgentSystem, defineAgent } from ${index};
      const system = await createAgentSystem();
      const module = defineAgent({ type: 'warning', init: ({ log }) => void log.warn('mind this'), tasks: {} });
      await system.agents.start(await system.agents.register({ module }));
      await system.close();`;
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [
      '--input-type=module',
      '-e',
      code,
    ]);
    expect(stdout).toBe('');
    expect(stderr).toContain('mind this');
  });
});
