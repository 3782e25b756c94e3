import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished } from 'vitest';
import { browserOfFile, builtPage, inBrowser, openPage, viewsWith } from '../kit/browser.ts';
import { CONTROL, dashboard, running, system } from '../kit/dashboard.ts';

const browser = await browserOfFile();
const pageFolder = await builtPage();
const it = inBrowser(browser);
const VIEWS = [...viewsWith('ada'), '#/'];

it('nothing is fetched from elsewhere, in any view, and nothing that the policy forbids is tried', async () => {
  const fleet = await system();
  await running(fleet, 'ada');
  const { url } = await dashboard(fleet, { pageFolder });
  const { page, requests, problems } = await openPage(browser, url);
  await page.waitForSelector('.tile');
  for (const hash of VIEWS) {
    await page.evaluate((to) => (location.hash = to), hash);
    await page.waitForFunction(
      (to) => document.querySelector(to === '#/agents/ada' ? '.chart-frame .lit' : 'main h1') !== null,
      {},
      hash,
    );
  }
  const { origin } = new URL(url);
  expect(requests.length).toBeGreaterThan(8);
  expect(requests.filter((request) => !request.includes(origin))).toEqual([]);
  expect(problems).toEqual([]);
  const fonts = await page.evaluate(() =>
    [...document.fonts]
      .filter(({ status }) => status === 'loaded')
      .map(({ family }) => family.replaceAll('"', '')),
  );
  expect(new Set(fonts)).toEqual(new Set(['Inter Variable', 'JetBrains Mono Variable']));
});

it('the token leaves the address, is sent in no other, and is known to this tab alone', async () => {
  const fleet = await system();
  await running(fleet, 'ada');
  const shown = await dashboard(fleet, { pageFolder });
  const { page, requests } = await openPage(browser, shown.url);
  await page.waitForSelector('.tile');
  expect(await page.evaluate(() => location.href)).not.toContain(shown.token);
  expect(requests.filter((request) => request.includes(shown.token))).toEqual([`GET ${shown.url}`]);
  await page.reload();
  await page.waitForSelector('.tile');
  const { page: other } = await openPage(browser, new URL(shown.url).origin);
  await other.waitForSelector('.door');
  expect(await other.evaluate(() => document.body.textContent)).not.toContain('ada');
});

it('a wrong token is told as such, and the right one opens', async () => {
  const fleet = await system();
  await running(fleet, 'ada');
  const shown = await dashboard(fleet, { pageFolder });
  const { page } = await openPage(browser, `${new URL(shown.url).origin}/?token=wrong`);
  await page.waitForFunction(
    () => document.querySelector('h1')?.textContent === 'This token is not the right one',
  );
  await page.type('#token', shown.token);
  await page.keyboard.press('Enter');
  await page.waitForSelector('.tile');
});

it('a page of another origin learns nothing and changes nothing, even with both secrets', async () => {
  const fleet = await system();
  await running(fleet, 'ada');
  const shown = await dashboard(fleet, { pageFolder, control: true, controlToken: CONTROL });
  const { origin } = new URL(shown.url);
  const evil = createServer((_, response) =>
    response.setHeader('Content-Type', 'text/html').end('<!doctype html><title>evil</title>'),
  );
  evil.listen(0, '127.0.0.1');
  await once(evil, 'listening');
  onTestFinished(() => void evil.close());
  // Opened by its user in the same browser, and known to it.
  const { page: own } = await openPage(browser, shown.url);
  await own.waitForSelector('.tile');
  const { page } = await openPage(browser, `http://127.0.0.1:${(evil.address() as AddressInfo).port}/`);
  const tried = await page.evaluate(
    async (at, token, control) => {
      // oxlint-disable unicorn/consistent-function-scoping -- all of it runs in the page
      const say = async (ask: () => Promise<unknown>) => {
        try {
          return await ask();
        } catch (thrown) {
          return String(thrown);
        }
      };
      const headers = { Authorization: `Bearer ${token}`, 'X-Control-Token': control };
      const read = async (response: Response) =>
        `${response.type} ${response.status} ${(await response.text()).length}`;
      const frame = document.createElement('iframe');
      frame.src = `${at}/?token=${token}`;
      const isFramed = new Promise((resolve) => {
        frame.addEventListener('load', () => {
          try {
            resolve(frame.contentDocument === null ? 'other' : 'readable');
          } catch {
            resolve('other');
          }
        });
      });
      document.body.append(frame);
      return {
        read: await say(async () => read(await fetch(`${at}/api/agents?token=${token}`))),
        blind: await say(async () =>
          read(await fetch(`${at}/api/agents?token=${token}`, { mode: 'no-cors' })),
        ),
        act: await say(async () =>
          read(
            await fetch(`${at}/api/agents/ada/stop`, {
              method: 'POST',
              headers: { ...headers, 'Content-Type': 'application/json' },
              body: '{}',
            }),
          ),
        ),
        form: await say(async () =>
          read(
            await fetch(`${at}/api/agents/ada/stop?token=${token}`, {
              method: 'POST',
              mode: 'no-cors',
              body: '{}',
            }),
          ),
        ),
        framed: await say(() => isFramed),
      };
    },
    origin,
    shown.token,
    CONTROL,
  );
  expect(tried.read).toMatch(/TypeError|Failed/);
  expect(tried.act).toMatch(/TypeError|Failed/);
  // Nothing that the script can look into comes back.
  expect(tried.blind).toMatch(/^opaque 0 0$|TypeError|Failed/);
  expect(tried.form).toMatch(/^opaque 0 0$|TypeError|Failed/);
  expect(tried.framed).toBe('other');
  expect(fleet.agents.get('ada').status).toBe('running');
});
