import { chmodSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  assertHistory,
  closedAtEnd,
  filled,
  place,
  programs,
  refusal,
  resultOf,
  smallDisk,
} from './store-file-rig.ts';

describe('a file that may not be written', () => {
  test.each([
    ['the file', 0o444, 0o777],
    ['its directory', 0o666, 0o555],
    ['neither', 0o444, 0o555],
  ])('because of the rights of %s is refused', async (_, fileMode, directoryMode) => {
    const path = place();
    await filled(path, 10);
    chmodSync(path, fileMode);
    chmodSync(join(path, '..'), directoryMode);
    const { code, message } = resultOf(process.execPath, [programs.openOnce, path, 'nobody']);
    chmodSync(join(path, '..'), 0o755);
    expect(code).toBe('STORE_FAILED');
    expect(message).toContain(path);
    expect(message).toMatch(/can be written.*(EACCES|permission denied).*give this user the right/);
  });

  test('is not made in a directory that may not be written', async () => {
    const path = place();
    chmodSync(join(path, '..'), 0o555);
    const { code, message } = resultOf(process.execPath, [programs.openOnce, path, 'nobody']);
    expect(code).toBe('STORE_FAILED');
    expect(message).toMatch(/directory that can be written.*give this user the right/);
    expect(existsSync(path)).toBe(false);
  });

  test('on a disk that is mounted read-only is refused', async (context) => {
    const { directory, remount } = smallDisk(context, '1m');
    const path = join(directory, 'fleet.db');
    const history = await filled(path, 10);
    remount('ro');
    expect(await refusal(path)).toMatch(/EROFS.*mount the disk for writing/);
    remount('rw');
    await assertHistory(closedAtEnd(path), history);
  });
});
