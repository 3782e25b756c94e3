/**
 * Which files a test file may load, and over how many imports: read from the text of each, before anything runs.
 *
 * It names too many rather than too few: whatever is written like the path of a file of the repository counts, in an
 * `import`, in a `new URL`, or in the arguments of a program that is started. A file that loads what it computes may load
 * all.
 */
import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { readSource, ROOT } from './work-tree.ts';

const PATH = /(['"`])([^'"`\s]*\.[mc]?[jt]s)\1/g;
/** A path that is put together, a module by another name than its path, and the package by its own. */
const COMPUTED =
  /(['"`])[^'"`\s]*\$\{[^'"`\n]*\.[mc]?[jt]s\1|\bimport\((?!\s*['"`])|['"`]mabeam(?:\/[\w-]+)?['"`]/;

interface Named {
  readonly files: readonly string[];
  readonly isComputed: boolean;
}

/** @returns over how many imports a test file may load another file; `undefined` where it cannot */
export function createImports(
  read: (file: string) => string = readSource,
  isThere: (file: string) => boolean = (file) => existsSync(join(ROOT, file)),
): (test: string, file: string) => number | undefined {
  const named = new Map<string, Named>();
  const distances = new Map<string, { readonly of: Map<string, number>; readonly all: number | undefined }>();
  const namedIn = (file: string): Named => {
    let its = named.get(file);
    if (its === undefined) {
      const text = read(file);
      const paths = [...text.matchAll(PATH)].flatMap(([, , path = '']) => [
        normalize(join(dirname(file), path)),
        normalize(path),
      ]);
      its = {
        files: [...new Set(paths)].filter((path) => !path.startsWith('..') && isThere(path)),
        // The sources compute only the modules of agents, which tests name.
        isComputed: !file.startsWith('src/') && COMPUTED.test(text),
      };
      named.set(file, its);
    }
    return its;
  };
  const measure = (test: string): { of: Map<string, number>; all: number | undefined } => {
    const of = new Map([[test, 0]]);
    let all: number | undefined;
    // It grows while it is walked.
    for (const [file, distance] of of) {
      const { files, isComputed } = namedIn(file);
      // Further than what it names: such a test file is about none of them.
      if (isComputed) all ??= distance + 2;
      for (const next of files) if (!of.has(next)) of.set(next, distance + 1);
    }
    return { of, all };
  };
  return (test, file) => {
    const its = distances.get(test) ?? measure(test);
    distances.set(test, its);
    return its.of.get(file) ?? its.all;
  };
}
