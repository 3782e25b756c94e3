import type { Page } from 'puppeteer-core';
import { describe, expect, test } from 'vitest';
import { answerOf, formOf } from '../../page/model/answer-form.ts';
import { browserOfFile, builtPage, inBrowser, openPage } from '../kit/browser.ts';
import { CONTROL, dashboard, system } from '../kit/dashboard.ts';
import { workingFleet } from '../kit/working-fleet.ts';
import { eventually } from '../kit/eventually.ts';

const browser = await browserOfFile();
const pageFolder = await builtPage();
const it = inBrowser(browser);

async function opened(hash: string) {
  const fleet = await system();
  const work = await workingFleet(fleet);
  const { url } = await dashboard(fleet, { pageFolder, control: true, controlToken: CONTROL });
  const { page } = await openPage(browser, `${url}${hash}`);
  const unlock = async () => {
    await page.evaluate((secret) => sessionStorage.setItem('mabeam.control', secret), CONTROL);
    await page.reload();
  };
  return { fleet, work, page, unlock };
}

function press(page: Page, words: string): Promise<void> {
  return page.evaluate((wanted) => {
    const buttons = [...document.querySelectorAll<HTMLButtonElement>('button:not(:disabled)')];
    const found = buttons.findLast(({ textContent }) => textContent === wanted);
    if (found === undefined) throw new Error(`no button ${wanted}`);
    found.click();
  }, words);
}

const says = (page: Page, pattern: string) =>
  page.waitForFunction((wanted) => new RegExp(wanted).test(document.body.innerText), {}, pattern);

it('work: what failed for good, hangs and waits, and why; forgotten from there', async () => {
  const { fleet, work, page, unlock } = await opened('#/work');
  await page.waitForSelector('.task-group');
  const titles = await page.$$eval('.task-group h3', (heads) => heads.map(({ textContent }) => textContent));
  expect(titles.slice(0, 6)).toEqual([
    'Failed for good 1',
    'Hang 1',
    'Wait for a person 1',
    'Wait for a limit 1',
    'Run 1',
    'Wait 1',
  ]);
  expect(await page.$eval('.nav li:nth-child(3) .count', ({ textContent }) => textContent)).toBe('2');
  await page.click('.tasks summary');
  await says(page, 'the handle broke');
  // What folds within a task is a line of text, and no row of the list.
  await says(page, 'Stack');
  expect(await page.$eval('.note summary', (stack) => stack.clientHeight)).toBeLessThan(30);
  expect(await page.$('.task-detail .buttons')).toBeNull();
  await unlock();
  await page.waitForSelector('.tasks summary');
  await page.click('.tasks summary');
  await page.waitForSelector('.task-detail .buttons');
  await press(page, 'Forget');
  await page.waitForSelector('dialog[open]');
  await press(page, 'Forget');
  await says(page, 'forget break: done');
  await eventually(
    () => fleet.tasks.list().some(({ id }) => id === work.failed),
    (isListed) => !isListed,
  );
});

it('an agent whose task waits for a person says so, and leads to the question', async () => {
  const { page } = await opened('#/agents/clerk');
  await says(page, 'a task waits for a person');
  await page.click('a.badge');
  await says(page, 'Send the invoice\\?');
});

it('questions: what an answer has to be is asked for, and only such an answer is sent', async () => {
  const { fleet, work, page, unlock } = await opened('#/questions');
  await says(page, 'Send the invoice\\?[^]*clerk asks in send[^]*left[^]*amount: 120');
  expect(await page.$('.answer')).toBeNull();
  await unlock();
  await page.waitForSelector('.answer');
  await press(page, 'Answer');
  await says(page, 'expected an answer');
  const [verdict, copies] = await page.$$('.answer-field .field');
  await verdict!.select('1');
  await copies!.click({ count: 3 });
  await copies!.type('12');
  await press(page, 'Answer');
  await says(page, 'expected 9 at the most');
  await copies!.click({ count: 3 });
  await copies!.type('2');
  await press(page, 'Answer');
  await says(page, 'Nothing waits for your answer');
  expect(await fleet.tasks.result(work.asking)).toEqual({ verdict: 'no', copies: 2 });
});

it('limits: what is spent, who waits until when; refilled and lifted from there', async () => {
  const { fleet, page, unlock } = await opened('#/limits');
  await says(page, 'provider[^]*back in[^]*out of tokens for this minute[^]*waiting');
  await says(page, 'today[^]*low, 90 %[^]*900 of 1,000 tokens');
  await unlock();
  await page.waitForSelector('.limit-list .button');
  await press(page, 'Refill');
  await page.waitForSelector('dialog[open]');
  await press(page, 'Refill');
  await says(page, 'ample, 0 %');
  await press(page, 'Go on now');
  await page.waitForSelector('dialog[open]');
  await press(page, 'Go on');
  await says(page, 'lift provider: done');
  expect(fleet.budgets.get('today').spent.tokens ?? 0).toBe(0);
});

it('an agent has its tasks beside it, and whom it has spawned', async () => {
  const { page } = await opened('#/agents/spender');
  await says(page, 'has spawned\\s*sprout');
  await page.click('#tab-tasks');
  await page.waitForFunction(() => document.querySelectorAll('.tasks li').length === 2);
  await page.evaluate(() => (location.hash = '#/agents/sprout'));
  await page.waitForFunction(() => document.querySelector('h1')?.textContent === 'sprout');
  await page.click('#tab-record');
  await says(page, 'spawned by\\s*spender');
});

function read(schema: object | undefined, filled: Parameters<typeof answerOf>[1]) {
  return answerOf(formOf(schema as never), filled);
}

describe('a form', () => {
  test.each([
    ['a choice', { enum: ['a', 'b'] }, { '': '1' }, 'b'],
    ['a choice by parts', { anyOf: [{ const: 1 }, { const: null }] }, { '': '1' }, null],
    ['yes or no', { type: 'boolean' }, { '': false }, false],
    ['a number', { type: 'number', minimum: 0 }, { '': '0.5' }, 0.5],
    ['a text', { type: 'string', minLength: 2 }, { '': 'ab' }, 'ab'],
    ['several', { type: 'array', items: { enum: ['x', 'y', 'z'] } }, { '': [0, 2] }, ['x', 'z']],
    ['what no field is for', { type: 'array' }, { '': '[1]' }, [1]],
    ['nobody knows what', undefined, { '': 'a text' }, 'a text'],
    ['a reference', { $ref: '#/$defs/a', $defs: { a: { type: 'integer' } } }, { '': '3' }, 3],
    [
      'an object, with what may be left out',
      { type: 'object', properties: { a: { type: 'string' }, b: { type: 'integer' } }, required: ['a'] },
      { a: 'x', b: '' },
      { a: 'x' },
    ],
  ])('for %s gives that', (_, schema, filled, answer) => {
    expect(read(schema, filled as never)).toEqual({ answer });
  });

  test.each([
    [{ enum: ['a'] }, undefined],
    [{ type: 'integer' }, '1.5'],
    [{ type: 'number', maximum: 3 }, '4'],
    [{ type: 'number' }, 'four'],
    [{ type: 'string', minLength: 1 }, ''],
    [{ type: 'string', maxLength: 2 }, 'abc'],
    [{ type: 'array' }, '[1'],
  ])('%j does not take %j', (schema, filled) => {
    expect(read(schema, { '': filled })).toEqual({ problems: { '': expect.any(String) } });
  });
});
