/** Chromium, headless, from the packages of this repository, and the dashboard's page built for it. Knows no tests. */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Browser, launch, type LaunchOptions } from 'puppeteer-core';
import { build } from 'vite';
import { LIMIT_MS, PATIENCE_MS } from './common-config.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const TMP = join(ROOT, '.tmp');
/** Unpacked once, and kept: it takes seconds. */
const UNPACKED = join(TMP, 'chromium');
/** No sandbox (containers have none), no GPU, one language. Web security stays on. */
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--no-zygote',
  '--font-render-hinting=none',
  '--lang=en-US',
  '--disable-dev-shm-usage',
];

/** Unpacks the browser elsewhere, then moves it into place: several tests may do so at once. */
async function unpacked(): Promise<string> {
  const path = join(UNPACKED, 'chromium');
  if (existsSync(path)) return path;
  await mkdir(TMP, { recursive: true });
  const aside = await mkdtemp(join(TMP, 'unpacking-'));
  const { TMPDIR, AWS_LAMBDA_JS_RUNTIME } = process.env;
  try {
    process.env['TMPDIR'] = aside;
    // Has the package unpack libraries that a bare machine lacks: it does so only when it believes to be on AWS Lambda.
    process.env['AWS_LAMBDA_JS_RUNTIME'] = 'nodejs22.x';
    const { default: chromium } = await import('@sparticuz/chromium');
    await chromium.executablePath();
    await rename(aside, UNPACKED).catch((error: unknown) => {
      if (!existsSync(path)) throw error;
    });
    return path;
  } finally {
    restore('TMPDIR', TMPDIR);
    restore('AWS_LAMBDA_JS_RUNTIME', AWS_LAMBDA_JS_RUNTIME);
    await rm(aside, { recursive: true, force: true });
  }
}

function restore(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}

/** @throws Error where it does not start */
export async function openBrowser(): Promise<Browser> {
  const executablePath = await unpacked();
  const options: LaunchOptions = {
    executablePath,
    args: ARGUMENTS,
    headless: 'shell',
    timeout: PATIENCE_MS,
    protocolTimeout: LIMIT_MS,
  };
  const own = { ...process.env, LANG: 'en_US.UTF-8' };
  try {
    return await launch({ ...options, env: own });
  } catch (thrown) {
    if (!String(thrown).includes('shared libraries')) throw thrown;
    return launch({ ...options, env: { ...own, LD_LIBRARY_PATH: join(UNPACKED, 'al2023', 'lib') } });
  }
}

/** Builds the dashboard's page from its sources. @returns the new folder with it */
export async function buildPage(within = TMP): Promise<string> {
  await mkdir(within, { recursive: true });
  const folder = await mkdtemp(join(within, 'page-'));
  await build({
    configFile: join(ROOT, 'page', 'vite.config.ts'),
    logLevel: 'error',
    build: { outDir: folder, emptyOutDir: true },
  });
  return folder;
}
