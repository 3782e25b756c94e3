/** A picture of `mabeam top` as it stands in a terminal: run in a pseudo-terminal, and drawn cell by cell in a browser. */
import { readFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pty from '@lydell/node-pty';
import headless from '@xterm/headless';
import type { Browser } from 'puppeteer-core';

const CLI = fileURLToPath(new URL('../src/cli.ts', import.meta.url));
const FONT = fileURLToPath(
  import.meta.resolve('@fontsource-variable/jetbrains-mono/files/jetbrains-mono-latin-wght-normal.woff2'),
);
const SIZE = { cols: 132, rows: 30 } as const;
/** Until its table is filled, and some seconds of it are known. */
const SETTLE_MS = 6_000;

/** The sixteen colours of a terminal, as many have them. */
// biome-ignore format: eight dark ones, and the same eight bright
const COLOURS = [
  '#1d1f27', '#ff7a6b', '#4fd6a5', '#f2b44c', '#8db0ff', '#c7a5f9', '#63cfe0', '#d6dae2',
  '#7d8694', '#ff9a8e', '#7be6bf', '#ffd07a', '#b1c8ff', '#dcc4ff', '#94e2ee', '#ffffff',
];
const PAPER = '#11141a';
const INK = '#d6dae2';

export interface TerminalPictureOptions {
  readonly browser: Browser;
  /** Address of the dashboard that is watched. */
  readonly url: string;
  readonly path: `${string}.png`;
}

export async function terminalPicture({ browser, url, path }: TerminalPictureOptions): Promise<void> {
  const { PATH = '', HOME = '' } = process.env;
  const child = pty.spawn(process.execPath, [CLI, 'top'], {
    name: 'xterm-256color',
    ...SIZE,
    env: { PATH, HOME, TERM: 'xterm-256color', MABEAM_URL: url },
  });
  const terminal = new headless.Terminal({ ...SIZE, allowProposedApi: true });
  const reading = child.onData((text) => terminal.write(text));
  try {
    await wait(SETTLE_MS);
    for (const key of ['\u001B[B', '\u001B[B', '\r']) {
      child.write(key);
      await wait(300);
    }
    const font = (await readFile(FONT)).toString('base64');
    const page = await browser.newPage();
    await page.setViewport({ width: 1_400, height: 900, deviceScaleFactor: 1 });
    await page.setContent(documentOf(linesOf(terminal), font));
    await page.evaluate('document.fonts.ready');
    const window = await page.$('.window');
    await window?.screenshot({ path: path });
    await page.close();
  } finally {
    reading.dispose();
    child.kill();
  }
}

/** Each line as HTML, its colours in it. */
function linesOf(terminal: InstanceType<typeof headless.Terminal>): readonly string[] {
  const buffer = terminal.buffer.active;
  const cell = buffer.getNullCell();
  return Array.from({ length: SIZE.rows }, (_, row) => {
    const line = buffer.getLine(buffer.baseY + row);
    let [html, style, text] = ['', '', ''];
    const flush = () => {
      if (text !== '')
        html += style === '' ? escaped(text) : `<span style="${style}">${escaped(text)}</span>`;
      text = '';
    };
    for (let column = 0; column < SIZE.cols; column++) {
      const here = line?.getCell(column, cell);
      if (here === undefined || here.getWidth() === 0) continue;
      const next = styleOf(here);
      if (next !== style) flush();
      style = next;
      text += here.getChars() || ' ';
    }
    flush();
    return html;
  });
}

type Cell = ReturnType<InstanceType<typeof headless.Terminal>['buffer']['active']['getNullCell']>;

function styleOf(cell: Cell): string {
  const colour = cell.isFgPalette() ? (COLOURS[cell.getFgColor()] ?? INK) : INK;
  const isInverse = cell.isInverse() !== 0;
  const styles = [
    isInverse ? `background:${colour};color:${PAPER}` : colour === INK ? '' : `color:${colour}`,
    cell.isBold() ? 'font-weight:700' : '',
    cell.isDim() ? 'opacity:.62' : '',
  ];
  return styles.filter((one) => one !== '').join(';');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}

function documentOf(lines: readonly string[], font: string): string {
  return `<!doctype html><meta charset="utf-8"><style>
@font-face { font-family: mono; font-weight: 100 800; src: url(data:font/woff2;base64,${font}) }
body { margin: 0; padding: 20px; background: #fff }
.window { display: inline-block; border-radius: 10px; background: ${PAPER}; color: ${INK}; overflow: hidden }
.bar { display: flex; gap: 7px; padding: 11px 13px 4px }
.bar i { width: 11px; height: 11px; border-radius: 50%; background: #363c47 }
pre { margin: 0; padding: 8px 14px 14px; font: 13px/1.42 mono, monospace; font-feature-settings: "calt" 0 }
</style><div class="window"><div class="bar"><i></i><i></i><i></i></div><pre>${lines.join('\n')}</pre></div>`;
}
