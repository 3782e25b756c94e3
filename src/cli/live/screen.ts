/**
 * A terminal that shows lines and nothing else, and is restored afterwards.
 *
 * I1  Only what has changed is written, and at once: nothing flickers.
 * I2  However the program ends, the terminal is restored: its text, its cursor, its keys.
 */
import { emitKeypressEvents } from 'node:readline';

export interface Key {
  /** As readline calls it: `up`, `return`, `a`; or the character itself. */
  readonly name: string;
  readonly ctrl: boolean;
  /** What it writes. */
  readonly text: string;
}

export interface ScreenOptions {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly onKey: (key: Key) => void;
  /** The size has changed. */
  readonly onResize: () => void;
}

const ESC = '\u001B[';
const ENTER = `${ESC}?1049h${ESC}?25l`;
const LEAVE = `${ESC}?25h${ESC}?1049l`;
/** Between these two the terminal updates in one step. */
const [BEGIN, END] = [`${ESC}?2026h`, `${ESC}?2026l`];

export class Screen implements Disposable {
  readonly #options: ScreenOptions;
  readonly #write: (text: string) => void;
  readonly #unlisten: () => void;
  #shown: readonly string[] = [];
  #isOpen = true;

  constructor(options: ScreenOptions) {
    this.#options = options;
    const { stdin, stdout } = options;
    // Other writers to this stream are diverted meanwhile; the screen keeps the original `write`.
    this.#write = stdout.write.bind(stdout) as (text: string) => void;
    const onKeypress = (
      text: string | undefined,
      key: { name?: string; ctrl?: boolean; sequence?: string },
    ) => {
      const written = text ?? key.sequence ?? '';
      options.onKey({ name: key.name ?? written, ctrl: key.ctrl === true, text: written });
    };
    const onResize = () => {
      this.#shown = [];
      this.#write(`${ESC}2J`);
      options.onResize();
    };
    const giveBack = () => this[Symbol.dispose]();
    emitKeypressEvents(stdin);
    stdin.setRawMode(true);
    stdin.on('keypress', onKeypress).resume();
    stdout.on('resize', onResize);
    process.on('exit', giveBack);
    this.#unlisten = () => {
      stdin.off('keypress', onKeypress).pause();
      stdin.setRawMode(false);
      stdout.off('resize', onResize);
      process.off('exit', giveBack);
    };
    this.#write(`${ENTER}${ESC}2J`);
  }

  get size(): { readonly columns: number; readonly rows: number } {
    const { columns, rows } = this.#options.stdout;
    return { columns: columns || 80, rows: rows || 24 };
  }

  /** Shows these lines, from the top. Each fits; what was below them is gone. */
  show(lines: readonly string[]): void {
    if (!this.#isOpen) return;
    let text = '';
    for (let row = 0; row < Math.max(lines.length, this.#shown.length); row += 1) {
      const line = lines[row] ?? '';
      if (line !== this.#shown[row]) text += `${ESC}${row + 1};1H${line}${ESC}0m${ESC}K`;
    }
    this.#shown = lines;
    if (text !== '') this.#write(`${BEGIN}${text}${END}`);
  }

  [Symbol.dispose](): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#unlisten();
    this.#write(LEAVE);
  }
}
