import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A directory of this test's own, gone when it is over. Other users may look into it. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'mabeam-store-'));
  chmodSync(directory, 0o755);
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}
