import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { AxeResults } from 'axe-core';
import type { Page } from 'puppeteer-core';
import { describe, expect } from 'vitest';
import { livelyFleet } from '../../examples/dashboard/fleet.ts';
import type { AgentSystem } from '../../src/index.ts';
import { browserOfFile, builtPage, inBrowser, openPage } from '../kit/browser.ts';
import { CONTROL, dashboard, running, system } from '../kit/dashboard.ts';

const browser = await browserOfFile();
const pageFolder = await builtPage();
const it = inBrowser(browser);
const axe = await readFile(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8');

const VIEWS = ['#/', '#/agents', '#/agents/planner-1', '#/timeline', '#/coordination', '#/pools'];

/** A fleet with one of everything that can be seen, and that then is still. */
async function eventful(): Promise<AgentSystem> {
  const fleet = await system();
  const lively = await livelyFleet(fleet, { size: 2, paceMs: 100 });
  await fleet.consensus.propose({ variable: 'temperature', value: 0.3, deadlineMs: 500 });
  for (const id of ['scraper-1', 'scraper-2'])
    for (let n = 0; n < 5; n++)
      await fleet.agents
        .kill(id)
        .then(() => fleet.agents.start(id))
        .catch(() => {});
  await fleet.agents.kill('night-shift');
  await lively[Symbol.asyncDispose]();
  return fleet;
}

async function open(page: Page, hash: string): Promise<void> {
  await page.evaluate((to) => (location.hash = to), hash);
  await page.waitForFunction(
    (to) => document.querySelector(to.startsWith('#/agents/') ? '.scrubber input' : 'main h1') !== null,
    {},
    hash,
  );
  await page.waitForFunction(() => document.querySelector('main[aria-busy]') === null);
}

/** What is serious or worse. */
async function findings(page: Page): Promise<readonly string[]> {
  await page.evaluate(axe);
  const { violations } = (await page.evaluate(
    'axe.run(document, { resultTypes: ["violations"] })',
  )) as AxeResults;
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) =>
      nodes.slice(0, 3).map(({ target, failureSummary }) => `${id}: ${target.join(' ')}: ${failureSummary}`),
    );
}

describe.each([
  ['light', 1_280],
  ['dark', 1_280],
  ['light', 375],
  ['dark', 375],
])('%s, %i px wide', (scheme, width) => {
  it('axe finds nothing serious in any view', { timeout: 120_000 }, async () => {
    const fleet = await eventful();
    const { url } = await dashboard(fleet, { pageFolder, control: true, controlToken: CONTROL });
    const features = [
      { name: 'prefers-color-scheme', value: scheme },
      { name: 'prefers-reduced-motion', value: 'reduce' },
    ];
    const { page } = await openPage(browser, url, { width, features });
    await page.waitForSelector('.tile');
    await page.evaluate((secret) => sessionStorage.setItem('mabeam.control', secret), CONTROL);
    await page.reload();
    await page.waitForSelector('.tile');
    const found: [string, readonly string[]][] = [];
    for (const view of VIEWS) {
      await open(page, view);
      found.push([view, await findings(page)]);
    }
    await open(page, '#/agents/planner-1');
    for (const name of ['events', 'state', 'spec']) {
      await page.click(`#tab-${name}`);
      found.push([name, await findings(page)]);
    }
    await page.evaluate(() =>
      [...document.querySelectorAll<HTMLButtonElement>('.controls button')]
        .find(({ textContent }) => textContent === 'Kill')
        ?.click(),
    );
    await page.waitForSelector('dialog[open]');
    found.push(['a question', await findings(page)]);
    await page.goto(new URL(url).origin);
    await page.evaluate(() => sessionStorage.clear());
    await page.reload();
    await page.waitForSelector('.door');
    found.push(['the door', await findings(page)]);
    expect(found.filter(([, problems]) => problems.length > 0)).toEqual([]);
  });

  it('nothing is wider than the screen', async () => {
    const fleet = await eventful();
    const { url } = await dashboard(fleet, { pageFolder });
    const { page } = await openPage(browser, url, {
      width,
      features: [{ name: 'prefers-color-scheme', value: scheme }],
    });
    await page.waitForSelector('.tile');
    for (const view of VIEWS) {
      await open(page, view);
      const wide = await page.evaluate(() => {
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
      expect({ view, ...wide }).toEqual({ view, scroll: 0, over: [] });
    }
  });
});

it('whoever wants no motion sees none', async () => {
  const fleet = await system();
  await running(fleet, 'ada');
  const { url } = await dashboard(fleet, { pageFolder });
  const { page } = await openPage(browser, `${url}#/agents/ada`, {
    features: [{ name: 'prefers-reduced-motion', value: 'reduce' }],
  });
  await page.waitForSelector('.chart-frame .lit');
  await fleet.agents.kill('ada');
  await page.waitForSelector('.edge.run');
  expect(await page.evaluate(() => document.getAnimations().length)).toBe(0);
});

it('the theme is the system’s until one is chosen, and stays chosen', async () => {
  const { url } = await dashboard(await system(), { pageFolder });
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

it('nothing jumps while data comes', async () => {
  const fleet = await eventful();
  const { url } = await dashboard(fleet, { pageFolder });
  const { page } = await openPage(browser, 'about:blank');
  await page.evaluateOnNewDocument(() => {
    const shifts: number[] = [];
    Object.assign(globalThis, { shifts });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries())
        shifts.push((entry as unknown as { readonly value: number }).value);
    }).observe({ type: 'layout-shift', buffered: true });
  });
  for (const view of VIEWS) {
    await page.goto(`${url}${view}`);
    await page.waitForSelector('main h1');
    await page.waitForFunction(() => document.querySelector('main[aria-busy]') === null);
    await fleet.agents.kill('planner-1').then(() => fleet.agents.start('planner-1'));
    await page.waitForFunction(() => performance.now() > 2_500);
    const total = await page.evaluate(() =>
      (globalThis as unknown as { readonly shifts: number[] }).shifts.reduce((sum, shift) => sum + shift, 0),
    );
    expect({ view, isCalm: total < 0.1, total }).toMatchObject({ view, isCalm: true });
    await page.goto('about:blank');
  }
}, 120_000);
