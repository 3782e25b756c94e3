import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { browserOfFile, inBrowser, openPage } from '../kit/browser.ts';

const FOLDER = new URL('../../visualizations/', import.meta.url);
const INTER = fileURLToPath(
  import.meta.resolve('@fontsource-variable/inter/files/inter-latin-wght-normal.woff2'),
);
const pictures = (await readdir(FOLDER)).filter((name) => name.endsWith('.svg'));
const inter = (await readFile(INTER)).toString('base64');
const browser = await browserOfFile();
const it = inBrowser(browser);

it.each(['DejaVu Sans', 'Inter'])(
  'in %s, no text of a picture runs out of the box that it stands in',
  async (font) => {
    const { page } = await openPage(browser, 'about:blank');
    const face = `@font-face { font-family: Inter; font-weight: 100 900; src: url(data:font/woff2;base64,${inter}) }`;
    for (const name of pictures) {
      const svg = await readFile(new URL(name, FOLDER), 'utf8');
      await page.setContent(
        `<style>${face}</style>${svg.replace(/font-family:[^}]*/, `font-family:'${font}'`)}`,
      );
      await page.evaluate(async () => {
        await document.fonts.load('12px Inter');
        await document.fonts.load('bold 12px Inter');
      });
      const found = await page.evaluate(() => {
        const over: string[] = [];
        let texts = 0;
        for (const text of document.querySelectorAll<SVGTextElement>(
          '.state text, .heading text, .edge-label text',
        )) {
          const group = text.closest<SVGGElement>('.state, .heading, .edge-label')!;
          const frame = group.matches('.heading')
            ? document.querySelector(`.frame[data-state="${group.dataset['state']}"]`)!
            : group;
          const box = frame.querySelector('rect')!.getBoundingClientRect();
          const { left, right } = text.getBoundingClientRect();
          texts += 1;
          if (left < box.left || right > box.right)
            over.push(`${text.textContent}: ${Math.round(right - box.right)}`);
        }
        return { over, texts };
      });
      expect({ name, over: found.over }).toEqual({ name, over: [] });
      expect(found.texts).toBeGreaterThan(5);
    }
  },
);
