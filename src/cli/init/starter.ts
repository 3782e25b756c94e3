/** The project that `mabeam init` begins: its files, by name. Pure. */
import type { OwnPackage } from '../own-package.ts';

/** Names that npm refuses, or refuses beside a dependency of that name. */
const TAKEN = new Set(['mabeam', 'zod', 'typescript', 'node_modules', 'favicon.ico']);
const MAX_NAME_LENGTH = 200;

/** A name that npm takes for a package in this folder. */
export function packageNameFor(folder: string): string {
  const name = folder
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]+/g, '-')
    .replace(/^[._-]+/, '')
    .slice(0, MAX_NAME_LENGTH)
    .replace(/-+$/, '');
  if (name === '') return 'fleet';
  return TAKEN.has(name) ? `${name.replaceAll(/[._]/g, '-')}-fleet` : name;
}

/** Contents by file name. @param name of the package */
export function starterFiles(name: string, own: OwnPackage): Readonly<Record<string, string>> {
  const { version, engines, dependencies, devDependencies } = own;
  return {
    'package.json': json({
      name,
      version: '0.0.0',
      private: true,
      type: 'module',
      engines,
      scripts: { start: 'mabeam run', test: 'node --test', check: 'tsc' },
      dependencies: { mabeam: since(version), zod: dependencies['zod'] },
      devDependencies: {
        '@types/node': since(devDependencies['@types/node']),
        typescript: since(devDependencies['typescript']),
      },
    }),
    'tsconfig.json': json({
      compilerOptions: {
        target: 'ES2024',
        lib: ['ES2024', 'ESNext.Disposable'],
        module: 'NodeNext',
        types: ['node'],
        strict: true,
        verbatimModuleSyntax: true,
        erasableSyntaxOnly: true,
        allowImportingTsExtensions: true,
        skipLibCheck: true,
        noEmit: true,
      },
    }),
    '.gitignore': 'node_modules/\nfleet.db*\n',
    'greeter.ts': GREETER,
    'fleet.ts': FLEET,
    'greeter.test.ts': TEST,
  };
}

/** The range that begins at this version. */
function since(exact: string | undefined): string {
  return `^${exact}`;
}

function json(data: unknown): string {
  return `${JSON.stringify(data, undefined, 2)}\n`;
}

const GREETER = `/** An agent. It runs in a process of its own, and is restarted with its state when that ends. */
import { defineAgent } from 'mabeam/agent';
import { z } from 'zod';

export default defineAgent({
  type: 'greeter',
  // The state. It is saved after every task, and given back as \`restored\` after a restart.
  init: ({ restored }): { greeted: number } => restored ?? { greeted: 0 },
  tasks: {
    greet: {
      input: z.string(),
      run: ({ input, state, log }) => {
        state.greeted += 1;
        const greeting = \`hello \${input}, number \${state.greeted}\`;
        log.info(greeting);
        return greeting;
      },
    },
  },
});
`;

const FLEET = `/** The fleet: \`npm start\` runs it. */
import { setInterval } from 'node:timers/promises';
import { defineFleet } from 'mabeam';
import { sqliteStore } from 'mabeam/sqlite';

export default defineFleet({
  name: 'greeters',
  // States and events are kept here, so a later run goes on where this one ended.
  store: () => sqliteStore(new URL('fleet.db', import.meta.url)),
  specs: [
    {
      id: 'ada',
      module: new URL('greeter.ts', import.meta.url),
      restart: { policy: 'immediate' },
      resources: { maxMemoryBytes: 256 * 1024 ** 2 },
    },
  ],
  // What the fleet is there to do. Without it, agents wait for tasks until the fleet is told to end.
  run: async ({ system, signal }) => {
    for await (const _ of setInterval(1_000, undefined, { signal })) {
      try {
        await system.agents.execute('ada', { type: 'greet', input: 'world' });
      } catch (error) {
        // It is down, say: it is restarted, and the next second is another try.
        console.error(String(error));
      }
    }
  },
});
`;

const TEST = `import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryStore } from 'mabeam';
import fleet from './fleet.ts';

test('a greeter counts whom it greeted, also across a restart', async () => {
  await using system = await fleet.start({ store: memoryStore() });
  const greet = () => system.agents.execute('ada', { type: 'greet', input: 'world' });
  assert.equal(await greet(), 'hello world, number 1');
  await system.agents.stop('ada');
  await system.agents.start('ada');
  assert.equal(await greet(), 'hello world, number 2');
});
`;
