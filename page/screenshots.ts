/**
 * `npm run screenshots`: pictures of every view, light, dark and narrow, and of a terminal, of a lively fleet; into
 * `.tmp/screenshots`. With a Restate server in node_modules there is one of the nodes of a fleet on other machines, too.
 *
 * They are for people to look at. `--docs` also renews the pictures in the documentation (docs/images).
 */
import { existsSync } from 'node:fs';
import { copyFile, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { pino } from 'pino';
import type { Page } from 'puppeteer-core';
import { serverBinary } from '../examples/cluster/engine.ts';
import { busyDesk } from '../examples/dashboard/desk.ts';
import { livelyFleet } from '../examples/dashboard/fleet.ts';
import { createDashboard, logTail } from '../src/dashboard.ts';
import { createAgentSystem, memoryStore } from '../src/index.ts';
import { buildPage, openBrowser } from '../test/kit/chromium.ts';
import { nodesPicture } from './nodes-picture.ts';
import { terminalPicture } from './terminal-picture.ts';

const { values } = parseArgs({
  options: { docs: { type: 'boolean', default: false }, seconds: { type: 'string', default: '60' } },
});
const ROOT = fileURLToPath(new URL('../', import.meta.url));
const FOLDER = join(ROOT, '.tmp', 'screenshots');
const IMAGES = join(ROOT, 'docs', 'images');
const CONTROL = 'the-second-secret-of-the-pictures';
/** Time for a view to load and to come to rest; ms. */
const REST_MS = 1_800;

/** Pictures in the documentation. */
const SHOWN = [
  ['fleet', 'fleet-light'],
  ['agent', 'agent-dark'],
  ['timeline', 'timeline-dark'],
] as const;

const LOOKS = [
  { name: 'light', width: 1_440, height: 900, scheme: 'light' },
  { name: 'dark', width: 1_440, height: 900, scheme: 'dark' },
  { name: 'narrow', width: 375, height: 780, scheme: 'light' },
] as const;

interface View {
  readonly name: string;
  readonly hash: string;
  readonly prepare?: (page: Page) => Promise<unknown>;
}

const click = (selector: string) => (page: Page) =>
  page.$$eval(selector, ([first]) => (first as { click?: () => void } | undefined)?.click?.());
const VIEWS: readonly View[] = [
  { name: 'fleet', hash: '#/' },
  { name: 'agents', hash: '#/agents?sort=restarts' },
  { name: 'agent', hash: '#/agents/scraper-1' },
  { name: 'agent-events', hash: '#/agents/scraper-2', prepare: click('#tab-events') },
  { name: 'agent-logs', hash: '#/agents/scraper-2', prepare: click('#tab-logs') },
  { name: 'agent-chart', hash: '#/agents/researcher-1', prepare: click('.segments button:last-child') },
  { name: 'agent-tasks', hash: '#/agents/checker-1', prepare: click('#tab-tasks') },
  { name: 'work', hash: '#/work' },
  { name: 'work-task', hash: '#/work?status=failed', prepare: click('.tasks summary') },
  { name: 'questions', hash: '#/questions' },
  { name: 'limits', hash: '#/limits' },
  { name: 'timeline', hash: '#/timeline' },
  { name: 'coordination', hash: '#/coordination', prepare: click('tr:nth-child(3) .link') },
  { name: 'pools', hash: '#/pools' },
];

await rm(FOLDER, { recursive: true, force: true });
await mkdir(FOLDER, { recursive: true });
const pageFolder = await buildPage();
try {
  const logs = logTail();
  await using system = await createAgentSystem({
    store: memoryStore({ maxEvents: 200_000 }),
    logger: pino({ level: 'debug' }, logs),
  });
  await using dashboard = await createDashboard(system, {
    pageFolder,
    control: true,
    controlToken: CONTROL,
    logs,
    logger: pino({ level: 'silent' }),
  });
  await using fleet = await livelyFleet(system);
  await using _ = await busyDesk(system);
  console.log(`A fleet lives for ${values.seconds} s.`);
  await wait(Number(values.seconds) * 600);
  await fleet.storm(22);
  await wait(Number(values.seconds) * 400);
  const browser = await openBrowser();
  try {
    for (const look of LOOKS) {
      console.log(`${VIEWS.length} pictures: ${look.name}`);
      const page = await browser.newPage();
      await page.setViewport({ width: look.width, height: look.height });
      await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: look.scheme }]);
      await page.goto(dashboard.url, { waitUntil: 'domcontentloaded' });
      // One picture has the buttons of control; the others are as every viewer sees them.
      if (look.name === 'dark') {
        await page.evaluate(`sessionStorage.setItem('mabeam.control', ${JSON.stringify(CONTROL)})`);
      }
      await page.reload({ waitUntil: 'domcontentloaded' });
      await page.waitForSelector('.tile');
      for (const { name, hash, prepare } of VIEWS) {
        await page.evaluate(`location.hash = ${JSON.stringify(hash)}`);
        await wait(REST_MS);
        await prepare?.(page);
        await wait(REST_MS / 2);
        await page.screenshot({ path: join(FOLDER, `${name}-${look.name}.png`) });
      }
      await page.close();
    }
    console.log('A picture of a terminal, and one of a fleet on several nodes if there is a server for it');
    await terminalPicture({ browser, url: dashboard.url, path: `${FOLDER}/terminal.png` });
    if (serverBinary() !== undefined) await nodesPicture({ browser, path: `${FOLDER}/nodes.png` });
    if (values.docs) {
      await mkdir(IMAGES, { recursive: true });
      for (const [image, picture] of SHOWN) {
        await copyFile(join(FOLDER, `${picture}.png`), join(IMAGES, `dashboard-${image}.png`));
      }
      await copyFile(join(FOLDER, 'terminal.png'), join(IMAGES, 'terminal.png'));
      const nodes = join(FOLDER, 'nodes.png');
      if (existsSync(nodes)) await copyFile(nodes, join(IMAGES, 'dashboard-nodes.png'));
    }
  } finally {
    await browser.close();
  }
} finally {
  await rm(pageFolder, { recursive: true, force: true });
}
console.log(FOLDER);
