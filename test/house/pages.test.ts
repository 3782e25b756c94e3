import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { blocksIn, checkTypes, linesOf, runPrograms, writePages } from './code-blocks.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const guides = (await readdir(`${ROOT}docs`))
  .filter((name) => name.endsWith('.md'))
  .map((name) => `docs/${name}`);
const decisions = (await readdir(`${ROOT}docs/decisions`)).map((name) => `docs/decisions/${name}`);
const pages = ['README.md', 'CONTRIBUTING.md', ...guides];
const written = await Promise.all(pages.map(async (page) => ({ page, blocks: await blocksIn(page) })));
const withCode = written.filter(({ blocks }) => blocks.length > 0);

describe('the code in the pages', () => {
  let folder: Awaited<ReturnType<typeof writePages>>;
  beforeAll(async () => {
    folder = await writePages(withCode);
  });
  afterAll(() => folder[Symbol.asyncDispose]());

  it('has the types it is said to have', { timeout: 120_000 }, async () => {
    expect(await checkTypes(folder.path)).toEqual({ exitCode: 0, stdout: '', stderr: '' });
  });

  it.each(withCode)(
    'of $page runs as it is, and prints what it says',
    { timeout: 120_000 },
    async ({ page, blocks }) => {
      const programs = blocks.filter(({ isProgram }) => isProgram);
      const files = programs.map(({ file }) => file);
      const { exitCode, stderr, printed } = await runPrograms(folder.folderOf(page), files);
      const complained = linesOf(stderr).filter((line) => !isWarning(line));
      expect({ exitCode, complained }).toEqual({ exitCode: 0, complained: [] });
      expect(programs.map(({ where }, index) => ({ where, printed: printed[index] }))).toEqual(
        programs.map(({ where, prints }) => ({ where, printed: prints })),
      );
    },
  );
});

it('the index has every page', async () => {
  const index = await readFile(`${ROOT}docs/README.md`, 'utf8');
  const names = guides.map((page) => page.replace('docs/', '')).filter((name) => name !== 'README.md');
  expect(names.filter((name) => !index.includes(`](${name})`))).toEqual([]);
});

it('every page links to what is there', async () => {
  const broken: string[] = [];
  for (const page of [...pages, ...decisions, 'CHANGELOG.md']) {
    const text = await readFile(`${ROOT}${page}`, 'utf8');
    for (const [, target = ''] of text.matchAll(/\]\((?!https?:)([^)#\s]+)(?:#[^)]*)?\)/g)) {
      const url = new URL(target, new URL(page, `file://${ROOT}`));
      await readFile(url)
        .catch(async () => readdir(url))
        .catch(() => broken.push(`${page}: ${target}`));
    }
  }
  expect(broken).toEqual([]);
});

/** A line of the system's logger on what the page brought about on purpose. */
function isWarning(line: string): boolean {
  return line.startsWith('{"level":40,') || line.endsWith('"msg":"agent.gave_up"}');
}
