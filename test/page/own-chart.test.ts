import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { AxeResults } from 'axe-core';
import { expect } from 'vitest';
import { browserOfFile, builtPage, inBrowser, openPage } from '../kit/browser.ts';
import { act, ask, CONTROL, dashboard, running, system } from '../kit/dashboard.ts';
import order from '../fixtures/agents/order.ts';

const browser = await browserOfFile();
const pageFolder = await builtPage();
const it = inBrowser(browser);
const axe = await readFile(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8');

const module = new URL('../fixtures/agents/order.ts', import.meta.url);

it.each(['in-process', 'process'] as const)(
  'a chart of a user, %s: its states are drawn, where it stands is lit, and the last steps are told',
  async (isolation) => {
    const fleet = await system();
    await fleet.agents.register({ id: 'ada', module: isolation === 'process' ? module : order, isolation });
    await fleet.agents.start('ada');
    await running(fleet, 'bob');
    const shown = await dashboard(fleet, { pageFolder });
    expect((await ask(shown, '/api/agents/ada/chart')).json.chart.active).toEqual(['draft']);
    expect((await ask(shown, '/api/agents/bob/chart')).json).toEqual({ chart: null });
    expect((await ask(shown, '/api/agents/nobody/chart')).status).toBe(404);
    const { page, problems } = await openPage(browser, `${shown.url}#/agents/ada`);
    const lit = (states: readonly string[]) =>
      page.waitForFunction(
        (wanted) =>
          [...document.querySelectorAll<HTMLElement>('.own-state.is-active')]
            .map(({ dataset }) => dataset['state'])
            .join() === wanted,
        {},
        states.join(),
      );
    await lit(['draft']);
    await fleet.agents.execute('ada', { type: 'submit' });
    await lit(['review', 'review.waiting']);
    expect(await page.$eval('.was-taken', ({ textContent }) => textContent)).toBe('submit guarded → review');
    await fleet.agents.execute('ada', { type: 'approve' });
    await lit(['shipping', 'shipping.parcel', 'shipping.parcel.packed', 'shipping.invoice']);
    const taken = await page.$$eval('.was-taken', (all) => all.map(({ textContent }) => textContent));
    expect(taken).toEqual(['approve → shipping']);
    const steps = await page.$$eval('.own-steps .mono', (all) => all.map(({ textContent }) => textContent));
    expect(steps).toEqual([
      'review.waiting → shipping.parcel.packed, shipping.invoice',
      'draft → review.waiting',
    ]);
    await page.evaluate(axe);
    const { violations } = (await page.evaluate("axe.run('.own-chart')")) as AxeResults;
    expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
    if (process.env['MABEAM_PICTURE']) {
      const card = (await page.$('.own-chart'))!;
      await card.screenshot({ path: `${process.env['MABEAM_PICTURE']}-${isolation}.png` });
    }
    await page.evaluate(() => (location.hash = '#/agents/bob'));
    await page.waitForFunction(() => document.querySelector('h1')?.textContent === 'bob');
    await page.waitForSelector('.chart-frame .lit');
    expect(await page.$('.own-chart')).toBeNull();
    expect(problems).toEqual([]);
  },
);

it('pause and resume, with who did it', async () => {
  const fleet = await system();
  await running(fleet, 'ada');
  const shown = await dashboard(fleet, { pageFolder, control: true, controlToken: CONTROL });
  const { page } = await openPage(browser, `${shown.url}#/agents/ada`);
  await page.waitForSelector('.chart-frame .lit');
  expect((await act(shown, '/api/agents/ada/pause', { by: 'grace' })).json.result.status).toBe('running');
  await page.waitForFunction(() =>
    document.querySelector('.badge')?.textContent?.startsWith('paused by grace'),
  );
  await act(shown, '/api/agents/ada/resume', { by: 'grace' });
  await page.waitForFunction(() => document.querySelector('.badge') === null);
  expect(fleet.agents.get('ada').paused).toBeUndefined();
});
