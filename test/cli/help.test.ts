import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { programOf } from '../../src/cli/program.ts';
import { CLI, cleanEnv, mabeam, mabeamHere } from '../kit/command-line.ts';

/** What a command says, and how it ends, with its output going to `stdout`. */
async function printingTo(stdout: number | 'pipe', args: readonly string[]) {
  const child = spawn(process.execPath, [CLI, ...args], {
    env: cleanEnv({}),
    stdio: ['ignore', stdout, 'pipe'],
  });
  child.stdout?.destroy();
  let stderr = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const [exitCode] = (await once(child, 'close')) as [number | null];
  return { exitCode, stderr };
}

const commands = programOf('0.0.0', async () => undefined).commands;

describe('help', () => {
  it('is what it says when nothing is asked, on stdout', async () => {
    const { exitCode, stdout, stderr } = await mabeam([]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    for (const command of commands) expect(stdout).toContain(`  ${command.name()} `);
    expect(stdout).toContain('Exit codes: 0');
  });

  it('of a command teaches by examples', async () => {
    const { exitCode, stdout } = await mabeam(['help', 'agents']);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('$ mabeam agents --status crashed');
  });

  it('knows its version', async () => {
    const { version } = JSON.parse(
      await readFile(new URL('../../package.json', import.meta.url), 'utf8'),
    ) as { readonly version: string };
    expect(await mabeam(['--version'])).toEqual({ exitCode: 0, stdout: `${version}\n`, stderr: '' });
  });
});

describe('what was not asked for rightly', () => {
  it.each([
    [['nonsense'], "unknown command 'nonsense'"],
    [['agetns'], 'Did you mean agents?'],
    [['agents', '--colour'], "unknown option '--colour'"],
    [['agents', '--limit', 'many'], 'Expected a whole number'],
    [['agents', '--sort', 'beauty'], 'Allowed choices are id'],
    [['agent'], "missing required argument 'id'"],
    [['stop', 'ada', '--timeout', 'soon'], 'Expected a time'],
    [['agents'], 'Give --url'],
    [['agents', '--url', 'somewhere'], '--url: expected an address'],
    [['agents', '--url', 'http://127.0.0.1:1/'], 'MABEAM_TOKEN'],
    [['agents', '--url', 'http://127.0.0.1:1/?token=x', '--store', 'f'], 'not both'],
    [['agents', '--store', '/no/such/file'], 'there is no file at /no/such/file'],
    [['events', '--store', '/no/such/file', '--follow'], 'nothing happens in a store'],
    [['plan'], 'which store?'],
    [['plan', '/no/such/fleet.ts'], 'there is no file at /no/such/fleet.ts'],
    [['charts', 'nonsense'], 'there are: agent, '],
    [['charts', '--svg', '--mermaid'], 'not both'],
    [['charts', '--svg'], 'which one?'],
  ])('%j ends with 2 and says why on stderr', async (args, why) => {
    const { exitCode, stdout, stderr } = await mabeamHere(args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toContain(why);
    expect(stderr).not.toMatch(/^ +at /m);
  });
});

it('a program that does not answer ends with 1, and shows no secret', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  const { exitCode, stdout, stderr } = await mabeam(['agents'], {
    env: { MABEAM_URL: `http://127.0.0.1:${port}/?token=a-secret-of-mine` },
  });
  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
  expect(stderr).toContain(`mabeam: nothing answers at http://127.0.0.1:${port}: ECONNREFUSED\n`);
  expect(stderr).not.toContain('a-secret-of-mine');
});

describe('output that cannot be written', () => {
  it.skipIf(!existsSync('/dev/full'))('is said on stderr, with 1', async () => {
    await using full = await open('/dev/full', 'w');
    const refused = { exitCode: 1, stderr: 'mabeam: what is printed cannot be written (ENOSPC)\n' };
    expect(await printingTo(full.fd, ['charts', 'agent', '--svg'])).toEqual(refused);
    expect(await printingTo(full.fd, ['--help'])).toEqual(refused);
  });

  it('because its reader has left ends a command quietly', async () => {
    expect(await printingTo('pipe', ['charts', 'agent', '--svg'])).toEqual({ exitCode: 0, stderr: '' });
  });
});
