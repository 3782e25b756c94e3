import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { linkSync, symlinkSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, onTestFinished, test } from 'vitest';
import { sqliteStore } from '../../../src/sqlite.ts';
import { appended, filled, opened, place, programs, refusal, resultOf } from './store-file-rig.ts';

/** Another program that has the store open. */
async function holder(path: string) {
  const child = spawn(process.execPath, [programs.holdStore, path], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  expect(line.toString()).toBe('open\n');
  return child;
}

describe('a file that somebody has open', () => {
  test('is refused to a second program, by the pid of the first, until that one is dead', async () => {
    const path = place();
    const child = await holder(path);
    const message = await refusal(path);
    expect(message).toContain('only one who has the file open');
    if (process.platform === 'linux') expect(message).toContain(`(pid ${child.pid})`);
    child.kill('SIGKILL');
    await once(child, 'exit');
    const store = sqliteStore(path);
    expect(store.recover().lastSequence).toBeGreaterThan(0);
    await store.close();
  });

  test('is free again when the first program has closed it', async () => {
    const path = place();
    const child = await holder(path);
    child.stdin.end();
    await once(child, 'exit');
    expect(child.exitCode).toBe(0);
    await opened(path);
  });

  test('is refused to a second system of the same program, and stays locked after the refusal', async () => {
    const path = place();
    const first = await opened(path);
    const message = await refusal(path);
    if (process.platform === 'linux') expect(message).toContain('this very program');
    // Whoever closes a second descriptor of a file drops the locks of the first.
    const other = resultOf(process.execPath, [programs.openOnce, path]);
    expect(other['message']).toContain('only one who has the file open');
    await appended(first, 20);
  });

  test.each(['another name', 'a symbolic link'])('is refused by %s, too', async (kind) => {
    const path = place();
    await opened(path);
    const alias = place();
    if (kind === 'another name') linkSync(path, alias);
    else symlinkSync(path, alias);
    expect(await refusal(alias)).toContain('only one who has the file open');
  });

  test('is refused while a tool reads it, and is whole afterwards', async () => {
    const path = place();
    await filled(path, 10);
    const tool = new DatabaseSync(path);
    tool.exec('BEGIN; SELECT * FROM event');
    expect(await refusal(path)).toContain('only one who has the file open');
    tool.exec('ROLLBACK');
    tool.close();
    await opened(path);
  });
});
