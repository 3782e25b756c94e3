/**
 * A logger that harms nobody: whoever logs is in the middle of something else, often of a failure.
 *
 * I1  Nothing is thrown, whatever a line holds and whatever the logger does. What code of somebody else's threw may be
 *     anything, and a logger may read it as it likes: a line that could not be written is written once more, without
 *     what cannot be read.
 * I2  A promise that a logger gives is not awaited, and harms nobody when it is rejected.
 */
import type { Logger } from 'pino';
import { errorInfoOf } from './errors.ts';
import { attempt } from './thenable.ts';

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;

/** What each was made of. */
const given = new WeakMap<Logger, Logger>();

export function harmlessLogger(logger: Logger): Logger {
  const made = {
    child: (...asked: Parameters<Logger['child']>) =>
      harmlessLogger((attempt<unknown>(() => logger.child(...asked)) as Logger) ?? logger),
    isLevelEnabled: (level: string) => attempt(() => logger.isLevelEnabled(level)) === true,
  };
  for (const level of LEVELS) {
    const write = (...line: readonly unknown[]): boolean => {
      let isWritten = true;
      attempt<unknown>(
        () => Reflect.apply(logger[level], logger, line),
        () => (isWritten = false),
      );
      return isWritten;
    };
    Object.assign(made, {
      [level]: (fields: unknown, ...rest: readonly unknown[]) => {
        if (!write(fields, ...rest)) attempt(() => write(readable(fields), ...rest));
      },
    });
  }
  const harmless = made as unknown as Logger;
  given.set(harmless, logger);
  return harmless;
}

/** The logger that was given, which says what it writes; a logger of any other make as it is. */
export function givenLogger(logger: Logger): Logger {
  return given.get(logger) ?? logger;
}

/** The fields of a line that has an error, with as much of it as can be read. */
function readable(fields: unknown): unknown {
  if (typeof fields !== 'object' || fields === null || !('err' in fields)) return fields;
  return { ...fields, err: errorInfoOf(fields.err) };
}
