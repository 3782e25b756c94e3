import { describe, expect, it } from 'vitest';
import { createImports } from './imports.ts';

const FILES: Readonly<Record<string, string>> = {
  'test/a.test.ts': "import { a } from '../src/a.ts';",
  'src/a.ts': "export { b } from './rooms/b.ts'; export const load = (address: string) => import(address);",
  'src/rooms/b.ts': "import type { A } from '../a.ts'; new URL('entry.js', import.meta.url);",
  'src/rooms/entry.js': '',
  'src/c.ts': '',
  'test/started.test.ts': "fork(join(ROOT, 'test/program.ts')); fork('gone.ts');",
  'test/program.ts': "await import('../src/c.ts');",
  'test/computed.test.ts': "import './names.ts';",
  'test/names.ts': 'await import(`../src/${name}.ts`);',
  'test/elsewhere.test.ts': 'await import(name);',
  'test/package.test.ts': "import { a } from 'mabeam/testing';",
};
const distance = createImports(
  (file) => FILES[file]!,
  (file) => file in FILES,
);

describe('what a test file may load', () => {
  it('is what it imports, over as few files as lead there; types and addresses count', () => {
    expect(distance('test/a.test.ts', 'src/a.ts')).toBe(1);
    expect(distance('test/a.test.ts', 'src/rooms/b.ts')).toBe(2);
    expect(distance('test/a.test.ts', 'src/rooms/entry.js')).toBe(3);
    expect(distance('test/a.test.ts', 'src/c.ts')).toBeUndefined();
  });

  it('is what programs load that it starts, by a path from its folder or from the root', () => {
    expect(distance('test/started.test.ts', 'src/c.ts')).toBe(2);
    expect(distance('test/started.test.ts', 'src/a.ts')).toBeUndefined();
  });

  it('is everything, further than what it names, where a name is computed outside the sources, or is that of the package', () => {
    expect(distance('test/computed.test.ts', 'src/c.ts')).toBe(3);
    expect(distance('test/elsewhere.test.ts', 'src/c.ts')).toBe(2);
    expect(distance('test/package.test.ts', 'src/c.ts')).toBe(2);
  });
});
