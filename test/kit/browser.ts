/**
 * A real browser for the tests of pages.
 *
 * A machine on which it does not start skips those tests with a loud line; where `CI` is set they fail instead.
 */
import { existsSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Browser, Page } from 'puppeteer-core';
import { afterAll, inject, onTestFinished, test, type TestAPI } from 'vitest';
import { buildPage, openBrowser } from './chromium.ts';
import { PATIENCE_MS } from './common-config.ts';
import type { Folders } from './once-a-run.ts';

async function browserOrNone(): Promise<Browser | undefined> {
  try {
    return await openBrowser();
  } catch (thrown) {
    if (process.env['CI']) throw thrown;
    console.error(`\n!!! THE TESTS OF PAGES ARE SKIPPED: Chromium does not start here. ${String(thrown)}\n`);
    return undefined;
  }
}

/** The browser of a test file, closed after it; `undefined` where there is none. */
export async function browserOfFile(): Promise<Browser | undefined> {
  const browser = await browserOrNone();
  afterAll(() => browser?.close());
  return browser;
}

/** `it`, for tests that need the browser. */
export function inBrowser(browser: Browser | undefined): TestAPI {
  return test.skipIf(browser === undefined) as TestAPI;
}

export interface OpenPage {
  readonly page: Page;
  /** Every request of the page, as `METHOD address`. */
  readonly requests: readonly string[];
  /** Exceptions in the page, and violations of its content security policy. */
  readonly problems: readonly string[];
}

export interface PageOptions {
  readonly width?: number;
  readonly height?: number;
  readonly features?: Parameters<Page['emulateMediaFeatures']>[0];
}

/** A new page in a session of its own, closed when the test is over. */
export async function openPage(
  browser: Browser | undefined,
  url: string,
  options: PageOptions = {},
): Promise<OpenPage> {
  const { width = 1_280, height = 800, features = [] } = options;
  const context = await browser!.createBrowserContext();
  onTestFinished(() => context.close());
  const page = await context.newPage();
  const requests: string[] = [];
  const problems: string[] = [];
  page.on('request', (request) => requests.push(`${request.method()} ${request.url()}`));
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text());
  });
  page.setDefaultTimeout(PATIENCE_MS);
  await page.setViewport({ width, height });
  await page.emulateMediaFeatures(features ?? []);
  await page.goto(url, { waitUntil: 'domcontentloaded' });
  return { page, requests, problems };
}

/** Every view of the page but the first, by its address; one of an agent among them. */
export function viewsWith(agentId: string): readonly string[] {
  const views = ['work', 'questions', 'limits', 'timeline', 'coordination', 'pools'];
  return ['agents', `agents/${agentId}`, ...views].map((view) => `#/${view}`);
}

/** The dashboard's page, built from its sources, once for a run of the tests. */
export async function builtPage(): Promise<string> {
  const shared: Folders['pageFolder'] = inject('pageFolder');
  if (existsSync(shared)) return shared;
  const built = await buildPage(dirname(shared));
  // Another test file may have built it first.
  await rename(built, shared).catch((thrown: unknown) => {
    if (!existsSync(shared)) throw thrown;
  });
  return shared;
}
