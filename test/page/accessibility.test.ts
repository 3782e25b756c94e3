import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { AxeResults } from 'axe-core';
import type { Page } from 'puppeteer-core';
import { afterAll, beforeAll, expect } from 'vitest';
import { busyDesk } from '../../examples/dashboard/desk.ts';
import { livelyFleet } from '../../examples/dashboard/fleet.ts';
import { createDashboard } from '../../src/dashboard.ts';
import { createAgentSystem } from '../../src/index.ts';
import { browserOfFile, builtPage, inBrowser, openPage, viewsWith } from '../kit/browser.ts';
import { CONTROL, silent } from '../kit/dashboard.ts';

const browser = await browserOfFile();
const pageFolder = await builtPage();
const it = inBrowser(browser);
const axe = await readFile(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8');

const VIEWS = ['#/', ...viewsWith('planner-1')];

/** A fleet with one of everything that can be seen, and that then is still; for all tests of this file. */
const fleet = await createAgentSystem({ logger: silent });
const shown = await createDashboard(fleet, {
  pageFolder,
  control: true,
  controlToken: CONTROL,
  logger: silent,
});
afterAll(async () => {
  await shown.close();
  await fleet.close({ timeoutMs: 0 });
});
const { url } = shown;

beforeAll(async () => {
  const lively = await livelyFleet(fleet, { size: 2, paceMs: 100 });
  const desk = await busyDesk(fleet);
  await fleet.consensus.propose({ variable: 'temperature', value: 0.3, deadlineMs: 500 });
  for (const id of ['scraper-1', 'scraper-2'])
    for (let n = 0; n < 5; n++)
      await fleet.agents
        .kill(id)
        .then(() => fleet.agents.start(id))
        .catch(() => {});
  await fleet.agents.kill('night-shift');
  await lively[Symbol.asyncDispose]();
  await desk[Symbol.asyncDispose]();
});

async function open(page: Page, hash: string): Promise<void> {
  await page.evaluate((to) => (location.hash = to), hash);
  await page.waitForFunction(
    (to) => document.querySelector(to.startsWith('#/agents/') ? '.scrubber input' : 'main h1') !== null,
    {},
    hash,
  );
  await page.waitForFunction(() => document.querySelector('main[aria-busy]') === null);
}

/** How far the page, and what in it, reaches beyond the screen. */
function tooWide(page: Page): Promise<{ readonly scroll: number; readonly over: readonly string[] }> {
  return page.evaluate(() => {
    // What is cut off, or scrolls by itself, is not in the way.
    // oxlint-disable-next-line unicorn/consistent-function-scoping -- it runs in the page
    const isClipped = (element: Element): boolean => {
      for (
        let here = element.parentElement;
        here && !here.matches('.view, .nav, body');
        here = here.parentElement
      ) {
        if (getComputedStyle(here).overflowX !== 'visible') return true;
      }
      return element.matches('.hidden-visually');
    };
    const over = [...document.querySelectorAll('body *')].filter(
      (element) => element.getBoundingClientRect().right > innerWidth + 1 && !isClipped(element),
    );
    return {
      scroll: document.documentElement.scrollWidth - innerWidth,
      over: over.slice(0, 3).map((element) => `${element.tagName}.${element.className}`),
    };
  });
}

/** What is a matter of colours: all else is the same in the dark. */
const OF_COLOURS = ['color-contrast', 'link-in-text-block'];

/** What is serious or worse. @param rules default all */
async function findings(page: Page, rules?: readonly string[]): Promise<readonly string[]> {
  if ((await page.evaluate('typeof axe')) === 'undefined') await page.evaluate(axe);
  const options = { resultTypes: ['violations'], ...(rules ? { runOnly: rules } : {}) };
  const { violations } = (await page.evaluate(`axe.run(document, ${JSON.stringify(options)})`)) as AxeResults;
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) =>
      nodes.slice(0, 3).map(({ target, failureSummary }) => `${id}: ${target.join(' ')}: ${failureSummary}`),
    );
}

it.each([
  ['light', 1_280],
  ['dark', 1_280],
  ['light', 375],
  ['dark', 375],
])(
  '%s, %i px wide: axe finds nothing serious in any view, and nothing is wider than the screen',
  async (scheme, width) => {
    const features = [
      { name: 'prefers-color-scheme', value: scheme },
      { name: 'prefers-reduced-motion', value: 'reduce' },
    ];
    const { page } = await openPage(browser, url, { width, features });
    await page.waitForSelector('.tile');
    const found: [string, readonly string[]][] = [];
    const looked = () => findings(page, scheme === 'dark' ? OF_COLOURS : undefined);
    await open(page, '#/questions');
    found.push(['questions, locked', await looked()]);
    await page.evaluate((secret) => sessionStorage.setItem('mabeam.control', secret), CONTROL);
    await page.reload();
    await page.waitForSelector('.answer');
    for (const view of VIEWS) {
      await open(page, view);
      found.push([view, await looked()]);
      expect({ view, ...(await tooWide(page)) }).toEqual({ view, scroll: 0, over: [] });
    }
    await open(page, '#/work');
    await page.click('.tasks summary');
    await page.waitForSelector('.task-detail .buttons');
    found.push(['a task', await looked()]);
    expect({ view: 'a task', ...(await tooWide(page)) }).toMatchObject({ scroll: 0, over: [] });
    await open(page, '#/questions');
    await page.click('.answer button[type="submit"]');
    await page.waitForSelector('.answer .wrong');
    found.push(['an answer that is none', await looked()]);
    await open(page, '#/agents/planner-1');
    for (const name of ['tasks', 'events', 'state', 'spec']) {
      await page.click(`#tab-${name}`);
      found.push([name, await looked()]);
    }
    await page.evaluate(() =>
      [...document.querySelectorAll<HTMLButtonElement>('.controls button')]
        .find(({ textContent }) => textContent === 'Kill')
        ?.click(),
    );
    await page.waitForSelector('dialog[open]');
    found.push(['a question', await looked()]);
    await page.goto(new URL(url).origin);
    await page.evaluate(() => sessionStorage.clear());
    await page.reload();
    await page.waitForSelector('.door');
    found.push(['the door', await looked()]);
    expect(found.filter(([, serious]) => serious.length > 0)).toEqual([]);
  },
);

it('with prefers-reduced-motion nothing moves', async () => {
  const { page } = await openPage(browser, `${url}#/agents/planner-2`, {
    features: [{ name: 'prefers-reduced-motion', value: 'reduce' }],
  });
  await page.waitForSelector('.chart-frame .lit');
  await fleet.agents.kill('planner-2');
  await page.waitForSelector('.edge.run');
  expect(await page.evaluate(() => document.getAnimations().length)).toBe(0);
});

it('the theme is the system’s until one is chosen, and stays chosen', async () => {
  const { page } = await openPage(browser, url, {
    features: [{ name: 'prefers-color-scheme', value: 'dark' }],
  });
  await page.waitForSelector('.tile');
  const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const dark = await paper();
  await page.click('button[aria-label^="Theme"]');
  await page.waitForFunction(
    (before) => getComputedStyle(document.body).backgroundColor !== before,
    {},
    dark,
  );
  const light = await paper();
  await page.reload();
  await page.waitForSelector('.tile');
  expect(await paper()).toBe(light);
});

/** How much moves by itself in a view, within its first seconds. */
async function shiftOf(view: string) {
  const { page } = await openPage(browser, 'about:blank');
  await page.evaluateOnNewDocument(() => {
    const shifts: number[] = [];
    Object.assign(globalThis, { shifts });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries())
        shifts.push((entry as unknown as { readonly value: number }).value);
    }).observe({ type: 'layout-shift', buffered: true });
  });
  await page.goto(`${url}${view}`);
  await page.waitForSelector('main h1');
  await page.waitForFunction(() => document.querySelector('main[aria-busy]') === null);
  await fleet.tasks.submit('checker-1', { type: 'check', input: view });
  await fleet.agents.kill('planner-1').catch(() => {});
  await fleet.agents.start('planner-1').catch(() => {});
  await page.waitForFunction(() => performance.now() > 2_500);
  const total = await page.evaluate(() =>
    (globalThis as unknown as { readonly shifts: number[] }).shifts.reduce((sum, shift) => sum + shift, 0),
  );
  return { view, isCalm: total < 0.1, total };
}

it('nothing jumps while data comes', async () => {
  const shifts = await Promise.all(VIEWS.map((view) => shiftOf(view)));
  expect(shifts.filter(({ isCalm }) => !isCalm)).toEqual([]);
});
