import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { ownFile, ownFolder } from '../../src/runtime/hosting/hosts/own-file.ts';
import { temporaryDirectory } from '../journal/stores/temporary-directory.ts';

const url = (path: string) => pathToFileURL(path).href;

describe('a file of our own is found', () => {
  test('beside who asks, with the same extension', () => {
    const folder = temporaryDirectory();
    const file = join(folder, 'process-entry.mjs');
    writeFileSync(file, '');
    expect(ownFile('process-entry', url(join(folder, 'bundle.mjs')), undefined).href).toBe(url(file));
  });
  test('beside the main file, where who asks was elsewhere when it was bundled', () => {
    const folder = temporaryDirectory();
    const file = join(folder, 'thread-entry.js');
    writeFileSync(file, '');
    const from = url('/build/node_modules/mabeam/dist/child.js');
    expect(ownFile('thread-entry', from, join(folder, 'main.js')).href).toBe(url(file));
  });
  test('in the package that is installed', () => {
    const folder = temporaryDirectory();
    const own = join(folder, 'node_modules/mabeam');
    mkdirSync(join(folder, 'out'));
    mkdirSync(own, { recursive: true });
    writeFileSync(join(own, 'package.json'), '{"exports":{"./orphan-watch":"./watch.js"}}');
    writeFileSync(join(own, 'watch.js'), '');
    const found = ownFile('orphan-watch', url(join(folder, 'out/bundle.js')), undefined);
    expect(found.pathname.endsWith('/node_modules/mabeam/watch.js')).toBe(true);
  });
  test('or it is told that it is nowhere, and what to do', () => {
    const folder = temporaryDirectory();
    expect(() => ownFile('process-entry', url(join(folder, 'bundle.js')), join(folder, 'main.js'))).toThrow(
      `mabeam's own file process-entry is not in ${folder}: a bundler has left it out; give it mabeam/process-entry as a further entry of that name, or leave mabeam external`,
    );
  });
});

test('a sandbox may read all code in place, and of a bundle its folder alone', () => {
  expect(
    ownFolder(new URL('file:///app/node_modules/mabeam/dist/runtime/hosting/hosts/process-entry.js')),
  ).toBe('/app/node_modules/mabeam/dist');
  expect(ownFolder(new URL('file:///app/out/process-entry.js'))).toBe('/app/out');
});
