/**
 * The built page: every file in memory, found by its address alone.
 *
 * I1  Only what the build wrote can be asked for: no address leads to another file.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname, join, sep } from 'node:path';

export interface PageFile {
  readonly type: string;
  readonly body: Buffer;
  /** Its name changes with its content. */
  readonly isImmutable: boolean;
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
  '.txt': 'text/plain; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
};
const INDEX = '/index.html';
const NOT_BUILT: PageFile = {
  type: 'text/plain; charset=utf-8',
  body: Buffer.from('The page has not been built: npm run build. The API is there all the same.\n'),
  isImmutable: false,
};

export class PageFiles {
  readonly #files = new Map<string, PageFile>();

  constructor(folder: string) {
    if (!existsSync(folder)) return;
    for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
      const type = TYPES[extname(path)];
      if (type === undefined) continue;
      const address = `/${path.split(sep).join('/')}`;
      const isImmutable = address.startsWith('/assets/');
      this.#files.set(address, { type, body: readFileSync(join(folder, path)), isImmutable });
    }
  }

  index(): PageFile {
    return this.#files.get(INDEX) ?? NOT_BUILT;
  }

  get(address: string): PageFile | undefined {
    return address === INDEX ? undefined : this.#files.get(address);
  }
}
