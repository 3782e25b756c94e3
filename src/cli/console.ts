/**
 * The console of a command: its streams and environment, and how text is styled in them.
 *
 * I1  Data goes to stdout, everything else to stderr.
 * I2  Colour is for terminals that want it (NO_COLOR, FORCE_COLOR and the like are heeded), per stream.
 * I3  Text from outside, such as an agent's id or error, cannot control the terminal.
 */
import { styleText } from 'node:util';

export interface Streams {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  readonly env: NodeJS.ProcessEnv;
}

export type Style = Parameters<typeof styleText>[0];
/** Styles text, if the stream can show that. */
export type Paint = (style: Style, text: string) => string;

export interface Console extends Streams {
  /** A line of data. */
  readonly out: (line: string) => void;
  /** A line for the person at the terminal. */
  readonly note: (line: string) => void;
  /** For `out`. */
  readonly paint: Paint;
  /** Columns of the terminal that data goes to; `undefined` if it is no terminal. */
  readonly columns: number | undefined;
}

export function consoleOf(streams: Streams): Console {
  const { stdout, stderr } = streams;
  return {
    ...streams,
    out: (line) => void stdout.write(`${harmless(line)}\n`),
    note: (line) => void stderr.write(`${harmless(line)}\n`),
    paint: (style, text) => styleText(style, text, { stream: stdout }),
    columns: stdout.isTTY ? stdout.columns : undefined,
  };
}

/** Control characters, and those that change the direction of text. */
const STEERING = /[\p{Cc}\p{Bidi_Control}]/gu;
/** The same in what is written: a line may have styles, lines and tabs. */
// oxlint-disable-next-line no-control-regex -- what begins a style is one
const STEERING_IN_LINE = /(?!\u001B\[[\d;]*m|[\n\t])[\p{Cc}\p{Bidi_Control}]/gu;

/** JSON stays the same JSON: it may have all but the first 32 of these in its texts. */
function harmless(line: string): string {
  return line.replaceAll(
    STEERING_IN_LINE,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Text from outside as one line, without anything that controls a terminal. */
export function plainText(text: string): string {
  return text.replaceAll(/\s+/g, ' ').replaceAll(STEERING, '\u00B7');
}
