import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const MODELS = fileURLToPath(new URL('../models/', import.meta.url));

it('every independent model has a page that lists each of its files, and no other', () => {
  const models = readdirSync(MODELS);
  expect(models.length).toBeGreaterThan(10);
  for (const model of models) {
    const page = readFileSync(join(MODELS, model, 'README.md'), 'utf8');
    const listed = [...page.matchAll(/^\| [^|]+ \| ([^|]+\.ts) \|/gm)].map(([, file]) => file);
    const there = readdirSync(join(MODELS, model)).filter((file) => file.endsWith('.ts'));
    expect({ model, files: new Set(listed) }).toEqual({ model, files: new Set(there) });
  }
});
