/**
 * What an agent's code prints, cut into lines that a log can take.
 *
 * I1  At most `maxLines` lines are told in a second; how many were not is said when the next one is.
 * I2  Blank lines are left out.
 * I3  A line longer than `maxLength` is cut there, and goes on as the next.
 */
import { StringDecoder } from 'node:string_decoder';
import type { SteadyClock } from '../../time/clock.ts';

export interface PrintedLinesOptions {
  readonly clock: SteadyClock;
  readonly tell: (line: string) => void;
  readonly maxLines?: number;
  readonly maxLength?: number;
}

export class PrintedLines {
  readonly #options: PrintedLinesOptions;
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';
  #secondSince = -Infinity;
  #told = 0;
  #dropped = 0;

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

  /** Tells a last line that was not ended. */
  end(): void {
    const rest = this.#rest + this.#decoder.end();
    this.#rest = '';
    if (rest !== '') this.#tell(rest);
  }

  #tell(printed: string): void {
    const line = printed.trimEnd();
    if (line === '') return;
    const { clock, tell, maxLines = 200 } = this.#options;
    const now = clock.elapsed();
    if (now - this.#secondSince >= 1_000) {
      const dropped = this.#dropped;
      this.#secondSince = now;
      this.#told = 0;
      this.#dropped = 0;
      if (dropped > 0) tell(`${dropped} printed lines were dropped`);
    }
    if (this.#told >= maxLines) this.#dropped += 1;
    else {
      this.#told += 1;
      tell(line);
    }
  }
}
