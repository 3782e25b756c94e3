/** Runs `mabeam` in a real pseudo-terminal, with its screen to read and keys to press. */
import pty from '@lydell/node-pty';
import headless from '@xterm/headless';
import { onTestFinished } from 'vitest';
import { CLI, type CommandOptions, cleanEnv } from './command-line.ts';
import { PATIENCE_MS } from './common-config.ts';

export interface TerminalOptions extends CommandOptions {
  readonly columns?: number;
  readonly rows?: number;
}

export interface SeenTerminal {
  readonly pid: number;
  /** The lines on the screen now. */
  readonly screen: () => readonly string[];
  /** Whether the program has switched to the alternate screen. */
  readonly isFullScreen: () => boolean;
  /** Everything that was written, control sequences included. */
  readonly written: () => string;
  readonly press: (keys: string) => void;
  readonly resize: (columns: number, rows: number) => void;
  readonly kill: (signal: NodeJS.Signals) => void;
  /** Resolves once the screen shows this. */
  readonly until: (pattern: RegExp) => Promise<RegExpExecArray>;
  /** Resolves once the screen no longer shows this. */
  readonly untilNot: (pattern: RegExp) => Promise<void>;
  readonly ended: Promise<{ readonly exitCode: number; readonly signal: number | undefined }>;
}

export const KEYS = {
  up: '\u001B[A',
  down: '\u001B[B',
  right: '\u001B[C',
  left: '\u001B[D',
  home: '\u001B[H',
  end: '\u001B[F',
  pageDown: '\u001B[6~',
  pageUp: '\u001B[5~',
  enter: '\r',
  escape: '\u001B',
  backspace: '\u007F',
  ctrlC: '\u0003',
} as const;

export function terminal(args: readonly string[], options: TerminalOptions = {}): SeenTerminal {
  const { env, cwd, columns: cols = 120, rows = 24 } = options;
  const child = pty.spawn(process.execPath, [CLI, ...args], {
    name: 'xterm-256color',
    cols,
    rows,
    ...(cwd === undefined ? {} : { cwd }),
    env: cleanEnv({ TERM: 'xterm-256color', ...env }),
  });
  const shown = new headless.Terminal({ cols, rows, allowProposedApi: true });
  const listeners = new Set<() => void>();
  let written = '';
  let isOver = false;
  child.onData((data) => {
    written += data;
    shown.write(data, () => listeners.forEach((listener) => listener()));
  });
  const ended = new Promise<{ exitCode: number; signal: number | undefined }>((resolve) => {
    child.onExit(({ exitCode, signal }) => {
      // Parses what was written last, before it resolves.
      shown.write('', () => {
        isOver = true;
        listeners.forEach((listener) => listener());
        resolve({ exitCode, signal });
      });
    });
  });
  onTestFinished(async () => {
    if (!isOver) child.kill('SIGKILL');
    await ended;
    shown.dispose();
  });
  const screen = () =>
    Array.from({ length: shown.rows }, (_, row) => {
      const { active } = shown.buffer;
      return active.getLine(active.baseY + row)?.translateToString(true) ?? '';
    });
  const when = <Found>(look: () => Found | undefined, what: string) => {
    const { promise, resolve, reject } = Promise.withResolvers<Found>();
    const fail = (how: string) => reject(new Error(`${how} ${what}:\n${screen().join('\n')}`));
    const late = setTimeout(() => fail('too long'), PATIENCE_MS);
    const check = () => {
      const found = look();
      if (found !== undefined) resolve(found);
      else if (isOver) fail('it ended');
    };
    listeners.add(check);
    check();
    return promise.finally(() => {
      clearTimeout(late);
      listeners.delete(check);
    });
  };
  return {
    pid: child.pid,
    screen,
    isFullScreen: () => shown.buffer.active.type === 'alternate',
    written: () => written,
    press: (keys) => child.write(keys),
    resize: (columns, lines) => {
      shown.resize(columns, lines);
      child.resize(columns, lines);
    },
    kill: (signal) => child.kill(signal),
    until: (pattern) =>
      when(() => pattern.exec(screen().join('\n')) ?? undefined, `without ${String(pattern)}`),
    untilNot: async (pattern) => {
      await when(() => (pattern.test(screen().join('\n')) ? undefined : true), `with ${String(pattern)}`);
    },
    ended,
  };
}
