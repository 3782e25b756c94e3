/**
 * What an agent's code prints, cut into lines that a log can take.
 *
 * I1  At most `maxLines` lines are told in a second; of those past that the last `maxLast`, when the second or the
 *     stream is over, after how many were dropped: what is printed last says why it ended.
 * I2  Blank lines are left out.
 * I3  A line longer than `maxLength` is cut there, and goes on as the next.
 */
import { StringDecoder } from 'node:string_decoder';
import type { SteadyClock } from '../../time/clock.ts';

const SECOND_MS = 1_000;

export interface PrintedLinesOptions {
  readonly clock: SteadyClock;
  readonly tell: (line: string) => void;
  readonly maxLines?: number;
  readonly maxLength?: number;
  readonly maxLast?: number;
}

export class PrintedLines {
  readonly #options: PrintedLinesOptions;
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';
  #secondSince = -Infinity;
  #told = 0;
  /** The last of those past the limit. */
  #held: string[] = [];
  #dropped = 0;
  #timer: unknown;

  constructor(options: PrintedLinesOptions) {
    this.#options = options;
  }

  take(chunk: Buffer): void {
    const { maxLength = 4_096 } = this.#options;
    const text = this.#rest + this.#decoder.write(chunk);
    let from = 0;
    while (from < text.length) {
      const newline = text.indexOf('\n', from);
      const end = newline === -1 ? text.length : newline;
      if (end - from > maxLength) {
        this.#tell(text.slice(from, from + maxLength));
        from += maxLength;
      } else if (newline === -1) break;
      else {
        this.#tell(text.slice(from, end));
        from = end + 1;
      }
    }
    this.#rest = text.slice(from);
  }

  /** Tells the last lines, one that was not ended included. */
  end(): void {
    const rest = this.#rest + this.#decoder.end();
    this.#rest = '';
    this.#tell(rest);
    this.#tellHeld();
  }

  #tell(printed: string): void {
    const line = printed.trimEnd();
    if (line === '') return;
    const { clock, tell, maxLines = 200 } = this.#options;
    const sinceMs = clock.elapsed() - this.#secondSince;
    if (sinceMs >= SECOND_MS) {
      this.#tellHeld();
      this.#secondSince = clock.elapsed();
      this.#told = 0;
    }
    if (this.#told >= maxLines) return this.#hold(line, SECOND_MS - sinceMs);
    this.#told += 1;
    tell(line);
  }

  #hold(line: string, leftMs: number): void {
    const { clock, maxLast = 20 } = this.#options;
    this.#timer ??= clock.setTimeout(() => this.#tellHeld(), leftMs);
    this.#held.push(line);
    if (this.#held.length <= maxLast) return;
    this.#held.shift();
    this.#dropped += 1;
  }

  #tellHeld(): void {
    const { clock, tell } = this.#options;
    clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    const [dropped, held] = [this.#dropped, this.#held];
    this.#dropped = 0;
    this.#held = [];
    if (dropped > 0) tell(`${dropped} printed lines were dropped`);
    for (const line of held) tell(line);
  }
}
