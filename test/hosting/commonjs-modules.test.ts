/** Modules in CommonJS: as somebody writes them, and as a compiler writes what had `export default`. */
import { execFile } from 'node:child_process';
import { realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import type { Host } from '../../src/runtime/hosting/host.ts';
import { processHost } from '../../src/runtime/hosting/hosts/process.ts';
import { threadHost } from '../../src/runtime/hosting/hosts/thread.ts';
import { temporaryDirectory } from '../journal/stores/temporary-directory.ts';

const entry = (name: string): string =>
  JSON.stringify(fileURLToPath(new URL(`../../src/${name}.ts`, import.meta.url)));
const moduleOf = (code: string): URL => {
  const file = join(realpathSync(temporaryDirectory()), 'own.cjs');
  writeFileSync(file, `'use strict';\n${code}`);
  return pathToFileURL(file);
};
const COMPILED = `Object.defineProperty(exports, '__esModule', { value: true });`;
const AGENT = `require(${entry('agent')}).defineAgent({ type: 'old', init: () => 0, tasks: {} })`;

const hosts: Readonly<Record<string, () => Host>> = { thread: threadHost, process: processHost };
describe.for(Object.entries(hosts))('%s: an agent is', ([, create]) => {
  const host = create();
  afterAll(() => host.close());

  test.for([
    ['what is exported', `module.exports = ${AGENT};`],
    ['the default export that was compiled', `${COMPILED}\nexports.default = ${AGENT};`],
  ] as const)('%s', async ([, code]) => {
    expect(await host.describe(moduleOf(code), {})).toMatchObject({ type: 'old' });
  });

  test('not what merely has a default', async () => {
    const described = host.describe(moduleOf(`module.exports = { default: ${AGENT} };`), {});
    await expect(described).rejects.toThrow(/expected its default export to come from defineAgent, got \{/);
  });
});

/** In a Node of its own: the tests' runner looks into such modules by itself. */
async function inNode(code: string): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', code]);
  return stdout.trim();
}

test('in-process: an agent is the default export that was compiled', async () => {
  const module = moduleOf(`${COMPILED}\nexports.default = ${AGENT};`);
  const type = await inNode(`
    import { loadAgentModule } from ${entry('runtime/definition/load-agent-module')};
    console.log((await loadAgentModule(new URL('${module.href}'))).type);`);
  expect(type).toBe('old');
});

test('a fleet is the default export that was compiled', async () => {
  const fleet = `require(${entry('index')}).defineFleet({ name: 'old' })`;
  const file = JSON.stringify(fileURLToPath(moduleOf(`${COMPILED}\nexports.default = ${fleet};`)));
  const name = await inNode(`
    import { fleetFrom } from ${entry('cli/fleet-file')};
    console.log((await fleetFrom(${file})).name);`);
  expect(name).toBe('old');
});
