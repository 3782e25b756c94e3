/**
 * How a running fleet is shown in its terminal: as lines, or as a live table with the newest lines below.
 *
 * I1  While the live table is shown, nothing else is written to the terminal: other output stands below the table, and
 *     is written when the table is gone.
 * I2  The table is shown within the call of `show`, so nothing that the fleet writes after it goes past the table; once
 *     hidden it is not shown again.
 */
import type { Logger } from 'pino';
import type { AgentSystem, SystemEvent } from '../../index.ts';
import { type Console, type Paint, plainText } from '../console.ts';
import { eventLine } from '../event-line.ts';
import { captureOutput } from '../live/output-capture.ts';

export interface Talk {
  readonly paint: Paint;
  /** For the person at the terminal. */
  readonly note: (line: string) => void;
  /** What was logged. */
  readonly log: (line: string) => void;
  /** What happens. */
  readonly tell: (event: SystemEvent) => void;
  /** Shows this system. Resolves when the user quits, which may be never. */
  show(system: AgentSystem, title: string): Promise<'quit' | 'interrupt'>;
  /** From now on only lines are shown. */
  hide(): Promise<void>;
}

export function plainTalk({ out, note, paint }: Console, isJson: boolean): Talk {
  return {
    paint,
    note,
    log: note,
    tell: (event) => out(isJson ? JSON.stringify(event) : eventLine(event, paint)),
    show: () => new Promise(() => undefined),
    hide: () => Promise.resolve(),
  };
}

/** Lines that stand below the table, and those that are written when it is gone. */
const SHOWN_LINES = 3;
const KEPT_LINES = 30;
const MAX_NOTES = 10;

export async function liveTalk(console: Console, logger: () => Logger): Promise<Talk> {
  const [{ LiveTable }, { LocalSource }] = await Promise.all([
    import('../live/live-table.ts'),
    import('../live/local-source.ts'),
  ]);
  const { stdout, stderr } = console;
  const lines: string[] = [];
  const notes: string[] = [];
  let table: InstanceType<typeof LiveTable> | undefined;
  let source: InstanceType<typeof LocalSource> | undefined;
  let giveBack: (() => void) | undefined;
  let isHidden = false;
  // Where others read stderr, a file say, they read on.
  const isElsewhere = !stderr.isTTY;
  const keep = (line: string) => {
    if (isElsewhere) console.note(line);
    lines.push(plainText(line));
    if (lines.length > KEPT_LINES) lines.shift();
  };
  const log = (line: string) => {
    if (table === undefined) console.note(line);
    else keep(line);
  };
  return {
    // Lines below the table are dim, whatever they say.
    paint: (style, text) => (table === undefined ? console.paint(style, text) : text),
    note: (line) => {
      log(line);
      notes.push(plainText(line));
      if (notes.length > MAX_NOTES) notes.shift();
    },
    log,
    tell: (event) => {
      if (table === undefined) console.out(eventLine(event, console.paint));
      else keep(eventLine(event, (_, text) => text));
    },
    show: (system, title) => {
      if (isHidden) return new Promise(() => undefined);
      source = new LocalSource({ title, system, logger: logger() });
      table = new LiveTable({
        console,
        source,
        logged: () => {
          const shown = lines.slice(-SHOWN_LINES).map((line) => ` ${line}`);
          return [...Array.from({ length: SHOWN_LINES - shown.length }, () => ''), ...shown];
        },
        notes: () => notes,
      });
      giveBack = captureOutput(isElsewhere ? [stdout] : [stdout, stderr], keep);
      return table.over;
    },
    hide: async () => {
      isHidden = true;
      if (table === undefined) return;
      giveBack?.();
      table[Symbol.dispose]();
      table = undefined;
      if (!isElsewhere) for (const line of lines) console.note(line);
      await source?.[Symbol.asyncDispose]();
    },
  };
}

/** Whether a live table can be shown. */
export function isTerminal({ stdin, stdout, env }: Console): boolean {
  return stdin.isTTY && stdout.isTTY && env['TERM'] !== 'dumb';
}
