/**
 * A fleet of model agents that makes the index of an archive: `npm run archive`, or `npm run archive -- --ask` to be
 * the person whom the editor asks.
 *
 * The report goes to stdout, progress to stderr. Exits with 0 when all went well, 1 when something did not, 2 on a bad
 * argument, 130 on Ctrl-C.
 */
import { createInterface } from 'node:readline/promises';
import { parseArgs, styleText } from 'node:util';
import { pino } from 'pino';
import { ProgressLine } from '../digits/progress-line.ts';
import { addresses } from './addresses.ts';
import { problemsOf, reportOf } from './report.ts';
import { runBare, runFleet, type RunOptions, TROUBLE } from './run.ts';

async function askPerson(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y/i.test(await terminal.question(`${question} (y/n) `));
  } finally {
    terminal.close();
  }
}

const heading = (text: string): string => styleText('bold', text, { stream: process.stdout });

async function main(): Promise<number> {
  let isAsked: boolean;
  try {
    isAsked = parseArgs({ options: { ask: { type: 'boolean', default: false } } }).values.ask;
  } catch {
    console.error('usage: npm run archive -- [--ask]');
    return 2;
  }
  const line = new ProgressLine(process.stderr);
  const interrupt = new AbortController();
  process.once('SIGINT', () => interrupt.abort(new Error('interrupted')));
  const options: RunOptions = {
    // One process is killed on purpose: only what nobody expects is logged.
    logger: pino({ name: 'archive', level: 'error' }, pino.destination(2)),
    signal: interrupt.signal,
    onProgress: (text) => line.show(text),
    ask: isAsked
      ? (question) => {
          line.clear();
          return askPerson(question);
        }
      : undefined,
  };
  try {
    const fleet = await runFleet(options);
    const bare = await runBare(TROUBLE, options);
    const calm = await runBare(undefined, options);
    line.clear();
    const findings = { addresses: addresses().length, fleet, bare, calm };
    console.log(reportOf(findings, heading));
    const problems = problemsOf(findings);
    console.log(
      problems.length === 0
        ? '\nAll well.'
        : `\nNot well:\n${problems.map((text) => `- ${text}`).join('\n')}`,
    );
    return problems.length === 0 ? 0 : 1;
  } catch (error) {
    line.clear();
    if (interrupt.signal.aborted) return 130;
    console.error(error);
    return 1;
  }
}

process.exitCode = await main();
