/** What a system and its agents log, as lines for people; its events are told elsewhere. */
import { type Logger, pino } from 'pino';
import { type Paint, plainText } from '../console.ts';
import { moment } from '../figures.ts';

const OWN_KEYS = new Set([
  'level',
  'time',
  'pid',
  'hostname',
  'name',
  'msg',
  'agentId',
  'incarnation',
  'err',
]);

interface Line {
  readonly level: number;
  readonly time: number;
  readonly msg?: string;
  readonly agentId?: string;
  readonly sequence?: number;
  readonly err?: { readonly message?: string };
  readonly [field: string]: unknown;
}

/** A logger that gives `write` a line for each message. */
export function lineLogger(level: string, paint: Paint, write: (line: string) => void): Logger {
  return pino(
    { name: 'mabeam', level },
    {
      write: (text: string) => {
        const line = JSON.parse(text) as Line;
        // Events are shown as such, not as log lines.
        if (line.sequence === undefined) write(lineOf(line, paint));
      },
    },
  );
}

function lineOf({ level, time, msg = '', agentId, err, ...fields }: Line, paint: Paint): string {
  const rest = Object.entries(fields).filter(([key]) => !OWN_KEYS.has(key));
  const parts = [
    paint('dim', moment(time)),
    levelOf(level, paint),
    ...(agentId === undefined ? [] : [plainText(agentId)]),
    plainText(msg),
    ...(err?.message === undefined ? [] : [plainText(err.message)]),
    ...(rest.length === 0 ? [] : [paint('dim', plainText(JSON.stringify(Object.fromEntries(rest))))]),
  ];
  return parts.join('  ');
}

function levelOf(level: number, paint: Paint): string {
  if (level >= 50) return paint('red', 'error');
  if (level >= 40) return paint('yellow', 'warn');
  return level >= 30 ? 'info' : 'debug';
}
