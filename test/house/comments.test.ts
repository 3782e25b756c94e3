/** A docstring stands before what it describes: one that lost its place, when that moved, describes something else. */
import { globSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

/** Lines at which one docstring follows another at once, but for the header of a file. */
function displaced(file: string, text: string): string[] {
  return [...text.matchAll(/^[ \t]*\*\/\n[ \t]*\/\*\*|^[ \t]*\/\*\*.*\*\/\n[ \t]*\/\*\*/gm)]
    .filter(({ index }) => text.lastIndexOf('/**', index + 4) > text.indexOf('/**'))
    .map(({ index }) => `${file}:${text.slice(0, index).split('\n').length}`);
}

it('a docstring is followed by what it describes, and the header of a file alone by another docstring', () => {
  const header = '/** Of the file. */\n/** Of one. */\nconst one = 1;\n';
  expect(displaced('a.ts', header)).toEqual([]);
  expect(displaced('a.ts', `${header}/** Of what was here. */\n/** Of two. */\nconst two = 2;\n`)).toEqual([
    'a.ts:4',
  ]);
  expect(displaced('a.ts', `${header}/**\n * Of what was here.\n */\n/** Of two. */\n`)).toEqual(['a.ts:6']);
  const files = globSync(
    ['src/**/*.ts', 'page/**/*.{ts,tsx}', 'test/**/*.ts', 'examples/**/*.ts', 'bench/**/*.ts'],
    {
      exclude: ['**/node_modules/**'],
    },
  );
  expect(files.length).toBeGreaterThan(1_000);
  expect(files.flatMap((file) => displaced(file, readFileSync(file, 'utf8')))).toEqual([]);
});
