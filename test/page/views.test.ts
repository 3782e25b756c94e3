import { describe, expect } from 'vitest';
import { livelyFleet } from '../../examples/dashboard/fleet.ts';
import { browserOfFile, builtPage, inBrowser, openPage } from '../kit/browser.ts';
import { dashboard, running, system, worker } from '../kit/dashboard.ts';
import { onlyTimersBelow } from '../kit/short-timers.ts';

const browser = await browserOfFile();
const pageFolder = await builtPage();
const it = inBrowser(browser);

it('shows the fleet, and a crash within a second', async () => {
  // Neither the server nor the page waits for as long as that.
  onlyTimersBelow(1_000);
  const fleet = await system();
  await running(fleet, 'ada', 'bob', 'eve');
  const { url } = await dashboard(fleet, { pageFolder });
  const { page, problems } = await openPage(browser, 'about:blank');
  await page.evaluateOnNewDocument(() => {
    const { setTimeout: later, setInterval: again } = window;
    Object.assign(window, {
      setTimeout: (run: () => void, ms = 0) => later(run, ms < 1_000 ? ms : 2 ** 31 - 1),
      setInterval: (run: () => void, ms = 0) => again(run, ms < 1_000 ? ms : 2 ** 31 - 1),
    });
  });
  await page.goto(url);
  await page.waitForFunction(() => document.querySelector('.status-key')?.textContent?.includes('3 running'));
  await fleet.agents.kill('bob');
  await page.waitForFunction(() => document.querySelector('.status-key')?.textContent?.includes('1 crashed'));
  await page.waitForFunction(() => /bob\s*crashed/.test(document.querySelector('.marks')?.textContent ?? ''));
  expect(problems).toEqual([]);
});

it.each([1_280, 375])(
  'a long id leaves room for its end and for what happened, and is copied and read out whole, %i px wide',
  async (width) => {
    const fleet = await system();
    const ids = [1, 2].map(
      (n) => `support-of-the-second-line-for-refunds-and-chargebacks-in-europe-and-beyond-${n}`,
    );
    await running(fleet, ...ids);
    for (const id of ids) await fleet.agents.kill(id);
    const { url } = await dashboard(fleet, { pageFolder });
    const { page } = await openPage(browser, url);
    await page.setViewport({ width, height: 800 });
    await page.waitForFunction(() => document.querySelectorAll('.marks li').length >= 4);
    const lines = await page.$$eval('.marks li', (all) =>
      all.map((line) => {
        const { right } = line.getBoundingClientRect();
        const seen = [...line.querySelectorAll('.id > .nowrap, b')].map(
          (part) => part.getBoundingClientRect().right <= right,
        );
        getSelection()!.selectAllChildren(line.querySelector('.id')!);
        return { copied: String(getSelection()), seen };
      }),
    );
    for (const { copied, seen } of lines) {
      expect(ids).toContain(copied);
      expect(await page.$(`aria/${copied}[role="link"]`)).not.toBeNull();
      expect(seen).toEqual([true, true]);
    }
  },
);

it('one that comes late sees all that is and was', async () => {
  const fleet = await system();
  await running(fleet, 'ada');
  await fleet.agents.register({ id: 'bob', module: worker, restart: { delayMs: 60_000 } });
  await fleet.agents.start('bob');
  for (let n = 0; n < 5; n++) await fleet.agents.execute('ada', { type: 'add' });
  await fleet.agents.execute('ada', { type: 'fail' }).catch(() => {});
  await fleet.agents.kill('bob');
  const { url } = await dashboard(fleet, { pageFolder });
  const { page } = await openPage(browser, url);
  await page.waitForFunction(() =>
    /bob\s*crashed\s*killed/.test(document.querySelector('.marks')?.textContent ?? ''),
  );
  await page.click('a[href="#/agents"]');
  await page.waitForFunction(() => document.querySelectorAll('.list .row').length === 2);
  const [bob, ada] = await page.$$eval('.list .row', (rows) => rows.map((row) => row.textContent ?? ''));
  expect(bob).toMatch(/crashed.*bob.*back (in|at).*killed/);
  expect(ada).toMatch(/running.*ada.*fail: Error: no luck/);
  await page.click('.list .row[data-id="ada"] a');
  await page.waitForFunction(() => document.querySelector('h1')?.textContent === 'ada');
  await page.waitForSelector('.chart-frame .lit[data-state="alive.serving.running"]');
  await page.waitForFunction(() => document.querySelector('.step')?.textContent?.includes('of 9'));
});

describe('an agent', () => {
  it('is shown in the state it is in, and moves when the agent does', async () => {
    const fleet = await system();
    await running(fleet, 'ada');
    const { url } = await dashboard(fleet, { pageFolder });
    const { page, problems } = await openPage(browser, `${url}#/agents/ada`);
    const lit = (state: string) => page.waitForSelector(`.chart-frame .lit[data-state="${state}"]`);
    await lit('alive.serving.running');
    await fleet.agents.kill('ada');
    await lit('crashed');
    expect(await page.$$eval('.edge.run', (edges) => edges.length)).toBeGreaterThan(0);
    await fleet.agents.start('ada');
    await lit('alive.serving.running');
    await page.evaluate(() =>
      [...document.querySelectorAll('.segments button')]
        .at(-1)
        ?.dispatchEvent(new MouseEvent('click', { bubbles: true })),
    );
    await lit('alive.serving.running.coordinated.idle');
    await fleet.agents.stop('ada');
    await lit('stopped');
    expect(problems).toEqual([]);
  });

  it('can be gone back through, step by step: what is shown is what events.replay says', async () => {
    const fleet = await system();
    await running(fleet, 'ada');
    for (let n = 0; n < 3; n++) await fleet.agents.execute('ada', { type: 'add' });
    await fleet.agents.execute('ada', { type: 'fail' }).catch(() => {});
    await fleet.agents.kill('ada');
    await fleet.agents.start('ada');
    await fleet.agents.execute('ada', { type: 'add' });
    await fleet.agents.stop('ada');
    const { url } = await dashboard(fleet, { pageFolder });
    const { page } = await openPage(browser, `${url}#/agents/ada`);
    const steps = await fleet.events.replay('ada');
    await page.waitForFunction(
      (count) => document.querySelector('.step')?.textContent?.includes(`of ${count}`),
      {},
      steps.length,
    );
    const shown: unknown[] = [];
    for (let place = 0; place < steps.length; place++) {
      await page.$eval(
        '.scrubber input',
        (input, to) => {
          input.value = String(to);
          input.dispatchEvent(new Event('input', { bubbles: true }));
        },
        place,
      );
      await page.waitForFunction(
        (sequence) => document.querySelector('.scrubber')?.getAttribute('data-sequence') === String(sequence),
        {},
        steps[place]!.sequence,
      );
      shown.push(
        await page.$eval('.step', (list) => {
          const texts = [...list.querySelectorAll('dd')].map((dd) => dd.textContent ?? '');
          const [, type, , status, incarnation, restarts, tasks = ''] = texts;
          const [done, failed] = [...tasks.matchAll(/\d+/g)].map(Number);
          return { type, status, incarnation: Number(incarnation), restarts: Number(restarts), done, failed };
        }),
      );
    }
    expect(shown).toEqual(
      steps.map(({ type, status, incarnation, restarts, tasks }) => ({
        type,
        status,
        incarnation,
        restarts,
        done: tasks.done,
        failed: tasks.failed + tasks.timedOut + tasks.abandoned,
      })),
    );
    await page.waitForSelector('.chart-frame .lit[data-state="stopped"]');
  });

  it('that is not there, and one that was forgotten, are told apart', async () => {
    const fleet = await system();
    await running(fleet, 'ada');
    await fleet.agents.stop('ada');
    await fleet.agents.forget('ada');
    const { url } = await dashboard(fleet, { pageFolder });
    const { page } = await openPage(browser, `${url}#/agents/nobody`);
    await page.waitForFunction(() => document.body.textContent?.includes('There is no such agent'));
    await page.goto(`${url}#/agents/ada`);
    await page.waitForFunction(() => document.body.textContent?.includes('This agent was forgotten'));
    await page.waitForSelector('.lives-bar .life.ended-stopped');
  });
});

it('coordination shows variables, who leads, and a round with its votes', async () => {
  const fleet = await system();
  await using _ = await livelyFleet(fleet, { size: 1, paceMs: 10_000 });
  const { url } = await dashboard(fleet, { pageFolder });
  const { page, problems } = await openPage(browser, `${url}#/coordination`);
  await page.waitForFunction(() => document.querySelector('.table')?.textContent?.includes('temperature'));
  await page.waitForFunction(() => /planner-\d/.test(document.body.textContent ?? ''));
  await fleet.variables.set('temperature', 0.11, { by: 'ada', why: 'a test' });
  await page.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>('.link')]
      .find(({ textContent }) => textContent === 'temperature')
      ?.click(),
  );
  await page.waitForFunction(() =>
    /0\.11.*ada: a test/s.test(document.querySelector('.variable')?.textContent ?? ''),
  );
  await fleet.consensus.propose({ variable: 'temperature', value: 0.12, by: 'ada', deadlineMs: 2_000 });
  await page.waitForFunction(() =>
    /temperature → 0\.12by ada/.test(document.querySelector('.round')?.textContent ?? ''),
  );
  fleet.coordination.suspend();
  await page.waitForFunction(() => document.body.textContent?.includes('Agents are in fallback mode'));
  expect(problems).toEqual([]);
});

it('pools show their size, and why it changed', async () => {
  const fleet = await system();
  await fleet.pools.create({ name: 'crew', spec: { module: worker }, min: 1, max: 5 });
  const { url } = await dashboard(fleet, { pageFolder });
  const { page, problems } = await openPage(browser, `${url}#/pools`);
  await page.waitForFunction(() =>
    /crew.*1 of 1 wanted/s.test(document.querySelector('.pool')?.textContent ?? ''),
  );
  await fleet.pools.ensureSize('crew', 4);
  await page.waitForFunction(() => /4 of 4 wanted/.test(document.querySelector('.pool')?.textContent ?? ''));
  await page.waitForFunction(() => /1 → 4/.test(document.querySelector('.pool .history')?.textContent ?? ''));
  expect(problems).toEqual([]);
});

it('the timeline draws a restart storm where it was', async () => {
  const fleet = await system();
  const ids = Array.from({ length: 40 }, (_, n) => `a${n}`);
  await running(fleet, ...ids);
  await Promise.all(ids.map((id) => fleet.agents.kill(id)));
  const { url } = await dashboard(fleet, { pageFolder });
  const { page, problems } = await openPage(browser, `${url}#/timeline`);
  await page.waitForFunction(() =>
    /40 agents, 40 crashes/.test(document.querySelector('header')?.textContent ?? ''),
  );
  // As tall as the highest bar there is, and red.
  await page.waitForFunction(() => {
    const canvas = document.querySelector('canvas')!;
    const { data } = canvas.getContext('2d')!.getImageData(0, 30, canvas.width, 60);
    let reds = 0;
    for (let place = 0; place < data.length; place += 4) {
      if (data[place + 3]! > 200 && data[place]! > 150 && data[place + 1]! < 90) reds += 1;
    }
    return reds > 50;
  });
  expect(problems).toEqual([]);
});

it('says that the server is gone, and finds it again', async () => {
  const fleet = await system();
  await running(fleet, 'ada');
  const token = 'the-token-of-both-of-them';
  const first = await dashboard(fleet, { pageFolder, token });
  const { page } = await openPage(browser, first.url);
  await page.waitForSelector('.tile');
  await first.close();
  await page.waitForFunction(() =>
    document.querySelector('.banner')?.textContent?.includes('cannot be reached'),
  );
  await running(fleet, 'bob');
  await dashboard(fleet, { pageFolder, token, port: Number(new URL(first.url).port) });
  await page.waitForFunction(() => document.querySelector('.banner') === null);
  await page.waitForFunction(() => document.querySelector('.status-key')?.textContent?.includes('2 running'));
});

it('an empty fleet says what would be there', async () => {
  const { url } = await dashboard(await system(), { pageFolder });
  const { page, problems } = await openPage(browser, url);
  for (const [hash, words] of [
    ['#/', 'No agents yet'],
    ['#/agents', 'No agents yet'],
    ['#/work', 'No work yet'],
    ['#/work', 'Nothing is scheduled'],
    ['#/questions', 'Nothing waits for your answer'],
    ['#/limits', 'No budgets'],
    ['#/timeline', 'Nothing has lived yet'],
    ['#/coordination', 'No variables'],
    ['#/pools', 'No pools'],
  ] as const) {
    await page.evaluate((to) => (location.hash = to), hash);
    await page.waitForFunction((said) => document.body.textContent?.includes(said), {}, words);
  }
  expect(problems).toEqual([]);
});
