/** No circles: no file imports itself through others, not even for a type. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, posix, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const FOLDERS = ['src', 'page', 'visualizations', 'bench', 'examples', 'test'];
/** What a file may import of this project, by a path that begins with `.`. */
const IMPORT = /(?:from|import\(|import) *'(\.[^']+)'/g;

type Imports = ReadonlyMap<string, readonly string[]>;

it('no file imports itself through others', () => {
  const imports = importsOf(FOLDERS.flatMap(filesIn));
  expect([...imports.values()].flat().length).toBeGreaterThan(1_000);
  expect(circlesOf(imports)).toEqual([]);
});

it('a circle is found, and told with those on it alone', () => {
  const imports = new Map([
    ['in.ts', ['a.ts']],
    ['a.ts', ['b.ts', 'out.ts']],
    ['b.ts', ['c.ts']],
    ['c.ts', ['a.ts']],
    ['out.ts', []],
    ['self.ts', ['self.ts']],
  ]);
  expect(circlesOf(imports)).toEqual([['a.ts', 'b.ts', 'c.ts'], ['self.ts']]);
});

/** The files that reach themselves, those that reach each other together. */
function circlesOf(imports: Imports): readonly (readonly string[])[] {
  const reached = new Map([...imports.keys()].map((file) => [file, reachedFrom(file, imports)]));
  const circles = new Map<string, string[]>();
  for (const [file, files] of reached) {
    if (!files.has(file)) continue;
    const circle = [...files].filter((other) => reached.get(other)?.has(file)).toSorted();
    circles.set(circle.join(), circle);
  }
  return [...circles.values()];
}

function reachedFrom(file: string, imports: Imports): ReadonlySet<string> {
  const reached = new Set<string>();
  const next = [...(imports.get(file) ?? [])];
  for (let one = next.pop(); one !== undefined; one = next.pop()) {
    if (reached.has(one)) continue;
    reached.add(one);
    next.push(...(imports.get(one) ?? []));
  }
  return reached;
}

function importsOf(files: readonly string[]): Imports {
  return new Map(
    files.map((file) => {
      const text = readFileSync(`${ROOT}${file}`, 'utf8');
      return [file, [...text.matchAll(IMPORT)].map(([, path = '']) => posix.join(dirname(file), path))];
    }),
  );
}

function filesIn(folder: string): readonly string[] {
  return readdirSync(`${ROOT}${folder}`, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.tsx?$/.test(path))
    .map((path) => `${folder}/${path.split(sep).join('/')}`);
}
