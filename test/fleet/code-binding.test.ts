/** Releases: agents are bound to their type, and run what a program gives for it, wherever that was before. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  type AgentCode,
  type AgentSystem,
  createAgentSystem,
  defineAgent,
  defineFleet,
  type Isolation,
  memoryStore,
  planRecovery,
  type Store,
} from '../../src/index.ts';
import { sqliteStore } from '../../src/sqlite.ts';
import { refusal, silent } from '../kit/rig.ts';

const own = new URL('../../src/runtime/definition/define-agent.ts', import.meta.url).href;

/** Folders of releases, each with the module of an agent that says which release it is. */
async function releases() {
  const root = await mkdtemp(join(tmpdir(), 'mabeam-releases-'));
  onTestFinished(() => rm(root, { recursive: true }));
  const release = async (name: string): Promise<URL> => {
    const folder = join(root, name);
    await mkdir(folder);
    const file = join(folder, 'clerk.mjs');
    await writeFile(
      file,
      `import { defineAgent } from ${JSON.stringify(own)};
      export default defineAgent({
        type: 'clerk',
        init: ({ restored }) => restored ?? { n: 0 },
        tasks: { count: { run: ({ state }) => '${name} ' + (state.n += 1) } },
      });`,
    );
    return pathToFileURL(file);
  };
  return { root, release, remove: (name: string) => rm(join(root, name), { recursive: true }) };
}

const inProgram = defineAgent({
  type: 'clerk',
  init: ({ restored }): { n: number } => restored ?? { n: 0 },
  tasks: { count: { run: ({ state }) => `program ${(state.n += 1)}` } },
});

function storesOf(kind: 'memory' | 'sqlite', root: string): () => Store {
  if (kind === 'sqlite') return () => sqliteStore(join(root, 'fleet.db'));
  const kept = memoryStore();
  return () => kept;
}

/** A life of one task, which says what ran. */
const count = async ({ agents }: AgentSystem, id = 'ada') => {
  await agents.start(id);
  const output = await agents.execute(id, { type: 'count' });
  await agents.stop(id);
  return output;
};

const cases = (['in-process', 'process'] as const).flatMap((isolation) =>
  (['memory', 'sqlite'] as const).map((store) => ({ isolation, store })),
);

const hosts: readonly { readonly isolation: Isolation; readonly group?: string }[] = [
  { isolation: 'in-process' },
  { isolation: 'thread' },
  { isolation: 'process' },
  { isolation: 'process', group: 'kitchen' },
];

describe.each(cases)('a release, $isolation, $store', ({ isolation, store: kind }) => {
  async function world() {
    const { root, release, remove } = await releases();
    const open = storesOf(kind, root);
    /** One program after the other, each closed before the next. */
    async function program<Value>(
      agents: readonly AgentCode[],
      work: (system: AgentSystem) => Promise<Value>,
      logger = silent,
    ): Promise<Value> {
      const system = await createAgentSystem({ store: open(), agents, logger });
      try {
        return await work(system);
      } finally {
        await system.close();
      }
    }
    const v1 = await release('v1');
    await program([], async (system) => {
      await system.agents.register({ id: 'ada', module: v1, isolation });
      expect(await count(system)).toBe('v1 1');
    });
    return { open, release, remove, program, v1 };
  }

  it('in another folder runs, with the state of the old one', async () => {
    const { open, release, program, v1 } = await world();
    const v2 = await release('v2');
    const agents = [{ type: 'clerk', module: v2 }];
    expect(await planRecovery(open(), { agents })).toMatchObject([
      { agentId: 'ada', comesBack: true, moved: { from: v1.href, to: v2.href } },
    ]);
    await program(agents, async (system) => {
      expect(system.agents.get('ada').spec.module).toEqual(v2);
      expect(await count(system)).toBe('v2 2');
    });
  });

  it('that says nothing of a module in another folder runs it, and the log says so, once', async () => {
    const { program, v1 } = await world();
    const lines: { readonly msg: string }[] = [];
    const write = (line: string) => void lines.push(JSON.parse(line) as { readonly msg: string });
    await program([], count, pino({ level: 'warn' }, { write }));
    expect(lines.map(({ msg }) => msg).filter((msg) => msg.includes('not in the folder'))).toEqual([
      expect.stringContaining(`run ${v1.href}`),
    ]);
  });

  it('is never gone back from: a later program that gives nothing runs the newest', async () => {
    const { release, program } = await world();
    const v2 = await release('v2');
    await program([{ type: 'clerk', module: v2 }], count);
    expect(await program([], count)).toBe('v2 3');
    // Who is registered later says for themselves where their code is.
    const v3 = await release('v3');
    await program([], ({ agents }) => agents.register({ id: 'bob', module: v3, isolation }));
    await program([], async (system) => {
      expect(await count(system, 'bob')).toBe('v3 1');
      expect(await count(system)).toBe('v2 4');
    });
    await program([{ type: 'clerk', module: v3 }], count);
    expect(await program([], count)).toBe('v3 6');
  });

  it('whose file is gone is listed, does not start, and an alert says so, until its place is given', async () => {
    const { open, release, remove, program, v1 } = await world();
    await remove('v1');
    expect(await planRecovery(open())).toMatchObject([
      { comesBack: false, problem: expect.stringContaining(v1.href) },
    ]);
    await program([], async ({ agents, alerts }) => {
      expect(alerts.list()).toMatchObject([{ alert: 'definition_missing', agentId: 'ada' }]);
      const { code, message } = await refusal(agents.start('ada'));
      expect([code, message]).toEqual(['AGENT_START_FAILED', expect.stringContaining(v1.href)]);
      expect(agents.get('ada').status).toBe('stopped');
    });
    const v2 = await release('v2');
    await program([{ type: 'clerk', module: v2 }], async (system) => {
      expect(system.alerts.list()).toEqual([]);
      expect(await count(system)).toBe('v2 2');
    });
  });

  it('in the program is run where that can be; where not, its agent keeps its module, and the log says so', async () => {
    const { program, v1 } = await world();
    const warned: unknown[] = [];
    const logger = pino({ level: 'warn' }, { write: (line) => warned.push(JSON.parse(line).msg) });
    await program(
      [inProgram],
      async (system) => {
        expect(system.alerts.list()).toEqual([]);
        expect(await count(system)).toBe(isolation === 'in-process' ? 'program 2' : 'v1 2');
      },
      logger,
    );
    const said = `expected { type, module: URL }; it runs ${v1.href}, as before`;
    expect(warned).toEqual(isolation === 'in-process' ? [] : [expect.stringContaining(said)]);
    // A program that gives nothing does not go back to the file of one that was run by a program.
    await program([], async (system) => {
      if (isolation !== 'in-process') return expect(await count(system)).toBe('v1 3');
      expect(system.alerts.list()).toMatchObject([{ alert: 'definition_missing' }]);
      return expect((await refusal(system.agents.start('ada'))).code).toBe('AGENT_START_FAILED');
    });
  });
});

describe.each(hosts)('what a release has changed, $isolation, group $group', ({ isolation, group }) => {
  const spec = { id: 'ada', isolation, ...(group === undefined ? {} : { resources: { group } }) };
  const first = `stateVersion: 1, tasks: { old: { run: () => 'old' }, gone: { run: () => 'gone' } }`;
  const next = `stateVersion: 2, migrate: (saved) => saved, capabilities: ['more'],
    tasks: { old: { run: () => 'new' }, fresh: { requires: ['more'], run: () => 'fresh' } }`;

  async function world() {
    const { root } = await releases();
    const store = storesOf('sqlite', root);
    const place = (name: string) => pathToFileURL(join(root, name));
    const write = (name: string, body: string) =>
      writeFile(
        join(root, name),
        `import { defineAgent } from ${JSON.stringify(own)};
        export default defineAgent({ type: 'cook', init: ({ restored }) => restored ?? {}, ${body} });`,
      );
    async function program(agents: readonly AgentCode[], work: (system: AgentSystem) => Promise<unknown>) {
      await using system = await createAgentSystem({ store: store(), agents, logger: silent });
      await work(system);
    }
    await write('v1.mjs', first);
    await program([], async ({ agents }) => {
      await agents.register({ ...spec, module: place('v1.mjs') });
      await agents.start('ada');
    });
    return { place, write, program };
  }

  it('is known before anything has started: its version, its abilities and its tasks', async () => {
    const { place, write, program } = await world();
    await write('v2.mjs', next);
    await program([{ type: 'cook', module: place('v2.mjs') }], async ({ agents, tasks }) => {
      expect(agents.get('ada')).toMatchObject({
        status: 'stopped',
        stateVersion: 2,
        capabilities: ['more'],
      });
      expect((await refusal(tasks.submit('ada', { type: 'gone' }))).code).toBe('TASK_INCOMPATIBLE');
      const { id } = await tasks.submit('ada', { type: 'fresh' });
      await agents.start('ada');
      expect(await tasks.result(id)).toBe('fresh');
    });
    // A later program that says nothing of it runs the newest, and knows it.
    await program([], async ({ agents }) => expect(agents.get('ada').stateVersion).toBe(2));
  });

  it('is known to later programs where it was changed in its place, once it has run', async () => {
    const { place, write, program } = await world();
    // Another file in the program itself: Node loads one only once.
    const module = isolation === 'in-process' ? place('v2.mjs') : place('v1.mjs');
    await write(isolation === 'in-process' ? 'v2.mjs' : 'v1.mjs', next);
    const agents = isolation === 'in-process' ? [{ type: 'cook', module }] : [];
    await program(agents, ({ agents }) => agents.start('ada'));
    await program([], async (system) => {
      expect(system.agents.get('ada').stateVersion).toBe(2);
      expect((await system.tasks.submit('ada', { type: 'fresh' })).status).toBe('waiting');
      // What was registered or changed later is newer.
      await system.agents.update('ada', { initArgs: { n: 1 } });
      expect(system.agents.get('ada').stateVersion).toBe(2);
    });
    await program([], async (system) => expect(system.agents.get('ada').stateVersion).toBe(2));
  });

  it('that does not load, or is of another type, keeps no program from opening', async () => {
    const { place, write, program } = await world();
    await writeFile(place('v2.mjs'), 'throw new Error("broken");');
    await write('v3.mjs', next.replace('stateVersion: 2', "stateVersion: 2, type: 'clerk'"));
    for (const name of ['v2.mjs', 'v3.mjs']) {
      await program([{ type: 'cook', module: place(name) }], async (system) => {
        expect(system.agents.get('ada')).toMatchObject({ status: 'stopped', stateVersion: 1 });
        expect((await refusal(system.agents.start('ada'))).code).toBe('AGENT_START_FAILED');
      });
    }
  });
});

it('an agent whose code lived in a program goes on in a module', async () => {
  const { release } = await releases();
  const store = memoryStore();
  const first = await createAgentSystem({ store, logger: silent });
  await first.agents.register({ id: 'ada', module: inProgram });
  await first.close();
  const agents = [{ type: 'clerk', module: await release('v2') }];
  expect(await planRecovery(store, { agents })).toMatchObject([{ moved: { to: agents[0]!.module.href } }]);
  const second = await createAgentSystem({ store, agents, logger: silent });
  await second.agents.start('ada');
  expect(await second.agents.execute('ada', { type: 'count' })).toBe('v2 1');
  await second.close();
});

it('a plan says so when a module is that of another type', async () => {
  const { release } = await releases();
  const store = memoryStore();
  const other = defineAgent({ type: 'cook', init: () => ({}), tasks: {} });
  const system = await createAgentSystem({ store, logger: silent });
  await system.agents.register({ id: 'ada', module: other });
  await system.close();
  expect(
    await planRecovery(store, { agents: [{ type: 'cook', module: await release('v1') }] }),
  ).toMatchObject([{ comesBack: false, problem: 'its code defines "clerk", expected "cook"' }]);
});

it('a module goes before the definition that a fleet has of its type', async () => {
  const module = new URL('file:///clerk.mjs');
  const fleet = defineFleet({
    specs: [{ id: 'ada', module: inProgram }],
    agents: [{ type: 'clerk', module }],
  });
  expect(fleet.definitions).toEqual([{ type: 'clerk', module }]);
});

it.each<[unknown, string]>([
  [[{ type: 'clerk' }], 'agents.0: expected a defineAgent value, or { type, module }'],
  [[{ type: 'clerk', module: './clerk.mjs' }], 'agents.0: expected a defineAgent value, or { type, module }'],
  [[inProgram, { type: 'clerk', module: new URL('file:///clerk.mjs') }], 'two definitions of type "clerk"'],
])('%j is refused by name', async (agents, named) => {
  const { code, message } = await refusal(createAgentSystem({ agents: agents as never }));
  expect([code, message]).toEqual(['AGENT_SPEC_INVALID', expect.stringContaining(named)]);
});
