/**
 * Runs the digits experiment from a command line: `npm start`, or `npm start -- --seed 7`.
 *
 * The report goes to stdout, progress to stderr. Exits with 0 when all went well, 1 when something did not,
 * 2 on a bad argument, 130 on Ctrl-C, after the agents were stopped in good order.
 */
import { parseArgs, styleText } from 'node:util';
import { pino } from 'pino';
import { ProgressLine } from './progress-line.ts';
import { runDigits } from './run.ts';

const USAGE = 'usage: npm start -- [--seed <integer>] [--no-sabotage]';

function parseSettings(): { seed: number; sabotage: boolean } | undefined {
  try {
    const { values } = parseArgs({
      options: {
        seed: { type: 'string', default: '1' },
        'no-sabotage': { type: 'boolean', default: false },
      },
    });
    const seed = Number(values.seed);
    return Number.isSafeInteger(seed) ? { seed, sabotage: !values['no-sabotage'] } : undefined;
  } catch {
    return undefined;
  }
}

async function main(): Promise<number> {
  const settings = parseSettings();
  if (!settings) {
    console.error(USAGE);
    return 2;
  }
  const line = new ProgressLine(process.stderr);
  const interrupt = new AbortController();
  process.once('SIGINT', () => interrupt.abort(new Error('interrupted')));
  try {
    const { problems } = await runDigits({
      ...settings,
      // The crashes are ordered, and the report tells of them: only what nobody expects is logged.
      logger: pino({ name: 'digits', level: 'error' }, pino.destination(2)),
      signal: interrupt.signal,
      onProgress: (text) => line.show(text),
      heading: (text) => styleText('bold', text, { stream: process.stdout }),
      out: (text) => {
        line.clear();
        console.log(text);
      },
    });
    return problems.length === 0 ? 0 : 1;
  } catch (error) {
    line.clear();
    if (interrupt.signal.aborted) return 130;
    console.error(error);
    return 1;
  }
}

process.exitCode = await main();
