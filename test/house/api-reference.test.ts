/** The API reference is written from the docstrings without a warning, and has every entry of the package. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** They are for bundlers, and have nothing to call. */
const WITHOUT_API = ['process-entry', 'thread-entry', 'orphan-watch', 'package.json'];

it('is written without a warning, for every entry', () => {
  const out = mkdtempSync(join(tmpdir(), 'mabeam-api-'));
  onTestFinished(() => rmSync(out, { recursive: true, force: true }));
  const args = ['--import', './docs/reference/api-compiler.ts', 'node_modules/typedoc/bin/typedoc'];
  const { status, stdout, stderr } = spawnSync(process.execPath, [...args, '--out', out], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  expect({ status, said: `${stdout}${stderr}` }).toEqual({
    status: 0,
    said: expect.not.stringMatching(/warning|error/),
  });
  const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    readonly exports: Readonly<Record<string, string>>;
  };
  const entries = Object.keys(exports).map((entry) => (entry === '.' ? 'index' : entry.slice(2)));
  const pages = entries.filter((entry) => !WITHOUT_API.includes(entry)).map((entry) => `${entry}.md`);
  expect(readdirSync(out).toSorted()).toEqual([...pages, 'README.md'].toSorted());
});
