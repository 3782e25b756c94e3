import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { expect, onTestFinished } from 'vitest';
import { createMachine } from 'xstate';
import { createAgentSystem, defineAgent } from '../../src/index.ts';
import { createInspector, type Inspector } from '../../src/inspector.ts';
import { browserOfFile, inBrowser, openPage } from '../kit/browser.ts';

const browser = await browserOfFile();
const it = inBrowser(browser);
const silent = pino({ level: 'silent' });
const worker = defineAgent({ type: 'worker', init: () => ({}), tasks: {} });

/** A viewer that is as Stately's, or none. */
async function viewerAt(answer: (path: string) => string | undefined): Promise<string> {
  const server = createServer((request, response) => {
    const text = answer(request.url ?? '/');
    if (text === undefined) request.socket.destroy();
    else response.setHeader('Content-Type', 'text/html').end(text);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/inspect`;
}

async function inspectorOf(viewerUrl: string): Promise<Inspector> {
  const inspector = await createInspector({ viewerUrl, logger: silent });
  onTestFinished(() => inspector.close());
  return inspector;
}

async function watched(inspector: Inspector) {
  const system = await createAgentSystem({ logger: silent, inspect: inspector.observe });
  onTestFinished(async () => void (await system.close({ timeoutMs: 0 })));
  for (const id of ['ada', 'bob'])
    await system.agents.start(await system.agents.register({ id, module: worker }));
  return system;
}

it('where the viewer cannot be reached it says so, and shows our charts with their states lit up', async () => {
  const inspector = await inspectorOf(await viewerAt(() => undefined));
  const system = await watched(inspector);
  const { page, problems } = await openPage(browser, inspector.url);
  await page.waitForFunction(() =>
    document.getElementById('why')?.textContent?.includes('cannot be reached'),
  );
  await page.waitForFunction(() => /ada.*bob/s.test(document.getElementById('actors')?.textContent ?? ''));
  await page.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>('#actors button')]
      .find(({ textContent }) => textContent?.startsWith('bob'))
      ?.click(),
  );
  await page.waitForSelector('#chart .lit[data-state="alive.serving.running.coordinated.idle"]');
  await system.agents.stop('bob');
  await page.waitForSelector('#chart .lit[data-state="stopped"]');
  const stroke = await page.$eval('#chart .lit .box', (box) => getComputedStyle(box).strokeWidth);
  expect(stroke).toBe('3px');
  expect(problems.filter((problem) => !problem.includes('ERR_EMPTY_RESPONSE'))).toEqual([]);
});

it('a chart that nobody has drawn is shown as its states', async () => {
  const inspector = await inspectorOf(await viewerAt(() => undefined));
  const { createActor } = await import('xstate');
  const machine = createMachine({
    id: 'of-a-user',
    initial: 'draft',
    states: {
      draft: { on: { submit: 'review' } },
      review: { initial: 'open', states: { open: {}, closed: {} } },
    },
  });
  const actor = createActor(machine, { inspect: inspector.observe, id: 'essay' }).start();
  onTestFinished(() => void actor.stop());
  const { page } = await openPage(browser, inspector.url);
  await page.waitForSelector('.node.lit[data-state="draft"]');
  actor.send({ type: 'submit' });
  await page.waitForSelector('.node.lit[data-state="review.open"]');
  await page.waitForSelector('.node.around[data-state="review"]');
});

it('a viewer that answers is shown, and given all', async () => {
  const script = `<script>
    addEventListener('message', ({ data }) => document.body.append(data.type + ' ' + (data.name ?? '') + ';'));
    setTimeout(() => parent.postMessage({ type: '@statelyai.connected' }, '*'), 300);
  </script>`;
  const inspector = await inspectorOf(await viewerAt(() => `<!doctype html><body>${script}`));
  await watched(inspector);
  const { page } = await openPage(browser, inspector.url);
  const frame = await (await page.waitForSelector('iframe'))!.contentFrame();
  await frame.waitForFunction(() =>
    /@xstate\.actor ada;.*@xstate\.snapshot/s.test(document.body.textContent ?? ''),
  );
  await page.waitForFunction(() => document.getElementById('own')?.hidden === true);
});

it('one that is late takes over', async () => {
  let isThere = false;
  const script = `<script>parent.postMessage({ type: '@statelyai.connected' }, '*')</script>`;
  const inspector = await inspectorOf(
    await viewerAt(() => (isThere ? `<!doctype html><body>${script}` : undefined)),
  );
  await watched(inspector);
  const { page } = await openPage(browser, inspector.url);
  await page.waitForFunction(() => document.getElementById('own')?.hidden === false);
  isThere = true;
  await page.click('#again');
  await page.waitForFunction(() => document.getElementById('own')?.hidden === true);
});
