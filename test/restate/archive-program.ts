/** Keeps a log in a file until it is killed: `node archive-program.ts <file> <newest>`; tells how far it has come. */
import { keepEvents } from '../../src/restate.ts';
import { sqliteStore } from '../../src/sqlite.ts';
import { fleetWith } from './archived-log.ts';

const [file = '', newest = ''] = process.argv.slice(2);
const archive = await keepEvents(fleetWith({ oldest: 1, newest: Number(newest) }), sqliteStore(file));
for (let told = -1; ; await new Promise((resolve) => setImmediate(resolve))) {
  if (archive.last > told) process.send?.((told = archive.last));
}
