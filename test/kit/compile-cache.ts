/**
 * Shares compiled code between the programs that tests start: a child process that runs from sources spends most of its
 * first second compiling.
 */
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('../../node_modules/.cache/mabeam-tests', import.meta.url));

export default function keepCompiled(): void {
  process.env['NODE_COMPILE_CACHE'] ??= FOLDER;
}
