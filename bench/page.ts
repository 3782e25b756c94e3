/**
 * What a browser does with 10,000 agents at work: frames in a second in which their list stands still, and in which it
 * is scrolled by ten rows a frame. Chromium without a screen makes at most 60.
 */
import { rm } from 'node:fs/promises';
import { createDashboard } from '../src/dashboard.ts';
import { createAgentSystem, defineAgent } from '../src/index.ts';
import { buildPage, openBrowser } from '../test/kit/chromium.ts';

const SECONDS = 5;
const STEP_PX = 317;
const TASKS_AT_ONCE = 20;
const PAUSE_MS = 10;

/** Runs in the page. */
const FRAMES_PER_SECOND = `async (px, ms) => {
  const list = document.querySelector('.list');
  const began = performance.now();
  let count = 0;
  for (; performance.now() - began < ms; count += 1) {
    list.scrollTop += px;
    await new Promise((resolve) => requestAnimationFrame(resolve));
  }
  return (count * 1_000) / (performance.now() - began);
}`;

const worker = defineAgent({
  type: 'worker',
  init: () => ({ n: 0 }),
  tasks: { add: { run: ({ state }) => (state.n += 1) } },
});

export async function benchPage(agents: number): Promise<void> {
  const pageFolder = await buildPage();
  const browser = await openBrowser();
  const working = new AbortController();
  try {
    await using system = await createAgentSystem();
    for (let n = 0; n < agents; n++) {
      await system.agents.start(await system.agents.register({ id: `agent-${n}`, module: worker }));
    }
    await using dashboard = await createDashboard(system, { pageFolder });
    const page = await browser.newPage();
    await page.setViewport({ width: 1_280, height: 800 });
    await page.goto(`${dashboard.url}#/agents`);
    await page.waitForFunction("document.querySelectorAll('.list .row').length > 20", { timeout: 60_000 });
    const work = (async () => {
      for (let n = 0; !working.signal.aborted; n += 1) {
        await system.agents.execute(`agent-${n % agents}`, { type: 'add' });
        if (n % TASKS_AT_ONCE === 0) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      }
    })();
    for (const step of [0, STEP_PX]) {
      const frames = (await page.evaluate(`(${FRAMES_PER_SECOND})(${step}, ${SECONDS * 1_000})`)) as number;
      console.log(`  ${(step === 0 ? 'at rest' : 'scrolled').padEnd(8)} ${frames.toFixed(1)} frames/s`);
    }
    working.abort();
    await work;
  } finally {
    working.abort();
    await browser.close();
    await rm(pageFolder, { recursive: true, force: true });
  }
}
