/** Where the page of the dashboard is, and of which version: in the package, also when a bundler has taken this code out of it. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

export interface PagePackage {
  /** The folder of the page; it is not there before it is built. */
  readonly folder: string;
  readonly version: string;
}

/**
 * Of the package that this code lies in, or else of one that is installed for it.
 *
 * @param given folder of a page that was built elsewhere: it needs no package, and is of its version where one is there
 * @param from `import.meta.url` of this code
 * @throws Error where there is neither a package nor a given folder
 */
export function pagePackage(given?: string, from: string = import.meta.url): PagePackage {
  for (const file of [new URL('../../package.json', from), installed(from)]) {
    const version = file && versionIn(file);
    if (version !== undefined) {
      return { folder: given ?? fileURLToPath(new URL('dist/dashboard/page/', file)), version };
    }
  }
  if (given !== undefined) return { folder: given, version: 'unknown' };
  throw new Error(
    `mabeam's package, with the page of the dashboard, is not at ${fileURLToPath(new URL('.', from))}: a bundler has taken mabeam/dashboard into its output; leave mabeam/dashboard external, and install mabeam where the program runs`,
  );
}

function installed(from: string): URL | undefined {
  try {
    // Called so that webpack does not look for the file itself.
    return pathToFileURL(createRequire.call(undefined, from).resolve('mabeam/package.json'));
  } catch {
    return undefined;
  }
}

/** Beside a bundle there may be the package.json of anything. */
function versionIn(file: URL): string | undefined {
  try {
    const { name, version } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    return name === 'mabeam' ? String(version) : undefined;
  } catch {
    return undefined;
  }
}
