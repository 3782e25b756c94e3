/**
 * The same work on Erlang/OTP: a folder with a `bench.sh` that prints one measurement a line, as bench/fleets.ts does.
 *
 * It is no part of this repository. It is copied to a temporary folder and built there; OTP gets one scheduler, for
 * that is at its best on this work, and agents in one program have one thread, too.
 */
import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { measurementsIn } from './fleets.ts';
import type { Measurement } from './measurement.ts';

const run = promisify(execFile);

/** The reference is not there, or cannot run. */
export class NoReference extends Error {}

export interface OtpReference extends Disposable {
  run(name: string, size: number, rounds?: number): Promise<Measurement[]>;
}

/** @throws NoReference naming what is missing */
export function openOtpReference(folder: string | undefined): OtpReference {
  if (!folder) {
    throw new NoReference(
      'which OTP reference? Give the folder of its bench.sh: --reference DIR, or OTP_REFERENCE',
    );
  }
  const from = resolve(folder);
  if (!existsSync(join(from, 'bench.sh')))
    throw new NoReference(`no OTP reference: there is no bench.sh in ${from}`);
  for (const command of ['erl', 'elixir', 'elixirc']) {
    if (!isOnPath(command)) {
      throw new NoReference(
        `no ${command} on the PATH: the OTP reference needs Elixir (apt-get install elixir)`,
      );
    }
  }
  const copy = mkdtempSync(join(tmpdir(), 'mabeam-otp-'));
  cpSync(from, copy, { recursive: true });
  return {
    async run(name, size, rounds) {
      const env = {
        ...process.env,
        ERL_FLAGS_EXTRA: `+S 1:1 ${process.env['ERL_FLAGS_EXTRA'] ?? ''}`,
        ...(rounds === undefined ? {} : { ROUNDS: String(rounds) }),
      };
      const { stdout } = await run('sh', [join(copy, 'bench.sh'), name, String(size)], {
        env,
        maxBuffer: 2 ** 26,
      });
      const measurements = measurementsIn(stdout);
      if (measurements.length === 0)
        throw new Error(`bench.sh ${name} ${size} printed no measurement: ${stdout}`);
      return measurements;
    },
    [Symbol.dispose]: () => rmSync(copy, { recursive: true, force: true }),
  };
}

function isOnPath(command: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, command)));
}
