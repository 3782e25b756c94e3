import type { Page } from 'puppeteer-core';
import { expect } from 'vitest';
import { variable } from '../../src/index.ts';
import { browserOfFile, builtPage, inBrowser, openPage } from '../kit/browser.ts';
import { CONTROL, dashboard, running, system, worker } from '../kit/dashboard.ts';
import { eventually } from '../kit/eventually.ts';

const browser = await browserOfFile();
const pageFolder = await builtPage();
const it = inBrowser(browser);

const press = (page: Page, name: string) =>
  page.waitForFunction(
    (wanted) => {
      const buttons = [...document.querySelectorAll<HTMLButtonElement>('button')];
      const button = buttons.find(({ textContent, disabled }) => textContent?.trim() === wanted && !disabled);
      button?.click();
      return button !== undefined;
    },
    {},
    name,
  );

async function unlock(page: Page, secret: string): Promise<void> {
  await press(page, 'Unlock control');
  await page.waitForSelector('dialog[open] input[type=password]');
  await page.type('dialog input[type=password]', secret);
  await page.$eval('dialog input:not([type=password])', (input) => (input.value = ''));
  await page.type('dialog input:not([type=password])', 'grace');
  await page.keyboard.press('Enter');
}

const enabled = (page: Page) =>
  page.$$eval('.controls button', (buttons) =>
    buttons.filter(({ disabled }) => !disabled).map(({ textContent }) => textContent),
  );

it('without control there is nothing to press', async () => {
  const fleet = await system();
  await running(fleet, 'ada');
  const { url } = await dashboard(fleet, { pageFolder });
  const { page } = await openPage(browser, `${url}#/agents/ada`);
  await page.waitForSelector('.chart-frame .lit');
  expect(await page.evaluate(() => document.body.textContent)).not.toMatch(/unlock/i);
  expect(await page.$$('.controls')).toEqual([]);
});

it('a wrong secret unlocks nothing', async () => {
  const fleet = await system();
  await running(fleet, 'ada');
  const { url } = await dashboard(fleet, { pageFolder, control: true, controlToken: CONTROL });
  const { page } = await openPage(browser, `${url}#/agents/ada`);
  await page.waitForSelector('.chart-frame .lit');
  await unlock(page, 'not-the-secret-at-all');
  await page.waitForFunction(
    () => document.querySelector('.wrong')?.textContent === 'That is not the control token.',
  );
  expect(await page.$$('.controls')).toEqual([]);
});

it('does what it says, and only what is legal can be pressed; what destroys asks first', async () => {
  const fleet = await system();
  await running(fleet, 'ada');
  const { url } = await dashboard(fleet, { pageFolder, control: true, controlToken: CONTROL });
  const { page, problems } = await openPage(browser, `${url}#/agents/ada`);
  await page.waitForSelector('.chart-frame .lit');
  await unlock(page, CONTROL);
  await page.waitForSelector('.controls');
  expect(await enabled(page)).toEqual(['Pause', 'Stop', 'Kill']);

  await press(page, 'Stop');
  await page.waitForFunction(() => document.querySelector('dialog[open] h2')?.textContent === 'Stop ada?');
  // Whoever only presses Enter has done nothing.
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.querySelector('dialog') === null);
  expect(fleet.agents.get('ada').status).toBe('running');
  await press(page, 'Stop');
  await page.waitForSelector('dialog[open] .sure');
  await page.keyboard.press('Escape');
  await page.waitForFunction(() => document.querySelector('dialog') === null);
  expect(fleet.agents.get('ada').status).toBe('running');

  await press(page, 'Stop');
  await page.waitForSelector('dialog[open]');
  await page.click('dialog .sure');
  await page.waitForFunction(() => document.querySelector('.toast')?.textContent === 'stop ada: done');
  expect(fleet.agents.get('ada').status).toBe('stopped');
  await page.waitForFunction(
    () =>
      [...document.querySelectorAll<HTMLButtonElement>('.controls button')]
        .filter(({ disabled }) => !disabled)
        .map(({ textContent }) => textContent)
        .join() === 'Start,Restart,Pause,Forget',
  );
  await press(page, 'Start');
  await page.waitForFunction(() =>
    [...document.querySelectorAll('.toast')].some(({ textContent }) => textContent === 'start ada: done'),
  );
  expect(fleet.agents.get('ada')).toMatchObject({ status: 'running', incarnation: 2 });

  await page.evaluate(() => (location.hash = '#/'));
  await page.waitForFunction(() =>
    /grace → ada operator stop/.test(
      (document.querySelector('.marks')?.textContent ?? '').replaceAll(/\s+/g, ' '),
    ),
  );

  await page.evaluate(() => (location.hash = '#/agents/ada'));
  await page.waitForSelector('.controls');
  await press(page, 'Lock control');
  await page.waitForFunction(() => document.querySelector('.controls') === null);
  expect(problems).toEqual([]);
});

it('pools are sized and variables set from the page', async () => {
  const fleet = await system();
  await fleet.pools.create({ name: 'crew', spec: { module: worker }, min: 1, max: 4 });
  await fleet.variables.define('rate', variable.float({ min: 0, max: 1, default: 0.5 }));
  const { url } = await dashboard(fleet, { pageFolder, control: true, controlToken: CONTROL });
  const { page } = await openPage(browser, `${url}#/pools`);
  await page.waitForSelector('.pool');
  await unlock(page, CONTROL);
  const size = async (to: number) => {
    await page.waitForSelector('.pool .set input');
    await page.$eval(
      '.pool .set input',
      (input, value) => {
        input.value = value;
        input.dispatchEvent(new Event('input', { bubbles: true }));
      },
      String(to),
    );
    await press(page, 'Resize');
  };
  await size(3);
  await eventually(
    () => fleet.pools.get('crew').live,
    (now) => now === 3,
  );
  await page.waitForFunction(() => /3 of 3 wanted/.test(document.querySelector('.pool')?.textContent ?? ''));
  await size(1);
  await page.waitForFunction(
    () => document.querySelector('dialog[open] h2')?.textContent === 'Shrink crew to 1?',
  );
  expect(fleet.pools.get('crew').wanted).toBe(3);
  await page.click('dialog .sure');
  await eventually(
    () => fleet.pools.get('crew').wanted,
    (now) => now === 1,
  );

  await page.evaluate(() => (location.hash = '#/coordination'));
  await page.waitForSelector('.link');
  await page.click('.link');
  await page.waitForSelector('.variable .set');
  await page.$eval('.variable .set input', (input) => {
    input.value = '0.75';
    input.dispatchEvent(new Event('input', { bubbles: true }));
  });
  await press(page, 'Set');
  await eventually(
    () => fleet.variables.get('rate').value,
    (now) => now === 0.75,
  );
  expect(fleet.variables.history('rate').at(-1)?.by).toBe('grace');
});
