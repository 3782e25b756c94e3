import { access, readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { blocksIn, checkTypes, linesOf, runPrograms, writePages } from './code-blocks.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const guides = (await readdir(`${ROOT}docs`))
  .filter((name) => name.endsWith('.md'))
  .map((name) => `docs/${name}`);
const decisions = (await readdir(`${ROOT}docs/decisions`)).map((name) => `docs/decisions/${name}`);
const lifecycles = (await readdir(`${ROOT}docs/lifecycle`)).map((name) => `docs/lifecycle/${name}`);
const pages = ['README.md', 'CONTRIBUTING.md', ...guides];
const written = await Promise.all(pages.map(async (page) => ({ page, blocks: await blocksIn(page) })));
const withCode = written.filter(({ blocks }) => blocks.length > 0);

describe('the code in the pages', () => {
  let folder: Awaited<ReturnType<typeof writePages>>;
  beforeAll(async () => {
    folder = await writePages(withCode);
  });
  afterAll(() => folder[Symbol.asyncDispose]());

  it('has the types it is said to have', async () => {
    expect(await checkTypes(folder.path)).toEqual({ exitCode: 0, stdout: '', stderr: '' });
  });

  it.each(withCode)('of $page runs as it is, and prints what it says', async ({ page, blocks }) => {
    const programs = blocks.filter(({ isProgram }) => isProgram);
    const files = programs.map(({ file }) => file);
    const { exitCode, stderr, printed } = await runPrograms(folder.folderOf(page), files);
    const complained = linesOf(stderr).filter((line) => !isWarning(line));
    expect({ exitCode, complained }).toEqual({ exitCode: 0, complained: [] });
    expect(programs.map(({ where }, index) => ({ where, printed: printed[index] }))).toEqual(
      programs.map(({ where, prints }) => ({ where, printed: prints })),
    );
  });
});

it('the index has every page', async () => {
  const index = await readFile(`${ROOT}docs/README.md`, 'utf8');
  const names = guides.map((page) => page.replace('docs/', '')).filter((name) => name !== 'README.md');
  expect(names.filter((name) => !index.includes(`](${name})`))).toEqual([]);
});

it('every page links to what is there, down to the heading', async () => {
  const linked = [...pages, ...decisions, ...lifecycles, 'CHANGELOG.md'];
  const headings = new Map(
    await Promise.all(
      linked.map(async (page) => [page, headingsIn(await readFile(ROOT + page, 'utf8'))] as const),
    ),
  );
  const broken: string[] = [];
  for (const page of linked) {
    const text = await readFile(ROOT + page, 'utf8');
    for (const [, target = ''] of text.matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
      const { href, hash } = new URL(target, new URL(page, `file://${ROOT}`));
      const path = fileURLToPath(href.replace(/#.*/, ''));
      const isThere = await access(path).then(
        () => true,
        () => false,
      );
      const found = headings.get(path.slice(ROOT.length));
      if (!isThere || (hash !== '' && found?.has(hash.slice(1)) !== true)) broken.push(`${page}: ${target}`);
    }
  }
  expect(broken).toEqual([]);
});

/** The names by which links find the headings of a page. */
function headingsIn(text: string): ReadonlySet<string> {
  const headings = text.replaceAll(/^```[^]*?^```/gm, '').matchAll(/^#+ (.+)$/gm);
  return new Set(
    [...headings].map(([, heading = '']) =>
      heading
        .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}_ -]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

/** A line of the system's logger on what the page brought about on purpose. */
function isWarning(line: string): boolean {
  return line.startsWith('{"level":40,') || line.endsWith('"msg":"agent.gave_up"}');
}
