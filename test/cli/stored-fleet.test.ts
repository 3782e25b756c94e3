/** `agents`, `agent`, `events`, `replay` and `plan` on a store that no program has open. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { beforeAll, afterAll, describe, expect, it } from 'vitest';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { createAgentSystem, defineAgent, type LifeStep, type SystemEvent } from '../../src/index.ts';
import { sqliteStore } from '../../src/sqlite.ts';
import asker from '../fixtures/agents/asker.ts';
import { mabeamHere as mabeam } from '../kit/command-line.ts';
import { silent } from '../kit/rig.ts';

const worker = defineAgent({
  type: 'worker',
  init: ({ restored }) => restored ?? { n: 0 },
  tasks: {
    add: { run: ({ state }) => (state.n += 1) },
    fail: {
      run: () => {
        throw new Error('no \u001B[31mluck');
      },
    },
  },
});

let folder: string;
let store: string;
let life: readonly LifeStep[];
const all: SystemEvent[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mabeam-cli-'));
  store = join(folder, 'fleet.db');
  await using system = await createAgentSystem({ logger: silent, store: sqliteStore(store) });
  for (const id of ['ada', 'bob', 'eve']) {
    await system.agents.register({ id, module: worker, restart: { policy: 'never' } });
  }
  await system.agents.start('ada');
  await system.agents.start('bob');
  await system.agents.execute('ada', { type: 'add' });
  await system.agents.execute('ada', { type: 'fail' }).catch(() => undefined);
  await system.agents.kill('bob');
  await system.agents.stop('ada');
  life = await system.events.replay('ada');
  for await (const event of system.events.read()) all.push(event);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const json = async (...args: string[]) => {
  const { exitCode, stdout, stderr } = await mabeam([...args, '--json', '--store', store]);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: expect.any(String) });
  return JSON.parse(stdout);
};

const linesOf = async (...args: string[]) => {
  const { stdout } = await mabeam(['events', '--store', store, ...args]);
  return stdout.trimEnd().split('\n');
};

const fleetFile = async (name: string, code: string) => {
  const path = join(folder, name);
  const index = pathToFileURL(new URL('../../src/index.ts', import.meta.url).pathname).href;
  await writeFile(path, `import { defineAgent, defineFleet } from '${index}';\n${code}`);
  return path;
};

describe('agents', () => {
  it('are listed as the store has them', async () => {
    const { exitCode, stdout, stderr } = await mabeam(['agents', '--store', store]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '3 agents\n' });
    expect(stdout.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
      ['ID', 'TYPE', 'STATUS', 'INC', 'RESTARTS', 'UP', 'NOTE'],
      ['ada', 'worker', 'stopped', expect.stringContaining('1'), '0', expect.stringContaining('shutdown')],
      ['bob', 'worker', 'crashed', expect.stringContaining('1'), '0', expect.stringContaining('killed')],
      ['eve', 'worker', 'registered', '0', '0'],
      [''],
    ]);
  });

  it('can be chosen, and given as JSON or ids', async () => {
    expect(await json('agents', '--status', 'crashed,stopped')).toMatchObject([{ id: 'ada' }, { id: 'bob' }]);
    expect(await json('agents', '--search', 'EV', '--type', 'worker')).toMatchObject([{ id: 'eve' }]);
    expect((await mabeam(['agents', '--ids', '--limit', '2', '--store', store])).stdout).toBe('ada\nbob\n');
    expect(await mabeam(['agents', '--sort', 'id', '--store', store])).toMatchObject({ exitCode: 2 });
  });

  it('one by one, with spec and saved state', async () => {
    const { stdout } = await mabeam(['agent', 'ada', '--state', '--store', store]);
    expect(stdout).toMatch(/^status +stopped$/m);
    expect(stdout).toMatch(/^tasks +1 done, 1 failed$/m);
    expect(stdout).toMatch(/^spec\n\{\n(.*\n)*? {2}"id": "ada",?\n/m);
    expect(stdout).toMatch(/^saved state\n\{\n {2}"n": 1\n\}$/m);
    expect(stdout).toMatch(/^lived +\d+ m?s$/m);
    // It never ran.
    expect((await mabeam(['agent', 'eve', '--store', store])).stdout).not.toMatch(
      /^(?:started|ended|lived)/m,
    );
    expect(await json('agent', 'bob')).toMatchObject({ agent: { status: 'crashed' }, spec: { id: 'bob' } });
    const missing = await mabeam(['agent', 'nobody', '--store', store]);
    expect(missing).toMatchObject({
      exitCode: 1,
      stderr: 'mabeam: no agent "nobody", there are: ada, bob, eve\n',
    });
  });
});

describe('events', () => {
  it('are those of the store, in order', async () => {
    const { stdout } = await mabeam(['events', '--json', '--store', store]);
    const shown = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as SystemEvent);
    expect(shown.map(({ sequence, type }) => [sequence, type])).toEqual(
      all.map(({ sequence, type }) => [sequence, type]),
    );
    expect(shown[0]).toEqual(JSON.parse(JSON.stringify(all[0])));
  });

  it('can be chosen by agent, type and place', async () => {
    expect(await linesOf('--agent', 'bob', '--type', 'agent.crashed')).toEqual([
      expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} {2}agent\.crashed {2}bob {2}killed$/),
    ]);
    expect(await linesOf('--type', 'task')).toHaveLength(
      all.filter(({ type }) => type.startsWith('task.')).length,
    );
    expect(await linesOf('--limit', '2')).toHaveLength(2);
    expect((await linesOf('--after', '3', '--limit', '1'))[0]).toContain(all[3]!.type);
  });

  it('cannot steer a terminal', async () => {
    const { stdout } = await mabeam(['events', '--store', store, '--type', 'task.failed']);
    expect(stdout).toContain('fail: Error: no ·[31mluck');
  });
});

it('events and replay refuse an agent that the store does not know, and name those it knows', async () => {
  const stderr = 'mabeam: no agent "nobody", there are: ada, bob, eve\n';
  for (const args of [
    ['events', '--agent', 'nobody'],
    ['replay', 'nobody'],
  ]) {
    expect(await mabeam([...args, '--store', store])).toEqual({ exitCode: 1, stdout: '', stderr });
  }
  // What is known, and has nothing to show.
  expect(await json('replay', 'ada', '--until', '0')).toEqual([]);
  expect(await mabeam(['events', '--agent', 'ada', '--type', 'pool', '--store', store])).toMatchObject({
    exitCode: 0,
    stdout: '',
  });
});

describe('replay', () => {
  it('is what events.replay said, step by step', async () => {
    expect(await json('replay', 'ada')).toEqual(JSON.parse(JSON.stringify(life)));
    const { stdout, stderr } = await mabeam(['replay', 'ada', '--limit', '1', '--store', store]);
    expect(stdout.trimEnd().split('\n')).toHaveLength(2);
    expect(stdout).toMatch(/agent\.stopped +stopped +1 +0 +1 +1 +shutdown$/m);
    expect(stderr).toBe(`${life.length - 1} earlier steps are not shown: --limit ${life.length}\n`);
    const until = life[2]!.sequence;
    expect(await json('replay', 'ada', '--until', String(until))).toHaveLength(3);
  });
});

describe('plan', () => {
  it('says who would not come back, and ends with 1', async () => {
    const { exitCode, stdout, stderr } = await mabeam(['plan', '--store', store]);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(
      /^bob +worker +\S+ +no +no definition of type "worker" was given to createAgentSystem\(\{ agents \}\)$/m,
    );
    expect(stderr).toMatch(/^0 of 3 agents would come back\nmabeam: 3 would not\n.*mabeam plan fleet\.ts/);
  });

  it('knows the definitions of a fleet file, and tries the migration of states', async () => {
    const file = await fleetFile(
      'fleet.ts',
      `const worker = defineAgent({
         type: 'worker', stateVersion: 2, migrate: (saved) => saved, init: () => ({}), tasks: {},
       });
       export default defineFleet({ agents: [worker] });`,
    );
    const { exitCode, stdout, stderr } = await mabeam(['plan', file, '--store', store]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '3 of 3 agents would come back\n' });
    expect(stdout).toMatch(
      /^ada .* yes +its state is migrated from version 1 to 2; its definition has changed$/m,
    );
  });

  it('refuses a module that is no fleet, or that does not load', async () => {
    const none = await fleetFile('none.ts', 'export default { agents: [] };');
    expect(await mabeam(['plan', none, '--store', store])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(
        /expected its default export to come from defineFleet, got \{"agents":\[\]\}\nIt should say/,
      ),
    });
    const broken = await fleetFile('broken.ts', "throw new Error('not today');");
    expect(await mabeam(['plan', broken, '--store', store])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/did not load: Error: not today\n +at \S+broken\.ts:\d+:7\n/),
    });
  });
});

it('a store that another program has open is refused, and so is a file that is no store', async () => {
  const taken = join(folder, 'taken.db');
  await using _system = await createAgentSystem({ logger: silent, store: sqliteStore(taken) });
  const refused = await mabeam(['agents', '--store', taken]);
  expect(refused).toMatchObject({ exitCode: 1, stdout: '' });
  expect(refused.stderr).toMatch(/^mabeam: .*taken\.db.*\(STORE_FAILED\)\n.*--url.*MABEAM_URL\.$/m);
  expect((await mabeam(['plan', '--store', taken])).stderr).toMatch(/--url/);
  const none = join(folder, 'none.db');
  await writeFile(none, 'a text, and no database at all');
  expect(await mabeam(['events', '--store', none])).toMatchObject({ exitCode: 1, stdout: '' });
  expect(await readFile(none, 'utf8')).toBe('a text, and no database at all');
});

/** All rows of what a store keeps: its events, states and facts, and what a recovery needs. */
function contentOf(path: string): Readonly<Record<string, readonly unknown[]>> {
  const database = new DatabaseSync(path, { readOnly: true });
  const tables = ['event', 'state', 'fact', 'slot'];
  const rows = tables.map((table) => [table, database.prepare(`SELECT * FROM ${table}`).all()] as const);
  database.close();
  return Object.fromEntries(rows);
}

it('reading changes nothing of a store', async () => {
  const before = contentOf(store);
  expect(before['event']!.length).toBeGreaterThanOrEqual(all.length);
  await mabeam(['agents', '--store', store]);
  await mabeam(['plan', '--store', store]);
  expect(contentOf(store)).toEqual(before);
});

it('questions of a store are listed, beside the agents that wait, and answered once, for the next program', async () => {
  const file = join(folder, 'asked.db');
  const system = await createAgentSystem({ logger: silent, store: sqliteStore(file), agents: [asker] });
  await system.agents.register({ id: 'clerk', module: asker });
  await system.agents.start('clerk');
  const asked = new Promise<string>((resolve) => {
    system.events.subscribe((event) => event.type === 'question.asked' && resolve(event.questionId));
  });
  const { id: taskId } = await system.tasks.submit('clerk', { type: 'approve', input: 'it' });
  const id = await asked;
  await system.close();
  expect((await mabeam(['agents', '--store', file])).stdout).toContain('asks a person: 1 question');
  const listed = await mabeam(['questions', '--json', '--store', file]);
  expect(JSON.parse(listed.stdout)).toMatchObject([{ id, question: 'may it go out?' }]);
  const shown = await mabeam(['questions', '--store', file]);
  expect(shown.stdout).toContain('may it go out? {"order":"it"}');
  const wrong = await mabeam(['answer', id, 'perhaps', '--store', file]);
  expect([wrong.exitCode, wrong.stderr]).toEqual([1, expect.stringContaining('the answer')]);
  const answered = await mabeam(['answer', id, 'yes', '--store', file, '--by', 'ann']);
  expect([answered.exitCode, answered.stdout]).toEqual([0, expect.stringContaining(id)]);
  expect((await mabeam(['answer', id, 'no', '--store', file])).exitCode).toBe(1);
  expect((await mabeam(['agents', '--store', file])).stdout).not.toContain('asks a person');
  const next = await createAgentSystem({ logger: silent, store: sqliteStore(file), agents: [asker] });
  await next.agents.start('clerk');
  expect(await next.tasks.result(taskId)).toBe('it: yes');
  await next.close();
});
