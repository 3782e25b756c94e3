/** Folders for what a test run builds once: the first test that needs the tarball, or the page, builds it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';

export interface Folders {
  readonly tarballFolder: string;
  readonly pageFolder: string;
}

declare module 'vitest' {
  interface ProvidedContext extends Folders {}
}

export default async function provideFolders(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'mabeam-once-'));
  project.provide('tarballFolder', folder);
  project.provide('pageFolder', join(folder, 'page'));
  return () => rm(folder, { recursive: true, force: true });
}
