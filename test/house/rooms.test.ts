/** The order of rooms: each imports from itself and from those above it, and the library from nothing else of ours. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const SRC = fileURLToPath(new URL('../../src/', import.meta.url));
const ROOMS = [
  'machines',
  'runtime/values',
  'runtime/time',
  'runtime/engine',
  'runtime/definition',
  'runtime/hosting',
  'runtime/journal',
  'runtime/observability',
  'runtime/limits',
  'runtime/agent',
  'runtime/fleet',
  'runtime/coordination',
  'runtime/pools',
  'runtime/system',
  'runtime/system.ts',
];
/** What a file may import of this project, by a path that begins with `.`. */
const IMPORT = /(?:from|import\(|import) *'(\.[^']+)'/g;

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => path.split(sep).join('/'));

const placeOf = (path: string): number =>
  ROOMS.findIndex((room) => path === room || path.startsWith(`${room}/`));

it('every file of the runtime and of the charts is in a room', () => {
  const homeless = files.filter((path) => /^(machines|runtime)\//.test(path) && placeOf(path) === -1);
  expect(homeless).toEqual([]);
});

it('a room imports only from itself and from the rooms above it', () => {
  const wrong: string[] = [];
  let imports = 0;
  for (const path of files) {
    const place = placeOf(path);
    if (place === -1) continue;
    for (const [, imported = ''] of readFileSync(join(SRC, path), 'utf8').matchAll(IMPORT)) {
      imports += 1;
      const target = relative(SRC, resolve(SRC, dirname(path), imported))
        .split(sep)
        .join('/');
      const from = placeOf(target);
      if (from === -1 || from > place) wrong.push(`${path} imports ${target}`);
    }
  }
  expect(imports).toBeGreaterThan(100);
  expect(wrong).toEqual([]);
});

it('the dashboard builds on the public API, and nothing of the library builds on it but the command line', () => {
  const allowed = /^(index\.ts|machines\/(index|statuses)\.ts|dashboard\/|runtime\/values\/)/;
  const wrong: string[] = [];
  for (const path of files) {
    for (const [, imported = ''] of readFileSync(join(SRC, path), 'utf8').matchAll(IMPORT)) {
      const target = relative(SRC, resolve(SRC, dirname(path), imported))
        .split(sep)
        .join('/');
      const isOurs = path.startsWith('dashboard/');
      if (isOurs && !allowed.test(target)) wrong.push(`${path} imports ${target}`);
      if (!isOurs && target.startsWith('dashboard/') && !/^(dashboard\.ts|cli\/)/.test(path))
        wrong.push(`${path} imports ${target}`);
    }
  }
  expect(wrong).toEqual([]);
});

it('nothing outside its folder knows the Restate SDK, nor that folder but its own entry', () => {
  const wrong: string[] = [];
  let imports = 0;
  for (const path of files) {
    const isOurs = path.startsWith('restate/');
    const text = readFileSync(join(SRC, path), 'utf8');
    const knowsSdk = /from '@restatedev\//.test(text);
    if (knowsSdk) imports += 1;
    if (knowsSdk && !isOurs) wrong.push(`${path} imports the SDK`);
    if (isOurs || path === 'restate.ts') continue;
    for (const [, imported = ''] of text.matchAll(IMPORT)) {
      if (/(^|\/)restate(\/|\.ts)/.test(imported)) wrong.push(`${path} imports ${imported}`);
    }
  }
  expect(imports).toBeGreaterThan(3);
  expect(wrong).toEqual([]);
});
