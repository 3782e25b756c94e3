/** The files of the built page: found by their addresses alone, and none but those. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { PageFiles } from '../../src/dashboard/page-files.ts';

function built(files: Readonly<Record<string, string>>): PageFiles {
  const folder = mkdtempSync(join(tmpdir(), 'page-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'assets'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return new PageFiles(folder);
}

it('each is there with its type; what is in assets never changes', () => {
  const page = built({ 'index.html': '<p>', 'assets/a.js': 'a', 'assets/b.css': 'b', 'c.svg': '<svg/>' });
  expect(page.index()).toEqual({
    type: 'text/html; charset=utf-8',
    body: Buffer.from('<p>'),
    isImmutable: false,
  });
  expect(['/assets/a.js', '/assets/b.css', '/c.svg'].map((address) => page.get(address))).toEqual([
    { type: 'text/javascript; charset=utf-8', body: Buffer.from('a'), isImmutable: true },
    { type: 'text/css; charset=utf-8', body: Buffer.from('b'), isImmutable: true },
    { type: 'image/svg+xml', body: Buffer.from('<svg/>'), isImmutable: false },
  ]);
});

it('no other address leads to a file: not the index by its name, nor a kind that is not served, nor a way out', () => {
  const page = built({ 'index.html': '<p>', 'a.map': 'm', 'b.js': 'b' });
  const addresses = ['/index.html', '/a.map', 'b.js', '/assets/../b.js', '/../b.js', '/', '/assets'];
  expect(addresses.map((address) => page.get(address))).toEqual(addresses.map(() => undefined));
});

it('without a build there is a page that says so', () => {
  for (const page of [new PageFiles(join(tmpdir(), 'there-is-no-page')), built({})]) {
    expect(page.index()).toMatchObject({ type: 'text/plain; charset=utf-8', isImmutable: false });
    expect(String(page.index().body)).toContain('has not been built: npm run build');
    expect(page.get('/assets/a.js')).toBeUndefined();
  }
});
