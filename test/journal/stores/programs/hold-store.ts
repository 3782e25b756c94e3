/** Has a store open until its standard input ends, or it is killed. */
import { writeSync } from 'node:fs';
import { sqliteStore } from '../../../../src/sqlite.ts';
import { knownBatches } from '../known-history.ts';

const [path] = process.argv.slice(2) as [string];
const store = sqliteStore(path);
const { lastSequence } = store.recover();
if (lastSequence === 0) await store.append(knownBatches().next().value);
writeSync(1, 'open\n');
process.stdin.resume().once('end', () => void store.close());
