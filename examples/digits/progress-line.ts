/**
 * Says how far the work is: one line that updates itself on a terminal, else a plain line now and then.
 *
 * Written to stderr, so that a report sent to a file is only the report.
 */
import type { WriteStream } from 'node:tty';

const TERMINAL_EVERY_MS = 80;
const PLAIN_EVERY_MS = 5_000;

export class ProgressLine {
  readonly #stream: WriteStream;
  #shownAt = -Infinity;
  #drawn = false;

  constructor(stream: WriteStream) {
    this.#stream = stream;
  }

  /** Shows a line, unless one was shown a moment ago. */
  show(line: string): void {
    const now = performance.now();
    if (now - this.#shownAt < (this.#stream.isTTY ? TERMINAL_EVERY_MS : PLAIN_EVERY_MS)) return;
    this.#shownAt = now;
    if (!this.#stream.isTTY) {
      this.#stream.write(`${line}\n`);
      return;
    }
    this.#drawn = true;
    this.#stream.cursorTo(0);
    this.#stream.write(line.slice(0, this.#stream.columns - 1));
    this.#stream.clearLine(1);
  }

  /** Leaves the terminal as it was, so that a line of text can be written. */
  clear(): void {
    if (!this.#drawn) return;
    this.#drawn = false;
    this.#shownAt = -Infinity;
    this.#stream.cursorTo(0);
    this.#stream.clearLine(0);
  }
}
