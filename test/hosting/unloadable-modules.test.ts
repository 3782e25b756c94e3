/** A module that does not load is refused with what is wrong, and with the file that it is wrong in. */
import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { loadAgentModule } from '../../src/runtime/definition/load-agent-module.ts';
import { processHost } from '../../src/runtime/hosting/hosts/process.ts';
import { temporaryDirectory } from '../journal/stores/temporary-directory.ts';

const host = processHost();
afterAll(() => host.close());

const agentEntry = new URL('../../src/agent.ts', import.meta.url).href;

/** Files by their names, `main.ts` the agent's module among them; and what it is refused with. */
async function messageOf(
  files: Readonly<Record<string, string>>,
): Promise<{ message: string; folder: string }> {
  const path = realpathSync(temporaryDirectory());
  const folder = pathToFileURL(path).href;
  mkdirSync(join(path, 'node_modules/broken'), { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text);
  const answer: unknown = await host
    .describe(new URL(`${folder}/main.ts`), {})
    .catch((thrown: unknown) => thrown);
  const { message } = answer as Error;
  return { message, folder };
}

test('a file that it imports does not compile', async () => {
  const { message, folder } = await messageOf({
    'main.ts': `import './helper.ts';`,
    'helper.ts': '\nexport const x = ;',
  });
  // Node names it by its path or by its URL.
  expect(message.replace('(/', '(file:///')).toBe(
    `module ${folder}/main.ts did not load: Expression expected (${folder}/helper.ts:2)`,
  );
});

test('a file that it imports throws', async () => {
  const { message, folder } = await messageOf({
    'main.ts': `import './helper.ts';`,
    'helper.ts': `import './deep.ts';`,
    'deep.ts': `throw new Error('no key');`,
  });
  expect(message).toBe(`module ${folder}/main.ts did not load: no key (${folder}/deep.ts:1:7)`);
});

test('an export that a file asks for is not there', async () => {
  const { message, folder } = await messageOf({
    'main.ts': `import './helper.ts';`,
    'helper.ts': `import { no } from './other.ts';\nno();`,
    'other.ts': `export const yes = 1;`,
  });
  expect(message).toContain(`does not provide an export named 'no' (${folder}/helper.ts:1)`);
});

test('what a package throws is told with the file that asked for it', async () => {
  const { message, folder } = await messageOf({
    'main.ts': `import broken from 'broken';\nbroken();`,
    'node_modules/broken/index.js': `module.exports = () => { throw new Error('inside'); };`,
  });
  expect(message).toBe(`module ${folder}/main.ts did not load: inside (${folder}/main.ts:2:1)`);
});

test('a package that throws by itself is named', async () => {
  const { message } = await messageOf({
    'main.ts': `import 'broken';`,
    'node_modules/broken/index.js': `throw new Error('inside');`,
  });
  expect(message).toMatch(/did not load: inside \(.*node_modules\/broken\/index\.js:1:7\)$/);
});

test('a definition that is malformed is told with the line that defines it', async () => {
  const { message, folder } = await messageOf({
    'main.ts': `import { defineAgent } from '${agentEntry}';\nexport default defineAgent({ type: '' });`,
  });
  expect(message).toMatch(/did not load: defineAgent: type: /);
  expect(message).toContain(`(${folder}/main.ts:2:16)`);
});

test('what is not there names who asked for it, and no place beside it', async () => {
  const { message, folder } = await messageOf({ 'main.ts': `import './gone.ts';` });
  expect(message).toMatch(/did not load: Cannot find module '.*gone\.ts' imported from .*main\.ts$/);
  expect(message.startsWith(`module ${folder}/main.ts`)).toBe(true);
});

test('what is thrown and is no error is told in words', async () => {
  const { message } = await messageOf({ 'main.ts': `throw 'words';` });
  expect(message).toMatch(/main\.ts did not load: "words"$/);
});

test('an address with a password is told without it', async () => {
  const thrown: unknown = await host
    .describe(new URL('http://user:hunter2@example.com/agent.ts'), {})
    .catch((error: unknown) => error);
  expect((thrown as Error).message).toMatch(
    /^module http:\/\/\[redacted\]@example\.com\/agent\.ts did not load: /,
  );
});

test.each(['throw new Error("no key")', 'import "gone"', 'export default 1'])(
  'an address that holds code is told by its beginning: %s',
  async (code) => {
    const url = new URL(`data:text/javascript,${code}//${'$&'.repeat(5_000)}`);
    const thrown: unknown = await host.describe(url, {}).catch((error: unknown) => error);
    expect((thrown as Error).message).toMatch(/^module data:text\/javascript,.*\(cut, of \d+ characters\)/);
    expect((thrown as Error).message.length).toBeLessThan(600);
  },
);

test('where it is wrong is told whatever its folder is called', async () => {
  const folder = join(realpathSync(temporaryDirectory()), 'a$&b');
  mkdirSync(folder);
  writeFileSync(join(folder, 'main.ts'), `throw new Error('no key');`);
  const { href } = pathToFileURL(join(folder, 'main.ts'));
  const thrown: unknown = await host.describe(new URL(href), {}).catch((error: unknown) => error);
  expect((thrown as Error).message).toBe(`module ${href} did not load: no key (${href}:1:7)`);
});

test('an address is told without its secrets at each attempt', async () => {
  const module = new URL('data:text/javascript,import "gone"//?token=hunter2%20x');
  for (let attempt = 1; attempt <= 3; attempt += 1) {
    const thrown: unknown = await loadAgentModule(module).catch((error: unknown) => error);
    expect((thrown as Error).message).toMatch(/^module data:.*token=\[redacted\] did not load: .*"gone"/);
    expect((thrown as Error).message).not.toContain('hunter2');
  }
});
