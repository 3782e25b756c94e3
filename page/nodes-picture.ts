/**
 * A picture of the nodes of a fleet, taken from a real run of `npm run cluster -- --dashboard`: one node has been killed,
 * and its agents run elsewhere.
 */
import { fork } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Browser } from 'puppeteer-core';
import { build } from 'vite';

const CLUSTER = fileURLToPath(new URL('../examples/cluster/main.ts', import.meta.url));
const VITE = fileURLToPath(new URL('./vite.config.ts', import.meta.url));
/** A busy machine takes its time to notice a loss; ms. */
const LOSS_MS = 60_000;
/** Until the agents of the lost node run elsewhere, and the view has come to rest; ms. */
const REST_MS = 3_000;

export interface NodesPictureOptions {
  readonly browser: Browser;
  readonly path: `${string}.png`;
}

export async function nodesPicture({ browser, path }: NodesPictureOptions): Promise<void> {
  await build({ configFile: VITE, logLevel: 'error' });
  const cluster = fork(CLUSTER, ['--dashboard'], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  const ended = new Promise((resolve) => cluster.once('exit', resolve));
  try {
    const page = await browser.newPage();
    await page.setViewport({ width: 1_440, height: 900 });
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'light' }]);
    for await (const line of createInterface({ input: cluster.stderr! })) {
      const [, url] = /^shown at (\S+)/.exec(line) ?? [];
      if (url !== undefined) await page.goto(url, { waitUntil: 'domcontentloaded' });
      if (line === 'n1 was killed') break;
    }
    await page.waitForFunction(
      `document.querySelector('[aria-labelledby=nodes-title]')?.textContent.includes('lost')`,
      { timeout: LOSS_MS },
    );
    await wait(REST_MS);
    await page.screenshot({ path });
    await page.close();
  } finally {
    cluster.kill('SIGINT');
    await ended;
  }
}
