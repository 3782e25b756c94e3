import { mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { codeFolders } from '../../src/runtime/hosting/hosts/code-folders.ts';
import { processHost } from '../../src/runtime/hosting/hosts/process.ts';
import { openWitnessed } from '../../src/testing/host-laws/witness.ts';
import { temporaryDirectory } from '../journal/stores/temporary-directory.ts';
import { outputOf, specOf } from './hosts.ts';

const host = processHost();
afterAll(() => host.close());

/** Files by their path, and links, written `-> target` from where they are. */
type Tree = Readonly<Record<string, string>>;

/** A directory of this test's own with `tree` in it. */
function planted(tree: Tree): string {
  const root = realpathSync(temporaryDirectory());
  for (const [path, content] of Object.entries(tree)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    if (content.startsWith('-> ')) symlinkSync(content.slice(3), join(root, path));
    else writeFileSync(join(root, path), content);
  }
  return root;
}

const agent = (imported: string) => `
  import { readFileSync } from 'node:fs';
  import { word } from '${imported}';
  export default {
    type: 'linked', capabilities: [], variables: [], init: () => ({}),
    tasks: { say: { run: () => word }, read: { run: ({ input }) => readFileSync(input, 'utf8') } },
    [Symbol.for('mabeam.agent')]: true,
  };`;
const says = (word: string) => `export const word = ${JSON.stringify(word)};`;
const passesOn = (imported: string) => `export { word } from '${imported}';`;
const manifest = '{ "type": "module", "exports": "./index.js" }';

const trees: { of: string; tree: Tree; module?: string }[] = [
  {
    of: 'a node_modules that is a link',
    tree: {
      'app/agent.js': agent('greeter'),
      'app/node_modules': '-> ../installed/node_modules',
      'installed/node_modules/greeter/index.js': passesOn('words'),
      'installed/node_modules/greeter/package.json': manifest,
      'installed/node_modules/words/index.js': says('hello'),
      'installed/node_modules/words/package.json': manifest,
    },
  },
  {
    of: 'packages that are linked to each other within node_modules',
    tree: {
      'app/agent.js': agent('greeter'),
      'app/node_modules/greeter': '-> .pnpm/greeter@1/node_modules/greeter',
      'app/node_modules/.pnpm/greeter@1/node_modules/greeter/index.js': passesOn('words'),
      'app/node_modules/.pnpm/greeter@1/node_modules/greeter/package.json': manifest,
      'app/node_modules/.pnpm/greeter@1/node_modules/words': '-> ../../words@1/node_modules/words',
      'app/node_modules/.pnpm/words@1/node_modules/words/index.js': says('hello'),
      'app/node_modules/.pnpm/words@1/node_modules/words/package.json': manifest,
    },
  },
  {
    of: 'packages that are linked to each other in a store elsewhere',
    tree: {
      'app/agent.js': agent('@a/greeter'),
      'app/node_modules/@a/greeter': '-> ../../../store/greeter@1/node_modules/@a/greeter',
      'store/greeter@1/node_modules/@a/greeter/index.js': passesOn('@b/words'),
      'store/greeter@1/node_modules/@a/greeter/package.json': manifest,
      'store/greeter@1/node_modules/@b/words': '-> ../../../words@1/node_modules/@b/words',
      'store/words@1/node_modules/@b/words/index.js': says('hello'),
      'store/words@1/node_modules/@b/words/package.json': manifest,
    },
  },
  {
    of: 'packages of a workspace, each with its own node_modules',
    tree: {
      'app/agent.js': agent('greeter'),
      'app/node_modules/greeter': '-> ../../packages/greeter',
      'packages/greeter/index.js': passesOn('words'),
      'packages/greeter/package.json': manifest,
      'packages/greeter/node_modules/words': '-> ../../words',
      'packages/words/index.js': says('hello'),
      'packages/words/package.json': manifest,
    },
  },
  {
    of: 'an agent that is a link itself',
    module: 'linked/agent.js',
    tree: {
      'linked/agent.js': '-> ../app/agent.js',
      'app/agent.js': agent('greeter'),
      'app/node_modules/greeter/index.js': says('hello'),
      'app/node_modules/greeter/package.json': manifest,
    },
  },
];

test.for(trees)('a sandbox loads code through links: $of', async ({ tree, module = 'app/agent.js' }) => {
  const root = planted({ ...tree, 'app/package.json': '{ "type": "module" }', 'packages/secret': 'no code' });
  const witness = openWitnessed(host, {
    module: pathToFileURL(join(root, module)),
    resources: specOf({ sandbox: {} }).resources,
  });
  await witness.until('ready');
  expect(await outputOf(witness, 'say')).toBe('hello');
  // What is beside the code that is linked stays out of reach.
  expect(await witness.task('read', join(root, 'packages/secret'))).toMatchObject({
    error: { code: 'ERR_ACCESS_DENIED' },
  });
  expect(await witness.terminate()).toBe('shutdown');
});

test('folders of code hold none twice, nor links that lead nowhere or in circles', () => {
  const root = planted({
    'app/node_modules/gone': '-> ../../nowhere',
    'app/node_modules/itself': '-> itself',
    'app/node_modules/a': '-> ../../packages/a',
    'packages/a/index.js': '',
    'packages/a/node_modules/b': '-> ../../b',
    'packages/b/index.js': '',
    'packages/b/node_modules/a': '-> ../../a',
  });
  const within = (folders: string[]) => folders.filter((folder) => folder.startsWith(root)).toSorted();
  expect(within(codeFolders([join(root, 'app/agents'), join(root, 'app/agents/one')]))).toEqual(
    ['app/agents', 'app/node_modules', 'packages/a', 'packages/b'].map((path) => join(root, path)),
  );
});
