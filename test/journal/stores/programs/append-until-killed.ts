/** Appends the known history to a store, from where it ends, and tells what was acknowledged, until it is killed. */
import { writeSync } from 'node:fs';
import { sqliteStore } from '../../../../src/sqlite.ts';
import { knownBatches } from '../known-history.ts';

const [path, retainEvents] = process.argv.slice(2) as [string, string?];
const tell = (line: string) => writeSync(1, `${line}\n`);
const CALLERS = 8;

tell('opening');
const store = sqliteStore(
  path,
  retainEvents === undefined ? {} : { retain: { events: Number(retainEvents) } },
);
const { lastSequence } = store.recover();
const batches = knownBatches();
let batch = batches.next().value;
while (batch.events[0]!.sequence <= lastSequence) batch = batches.next().value;

const call = async (): Promise<never> => {
  for (;;) {
    const mine = batch;
    batch = batches.next().value;
    await store.append(mine);
    tell(`kept ${mine.events.at(-1)!.sequence}`);
  }
};
await Promise.all(Array.from({ length: CALLERS }, call));
