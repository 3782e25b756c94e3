/** A folder for the package's tarball, for one run of the tests: who needs the tarball first builds it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    tarballFolder: string;
  }
}

export default async function provideTarballFolder(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'mabeam-tarball-'));
  project.provide('tarballFolder', folder);
  return () => rm(folder, { recursive: true, force: true });
}
