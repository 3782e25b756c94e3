/** A program under Node's permission model, which may write one folder. */
import { execFile } from 'node:child_process';
import { readdirSync, realpathSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { temporaryDirectory } from './temporary-directory.ts';

const PROGRAM = `
import { createAgentSystem, defineAgent } from '${new URL('../../../src/index.ts', import.meta.url).href}';
import { sqliteStore } from '${new URL('../../../src/sqlite.ts', import.meta.url).href}';
const counter = defineAgent({
  type: 'counter',
  init: ({ restored }) => restored ?? { n: 0 },
  tasks: { add: { run: ({ state }) => (state.n += 1) } },
});
for (const [path, copy] of [['fleet.db', 'monday.db'], ['fleet.db', 'tuesday.db'], ['monday.db', 'friday.db']]) {
  const store = sqliteStore(path);
  const system = await createAgentSystem({ store, agents: [counter] });
  await system.agents.ensure({ id: 'ada', module: counter }, { autoStart: true });
  console.log(path, await system.agents.execute('ada', { type: 'add' }));
  await store.backup(copy);
  await system.close();
}`;

it('a store is made, opened again and backed up where the program may write', async () => {
  const folder = realpathSync(temporaryDirectory());
  const flags = ['--permission', '--allow-fs-read=*', `--allow-fs-write=${folder}`];
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [...flags, '--input-type=module', '--eval', PROGRAM],
    { cwd: folder },
  );
  expect(stdout.split('\n')).toEqual(['fleet.db 1', 'fleet.db 2', 'monday.db 2', '']);
  expect(readdirSync(folder).filter((name) => name.endsWith('.new'))).toEqual([]);
});
