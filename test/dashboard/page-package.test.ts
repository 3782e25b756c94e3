/** Laws of where the dashboard finds its page. */
import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { pagePackage } from '../../src/dashboard/page-package.ts';
import { temporaryDirectory } from '../journal/stores/temporary-directory.ts';

/** A bundle in `out/app` of a project, which has a package.json of its own. */
function bundled(): { readonly project: string; readonly from: string } {
  const project = realpathSync(temporaryDirectory());
  writeFileSync(join(project, 'package.json'), '{"name":"shop","version":"7.0.0"}');
  return { project, from: pathToFileURL(join(project, 'out', 'app', 'main.js')).href };
}

it('it is that of the package', () => {
  const { folder, version } = pagePackage();
  expect(folder).toBe(fileURLToPath(new URL('../../dist/dashboard/page/', import.meta.url)));
  expect(version).toMatch(/^\d+\.\d+\.\d+/);
});

it('for code in a bundle it is that of the installed package', () => {
  const { project, from } = bundled();
  const own = join(project, 'node_modules', 'mabeam');
  mkdirSync(own, { recursive: true });
  writeFileSync(join(own, 'package.json'), '{"name":"mabeam","version":"1.2.3"}');
  expect(pagePackage(undefined, from)).toEqual({
    folder: join(own, 'dist', 'dashboard', 'page/'),
    version: '1.2.3',
  });
});

it('without either, the error says what to leave out of the bundle', () => {
  const { from } = bundled();
  expect(() => pagePackage(undefined, from)).toThrow(/leave mabeam\/dashboard external, and install mabeam/);
});

it('a folder that is given is taken, with a package and without one', () => {
  const { from } = bundled();
  expect(pagePackage('/srv/page', from)).toEqual({ folder: '/srv/page', version: 'unknown' });
  expect(pagePackage('/srv/page')).toEqual({ folder: '/srv/page', version: pagePackage().version });
});
