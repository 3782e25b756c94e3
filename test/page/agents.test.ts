import { expect } from 'vitest';
import { type AgentSystem } from '../../src/index.ts';
import { browserOfFile, builtPage, inBrowser, openPage } from '../kit/browser.ts';
import { dashboard, running, system, worker } from '../kit/dashboard.ts';

const browser = await browserOfFile();
const pageFolder = await builtPage();
const it = inBrowser(browser);

async function many(count: number): Promise<AgentSystem> {
  const fleet = await system();
  const ids = await Promise.all(
    Array.from({ length: count }, (_, n) => fleet.agents.register({ id: `agent-${n}`, module: worker })),
  );
  await Promise.all(ids.map((id) => fleet.agents.start(id)));
  return fleet;
}

/** Tasks that end before each frame. */
const WORK_A_FRAME = 20;
/** Frames of a moving list that are looked at. */
const FRAMES = 120;
/** Of one frame: ten rows and a half. */
const STEP_PX = 317;
/** Frames until the page hears of its list being scrolled, and has drawn it; a busy machine takes more than two. */
const PATIENCE_FRAMES = 20;

it('10,000 agents scroll while they work: of each frame only what is seen is drawn, and nothing of it is blank', async () => {
  const fleet = await many(10_000);
  const { url } = await dashboard(fleet, { pageFolder });
  const { page, problems } = await openPage(browser, `${url}#/agents`);
  // A list that grows while it is scrolled may keep the headless browser from drawing ever after.
  await page.waitForSelector('.list[aria-rowcount="10001"] .row');
  let worked = 0;
  await page.exposeFunction('work', async () => {
    const ids = Array.from({ length: WORK_A_FRAME }, () => `agent-${worked++ % 10_000}`);
    await Promise.all(ids.map((id) => fleet.agents.execute(id, { type: 'add' })));
  });
  const seen = await page.evaluate(
    async (frames, step, patience) => {
      const list = document.querySelector('.list')!;
      let made = 0;
      const observer = new MutationObserver((changes) => {
        for (const { addedNodes } of changes) {
          made += [...addedNodes].filter((node) => node instanceof Element && node.matches('.row')).length;
        }
      });
      observer.observe(list, { childList: true, subtree: true });
      const firsts = new Set<string>();
      let most = 0;
      let blank = 0;
      for (let n = 0; n < frames; n++) {
        await (window as unknown as { work(): Promise<void> }).work();
        list.scrollTop += step;
        let rows: HTMLElement[] = [];
        let isCovered = false;
        for (let waited = 0; waited < patience && !isCovered; waited += 1) {
          await new Promise(requestAnimationFrame);
          rows = [...list.querySelectorAll<HTMLElement>('.row')];
          const { top, bottom } = list.getBoundingClientRect();
          const edges = rows.map((row) => row.getBoundingClientRect());
          const from = Math.min(...edges.map((edge) => edge.top));
          const to = Math.max(...edges.map((edge) => edge.bottom));
          isCovered = from <= top + 1 && to >= bottom - 1;
        }
        if (!isCovered) blank += 1;
        most = Math.max(most, rows.length);
        firsts.add(rows[0]?.dataset['id'] ?? '');
      }
      observer.disconnect();
      return { blank, most, made, firsts: firsts.size };
    },
    FRAMES,
    STEP_PX,
    PATIENCE_FRAMES,
  );
  expect(seen.blank).toBe(0);
  expect(seen.most).toBeLessThan(80);
  expect(seen.firsts).toBe(FRAMES);
  // A row is made when it comes into sight, and not again as long as it is seen.
  expect(seen.made).toBeLessThan(FRAMES * 12);
  await page.$eval('.list', (list) => (list.scrollTop = list.scrollHeight));
  await page.waitForFunction(() =>
    [...document.querySelectorAll('.list .row')].some((row) => row.getAttribute('aria-rowindex') === '10001'),
  );
  expect(problems).toEqual([]);
});

it('are found by a few letters, filtered by a status, and sorted by any column', async () => {
  const fleet = await many(60);
  await fleet.agents.stop('agent-7');
  for (let n = 0; n < 9; n++) await fleet.agents.execute('agent-33', { type: 'add' });
  const { url } = await dashboard(fleet, { pageFolder });
  const { page } = await openPage(browser, `${url}#/agents`);
  const ids = () => page.$$eval('.list .row', (rows) => rows.map((row) => row.getAttribute('data-id')));
  const until = (expected: string) =>
    page.waitForFunction(
      (text) =>
        [...document.querySelectorAll<HTMLElement>('.list .row')]
          .map(({ dataset }) => dataset['id'])
          .join(' ')
          .startsWith(text),
      {},
      expected,
    );
  await page.waitForFunction(() => document.querySelectorAll('.list .row').length > 20);
  await page.keyboard.press('/');
  await page.keyboard.type('agent-3');
  await until('agent-3 agent-30 agent-31');
  expect(await ids()).toHaveLength(11);
  await page.$eval('#search', (input) => {
    (input as HTMLInputElement).value = '';
    input.dispatchEvent(new Event('input', { bubbles: true }));
  });
  await page.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>('.chip')]
      .find(({ textContent }) => textContent?.includes('stopped'))
      ?.click(),
  );
  await until('agent-7');
  expect(await ids()).toEqual(['agent-7']);
  await page.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>('.chip')]
      .find(({ textContent }) => textContent?.includes('stopped'))
      ?.click(),
  );
  const sortBy = (name: string) =>
    page.evaluate(
      (title) =>
        [...document.querySelectorAll<HTMLElement>('.head button')]
          .find(({ textContent }) => textContent?.startsWith(title))
          ?.click(),
      name,
    );
  await sortBy('Done');
  await until('agent-33 agent-0');
  expect(await page.$eval('.c-done', (head) => head.getAttribute('aria-sort'))).toBe('ascending');
  await sortBy('Agent');
  await until('agent-0 agent-1 agent-2');
  await sortBy('Agent');
  await until('agent-59 agent-58');
  // The address holds it all: who sends it on sends what is seen.
  const shared = await page.evaluate(() => location.hash);
  expect(shared).toBe('#/agents?sort=id&order=reversed');
});

it('are walked through and opened by the keyboard', async () => {
  const fleet = await many(200);
  const { url } = await dashboard(fleet, { pageFolder });
  const { page } = await openPage(browser, `${url}#/agents?sort=id`);
  await page.waitForSelector('.list .row');
  await page.focus('.list');
  for (let n = 0; n < 4; n++) await page.keyboard.press('ArrowDown');
  await page.keyboard.press('k');
  await page.waitForSelector('.row.chosen[data-id="agent-2"]');
  expect(await page.$eval('.list', (list) => list.getAttribute('aria-activedescendant'))).toBe('row-2');
  await page.keyboard.press('End');
  await page.waitForSelector('.row.chosen[data-id="agent-199"]');
  const isSeen = await page.$eval('.row.chosen', (row) => {
    const list = row.closest('.list')!.getBoundingClientRect();
    const edge = row.getBoundingClientRect();
    return edge.top >= list.top && edge.bottom <= list.bottom + 1;
  });
  expect(isSeen).toBe(true);
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.querySelector('h1')?.textContent === 'agent-199');
});

it('any id is shown as it is, and opened', async () => {
  const ids = [
    '<img src=x onerror="document.title=1">',
    '__proto__',
    'a/b c',
    'a&b=c#d?e',
    'é\u202E中',
    '\'"`',
  ];
  const fleet = await system();
  await running(fleet, ...ids);
  const { url } = await dashboard(fleet, { pageFolder });
  const { page, problems } = await openPage(browser, `${url}#/agents?sort=id`);
  await page.waitForFunction(
    (count) => document.querySelectorAll('.list .row').length === count,
    {},
    ids.length,
  );
  expect(
    new Set(await page.$$eval('.list .row a', (links) => links.map(({ textContent }) => textContent))),
  ).toEqual(new Set(ids));
  for (const id of ids) {
    await page.evaluate((to) => (location.hash = `#/agents/${encodeURIComponent(to)}`), id);
    await page.waitForFunction(
      (wanted) =>
        document.querySelector('h1')?.textContent === wanted &&
        document.querySelector('.chart-frame .lit') !== null,
      {},
      id,
    );
  }
  expect(await page.$$('img[src="x"]')).toEqual([]);
  expect(problems).toEqual([]);
});
