/**
 * The logger of those who were given none: it writes to stderr, and harms nobody when that cannot be written.
 *
 * I1  A full disk, a reader that has gone and a descriptor that is closed throw nothing, now or later, and hold up no
 *     exit.
 * I2  What could not be written is kept, up to 1 MiB, and written with the next line.
 *
 * It writes before it returns, so that the last lines before an exit are there. A reader that stands still holds up the
 * program, as it does with `console.error`.
 */
import { type Logger, pino } from 'pino';

const STDERR = 2;
const MAX_KEPT_CHARACTERS = 1_048_576;

/** @param level the lowest that is written */
export function stderrLogger(level: string): Logger {
  const destination = pino.destination({
    fd: STDERR,
    // Else pino writes on exit until all is written, which on a full disk is for ever.
    sync: true,
    maxLength: MAX_KEPT_CHARACTERS,
  });
  destination.on('error', () => undefined);
  return pino({ name: 'mabeam', level }, destination);
}
