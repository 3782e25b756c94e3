/**
 * One command at work: its console, its requests, and how it is interrupted.
 *
 * I1  An interrupt (Ctrl-C) ends whatever it waits for; its exit code is then 130.
 */
import { userInfo } from 'node:os';
import { createInterface } from 'node:readline/promises';
import type { Console } from './console.ts';
import { CommandFailure, EXIT, usageFailure } from './failure.ts';
import { FleetApi } from './fleet-api.ts';

export interface Call {
  readonly console: Console;
  /** Aborted when the user interrupts. */
  readonly signal: AbortSignal;
  /** For commands that do more than print: from now on, output that cannot be written is lost, and ends nothing. */
  readonly outliveReader: () => void;
}

/** Options of every command that asks a running system. */
export interface UrlOptions {
  readonly url?: string;
  readonly by?: string;
}

/** Of those that read a store as well. */
export interface TargetOptions extends UrlOptions {
  readonly store?: string;
}

export interface JsonOption {
  readonly json?: boolean;
}

/** The running system that is asked for. @throws CommandFailure */
export function apiOf(
  { console: { env }, signal }: Call,
  { url = env['MABEAM_URL'], by }: UrlOptions,
): FleetApi {
  if (url === undefined || url === '') {
    throw usageFailure(
      'which system? Give --url with the address of its dashboard, or set MABEAM_URL',
      'A program prints it when it opens one: mabeam run fleet.ts --dashboard',
    );
  }
  return new FleetApi({
    url,
    token: env['MABEAM_TOKEN'],
    controlToken: env['MABEAM_CONTROL_TOKEN'],
    by: byOf(by === undefined ? {} : { by }),
    signal,
  });
}

/** Who acts: the option `--by`, or the user's name. */
export function byOf({ by }: UrlOptions): string {
  return by ?? `${userName()} by mabeam`;
}

/** The path of the store, where one is asked for. @throws CommandFailure where a system is, too */
export function storeOf({ store, url }: TargetOptions): string | undefined {
  if (store !== undefined && url !== undefined) throw usageFailure('either --url or --store, not both');
  return store;
}

/** Asks before something is destroyed. @throws CommandFailure for a no, and if there is no terminal to ask */
export async function confirm({ console, signal }: Call, question: string, isAgreed = false): Promise<void> {
  if (isAgreed) return;
  const { stdin, stderr } = console;
  if (!stdin.isTTY) throw usageFailure(`${question} Nobody can be asked here: add --yes to do it.`);
  const asking = createInterface({ input: stdin, output: stderr });
  const left = new AbortController();
  const leave = (failure: CommandFailure) => left.abort(failure);
  asking.once('SIGINT', () => leave(new CommandFailure('interrupted', { exitCode: EXIT.interrupted })));
  asking.once('close', () => leave(usageFailure('nothing was done')));
  try {
    const answer = await asking.question(`${question} [y/N] `, {
      signal: AbortSignal.any([signal, left.signal]),
    });
    if (!/^y(es)?$/i.test(answer.trim())) throw usageFailure('nothing was done');
  } catch (thrown) {
    left.signal.throwIfAborted();
    throw thrown;
  } finally {
    asking.close();
  }
}

/** Data as JSON, a document or a line of its own. */
export function outJson({ out }: Console, data: unknown): void {
  out(JSON.stringify(data, undefined, 2));
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return 'somebody';
  }
}
