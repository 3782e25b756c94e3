/** What a screen writes to its terminal, byte by byte, and how it gives the terminal back. */
import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { type Key, Screen } from '../../src/cli/live/screen.ts';

class SaidInput extends PassThrough {
  readonly modes: boolean[] = [];
  setRawMode(isRaw: boolean): void {
    this.modes.push(isRaw);
  }
}
class SaidOutput extends EventEmitter {
  columns: number | undefined = 100;
  rows: number | undefined = 30;
  #written = '';
  write(text: string): void {
    this.#written += text;
  }
  taken(): string {
    const written = this.#written.replaceAll('\u001B[', '<');
    this.#written = '';
    return written;
  }
}

function opened() {
  const [stdin, stdout] = [new SaidInput(), new SaidOutput()];
  const keys: Key[] = [];
  let resizes = 0;
  const screen = new Screen({
    stdin: stdin as never,
    stdout: stdout as never,
    onKey: (key) => keys.push(key),
    onResize: () => (resizes += 1),
  });
  return { screen, stdin, stdout, keys, resizes: () => resizes };
}

it('writes what has changed alone, in one step, and clears what is gone', () => {
  const { screen, stdout } = opened();
  expect(stdout.taken()).toBe('<?1049h<?25l<2J');
  screen.show(['a', 'b']);
  expect(stdout.taken()).toBe('<?2026h<1;1Ha<0m<K<2;1Hb<0m<K<?2026l');
  screen.show(['a', 'c']);
  expect(stdout.taken()).toBe('<?2026h<2;1Hc<0m<K<?2026l');
  screen.show(['a', 'c']);
  expect(stdout.taken()).toBe('');
  screen.show(['a']);
  expect(stdout.taken()).toBe('<?2026h<2;1H<0m<K<?2026l');
  screen[Symbol.dispose]();
});

it('after a change of its size all is written anew', () => {
  const { screen, stdout, resizes } = opened();
  screen.show(['a']);
  stdout.taken();
  stdout.emit('resize');
  expect([stdout.taken(), resizes()]).toEqual(['<2J', 1]);
  screen.show(['a']);
  expect(stdout.taken()).toBe('<?2026h<1;1Ha<0m<K<?2026l');
  expect(screen.size).toEqual({ columns: 100, rows: 30 });
  Object.assign(stdout, { columns: undefined, rows: 0 });
  expect(screen.size).toEqual({ columns: 80, rows: 24 });
  screen[Symbol.dispose]();
});

it('tells keys by their names, or by what they write', async () => {
  const { screen, stdin, keys } = opened();
  stdin.write('a?\u0003\r');
  await new Promise(setImmediate);
  expect(keys).toEqual([
    { name: 'a', ctrl: false, text: 'a' },
    { name: '?', ctrl: false, text: '?' },
    { name: 'c', ctrl: true, text: '\u0003' },
    { name: 'return', ctrl: false, text: '\r' },
  ]);
  screen[Symbol.dispose]();
});

it('gives the terminal back once, and shows and hears nothing from then on', async () => {
  const exits = process.listenerCount('exit');
  const { screen, stdin, stdout, keys, resizes } = opened();
  expect([stdin.modes, process.listenerCount('exit')]).toEqual([[true], exits + 1]);
  stdout.taken();
  screen[Symbol.dispose]();
  screen[Symbol.dispose]();
  expect(stdout.taken()).toBe('<?25h<?1049l');
  expect([stdin.modes, stdin.isPaused(), process.listenerCount('exit')]).toEqual([
    [true, false],
    true,
    exits,
  ]);
  screen.show(['late']);
  stdout.emit('resize');
  stdin.resume().write('a');
  await new Promise(setImmediate);
  expect([stdout.taken(), keys, resizes()]).toEqual(['', [], 0]);
});
