/**
 * What programs of the tests have compiled is kept, for all of them: a child that begins from sources spends most of
 * its first second on that.
 */
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('../../node_modules/.cache/mabeam-tests', import.meta.url));

export default function keepCompiled(): void {
  process.env['NODE_COMPILE_CACHE'] ??= FOLDER;
}
