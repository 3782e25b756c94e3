/**
 * `mabeam` from its arguments to its exit code.
 *
 * I1  Every exit has one of the documented codes; only an unexpected error shows a stack.
 * I2  A reader that closes its pipe (`mabeam events | head`) quietly ends a command that only prints. What cannot be
 *     written to stderr is lost.
 */
import { CommanderError } from 'commander';
import type { Call } from './call.ts';
import { consoleOf, type Streams } from './console.ts';
import { CommandFailure, EXIT, linesOfFailure } from './failure.ts';
import { ownPackage } from './own-package.ts';
import { programOf } from './program.ts';

/** @returns the exit code */
export async function main(args: readonly string[], streams: Streams): Promise<number> {
  const console = consoleOf(streams);
  let outlivesReader = false;
  let isUnread = false;
  streams.stderr.on('error', () => undefined);
  streams.stdout.on('error', ({ code }: NodeJS.ErrnoException) => {
    if (!outlivesReader && code === 'EPIPE') process.exit(0);
    if (!outlivesReader) {
      console.note(`mabeam: what is printed cannot be written (${code})`);
      process.exit(EXIT.failed);
    }
    if (!isUnread)
      console.note(`mabeam: what is printed can no longer be written (${code}); the fleet goes on`);
    isUnread = true;
  });
  const outliveReader = () => void (outlivesReader = true);
  let exitCode = 0;
  const carry = async (work: (call: Call) => Promise<number | void>) => {
    const interrupt = new AbortController();
    const onInterrupt = () =>
      interrupt.abort(new CommandFailure('interrupted', { exitCode: EXIT.interrupted }));
    process.once('SIGINT', onInterrupt);
    try {
      exitCode = (await work({ console, signal: interrupt.signal, outliveReader })) ?? 0;
    } catch (thrown) {
      if (interrupt.signal.aborted) {
        exitCode = EXIT.interrupted;
        return;
      }
      linesOfFailure(thrown).forEach((line) => console.note(line));
      exitCode = thrown instanceof CommandFailure ? thrown.exitCode : EXIT.failed;
    } finally {
      process.off('SIGINT', onInterrupt);
    }
  };
  const program = programOf(ownPackage().version, carry);
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({
      writeOut: (text) => void streams.stdout.write(text),
      writeErr: (text) => void streams.stderr.write(text),
    });
  }
  if (args.length === 0) {
    program.outputHelp();
    return 0;
  }
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    return thrown.exitCode === 0 ? 0 : EXIT.usage;
  }
  return exitCode;
}
