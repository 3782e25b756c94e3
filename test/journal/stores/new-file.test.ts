/** Laws of a file that gets its name when it is complete, with and without hard links. */
import { existsSync, linkSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { Draft } from '../../../src/runtime/journal/stores/sqlite/new-file.ts';

vi.mock(import('node:fs'), async (original) => {
  const fs = await original();
  return { ...fs, linkSync: vi.fn(fs.linkSync) };
});

const folder = mkdtempSync(join(tmpdir(), 'mabeam-draft-'));
afterAll(() => rmSync(folder, { recursive: true }));

const withoutLinks = () =>
  vi.mocked(linkSync).mockImplementationOnce(() => {
    throw Object.assign(new Error('not supported'), { code: 'EPERM' });
  });

describe.each([
  ['has hard links', () => {}],
  ['has none', withoutLinks],
])('where the file system %s, a draft', (name, begin) => {
  const path = join(folder, name);

  it('gets its name once, and leaves what has that name by then as it is', () => {
    const first = new Draft(path);
    writeFileSync(first.path, 'first');
    expect(existsSync(path)).toBe(false);
    begin();
    expect(first.publish()).toBe(true);
    first.discard();
    const second = new Draft(path);
    expect(second.path).not.toBe(first.path);
    writeFileSync(second.path, 'second');
    begin();
    expect(second.publish()).toBe(false);
    expect(readFileSync(path, 'utf8')).toBe('first');
    for (const suffix of ['-wal', '-shm']) writeFileSync(`${second.path}${suffix}`, '');
    second.discard();
    expect(readdirSync(folder).filter((file) => file.startsWith(name))).toEqual([name]);
  });
});
