/** What somebody reads whose Node is too old. The version is a preload's word: no other Node is needed to test it. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const WORDS = 'mabeam needs Node 22.18 or later, and is made for Node 24; this is Node';

/** Runs it as if this Node were of another version. */
function asNode(version: string, args: readonly string[]) {
  const preload = `data:text/javascript,Object.defineProperty(process.versions,'node',{value:'${version}'})`;
  return spawnSync(process.execPath, ['--import', preload, ...args], { cwd: ROOT, encoding: 'utf8' });
}
const importing = (entry = 'index') => [
  '--input-type=module',
  '--eval',
  `await import('./src/${entry}.ts'); console.log('loaded')`,
];

function refused(version: string, entry?: string): void {
  const { status, stderr, stdout } = asNode(version, importing(entry));
  expect(stderr).toContain(`Error: ${WORDS} ${version} (${process.execPath})`);
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
}

describe('a Node that is too old', () => {
  it.each(['18.20.8', '20.20.2', '22.17.1'])('%s is refused when the package is imported', (version) =>
    refused(version),
  );
  it.each(['testing/index', 'restate', 'sqlite', 'dashboard'])('is refused by %s, imported alone', (entry) =>
    refused('20.20.2', entry),
  );
  it('is refused by the command', () => {
    const { status, stderr, stdout } = asNode('20.20.2', ['bin/mabeam.js', '--help']);
    expect({ status, stderr, stdout }).toEqual({
      status: 1,
      stderr: `${WORDS} 20.20.2 (${process.execPath}).\n`,
      stdout: '',
    });
  });
});

it.each(['22.18.0', '23.0.0', '24.0.0', '30.1.0'])('Node %s is let through', (version) => {
  expect(asNode(version, importing())).toMatchObject({ status: 0, stdout: 'loaded\n' });
});
