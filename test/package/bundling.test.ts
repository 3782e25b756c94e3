/** A program that was bundled, moved to where no package is installed, and runs agents in every host. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build as esbuild } from 'esbuild';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { build as vite } from 'vite';
import { cleanEnv } from '../kit/command-line.ts';
import { type Packed, packPackage, withTour } from '../kit/packed.ts';

const run = promisify(execFile);
/** As docs/bundling.md says. */
const ENTRIES = {
  'process-entry': 'mabeam/process-entry',
  'thread-entry': 'mabeam/thread-entry',
  'orphan-watch': 'mabeam/orphan-watch',
};
const OWN = { tour: './tour.mjs', worker: './worker.mjs' };

let packed: Packed;
/** Where nothing is installed, in it or above it. */
let elsewhere: string;
beforeAll(async () => {
  packed = await packPackage(inject('tarballFolder'));
  await withTour(packed);
  elsewhere = await mkdtemp(join(tmpdir(), 'mabeam-bundled-'));
});
afterAll(async () => {
  await packed[Symbol.asyncDispose]();
  await rm(elsewhere, { recursive: true, force: true });
});

/** What the tour says of the steps of one host. */
async function tour(folder: string, extension: string): Promise<readonly string[]> {
  const toured = run(process.execPath, [join(folder, `tour${extension}`)], {
    cwd: folder,
    env: { ...cleanEnv({}), TOUR_WITHOUT: 'dashboard' },
  });
  const { stdout } = await toured.catch((error: { readonly stdout: string }) => error);
  return stdout.trimEnd().split('\n');
}

describe.each([true, false])('by esbuild, with code shared among the files: %s', (splitting) => {
  it('runs in every host', async () => {
    const out = join(elsewhere, `esbuild-${splitting}`);
    await esbuild({
      absWorkingDir: packed.home,
      entryPoints: { ...OWN, ...ENTRIES },
      outdir: out,
      outExtension: { '.js': '.mjs' },
      bundle: true,
      splitting,
      platform: 'node',
      format: 'esm',
      external: ['mabeam/dashboard'],
      banner: {
        js: "import { createRequire as req } from 'node:module'; const require = req(import.meta.url);",
      },
      logLevel: 'error',
    });
    const lines = await tour(out, '.mjs');
    expect(lines.filter((line) => !line.startsWith('ok'))).toEqual([]);
    expect(lines.length).toBe(13);
  });
});

it('by vite it runs in every host', async () => {
  const out = join(elsewhere, 'vite');
  await vite({
    root: packed.home,
    logLevel: 'error',
    configFile: false,
    ssr: { noExternal: true, external: ['mabeam/dashboard'] },
    build: {
      ssr: true,
      outDir: out,
      emptyOutDir: false,
      rollupOptions: {
        input: { ...OWN, ...ENTRIES },
        output: { entryFileNames: '[name].mjs', chunkFileNames: '[name].mjs' },
      },
    },
  });
  const lines = await tour(out, '.mjs');
  expect(lines.filter((line) => !line.startsWith('ok'))).toEqual([]);
  expect(lines.length).toBe(13);
});
