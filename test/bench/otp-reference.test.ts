import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { openOtpReference } from '../../bench/otp-reference.ts';

let folder: string;
let reference: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mabeam-test-'));
  reference = join(folder, 'reference');
  mkdirSync(reference);
  onTestFinished(() => {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true, force: true });
  });
});

function write(script: string): void {
  writeFileSync(join(reference, 'bench.sh'), script);
}

/** A folder of commands that do nothing: what a machine with Elixir has. */
function commands(...names: string[]): string {
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  for (const name of names) {
    writeFileSync(join(bin, name), '#!/bin/sh\n');
    chmodSync(join(bin, name), 0o755);
  }
  return bin;
}

const says = `echo "{\\"bench\\":\\"$1\\",\\"n\\":$2,\\"ops_per_s\\":1,\\"flags\\":\\"$ERL_FLAGS_EXTRA\\",\\"rounds\\":\\"$ROUNDS\\"}"`;

test('without a folder it says how to give one', () => {
  expect(() => openOtpReference(undefined)).toThrow('--reference DIR');
});

test('a folder without bench.sh is named', () => {
  expect(() => openOtpReference(reference)).toThrow(`there is no bench.sh in ${reference}`);
});

test('a command that is missing is named', () => {
  write(says);
  vi.stubEnv('PATH', commands('erl', 'elixir'));
  expect(() => openOtpReference(reference)).toThrow('no elixirc on the PATH');
});

test('it runs in a copy, on one scheduler, with the rounds that are asked for; the copy does not stay', async () => {
  write(`touch "$(dirname "$0")/built"\n${says}`);
  vi.stubEnv('PATH', `${commands('erl', 'elixir', 'elixirc')}:${process.env['PATH']}`);
  vi.stubEnv('TMPDIR', folder);
  {
    using otp = openOtpReference(reference);
    expect(await otp.run('storm', 1_000, 3)).toEqual([
      {
        bench: 'storm',
        n: 1_000,
        ops_per_s: 1,
        flags: expect.stringContaining('+S 1:1') as string,
        rounds: '3',
      },
    ]);
  }
  expect(readdirSync(folder).toSorted()).toEqual(['bin', 'reference']);
  expect(readdirSync(reference)).toEqual(['bench.sh']);
});

test('a reference that prints nothing is an error that names the bench', async () => {
  write('echo nothing');
  vi.stubEnv('PATH', `${commands('erl', 'elixir', 'elixirc')}:${process.env['PATH']}`);
  using otp = openOtpReference(reference);
  await expect(otp.run('read', 10)).rejects.toThrow('bench.sh read 10 printed no measurement');
});
