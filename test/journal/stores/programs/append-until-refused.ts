/** Appends the known history until the store refuses; tells how far it came, and what the refusal said. */
import { writeSync } from 'node:fs';
import { AgentSystemError } from '../../../../src/runtime/values/errors.ts';
import { sqliteStore } from '../../../../src/sqlite.ts';
import { knownBatches } from '../known-history.ts';

const [path] = process.argv.slice(2) as [string];
const store = sqliteStore(path);
store.recover();
let kept = 0;
let refusal: unknown;
for (const batch of knownBatches()) {
  try {
    await store.append(batch);
    kept = batch.events.at(-1)!.sequence;
  } catch (thrown) {
    refusal = thrown;
    break;
  }
}
const code = refusal instanceof AgentSystemError ? refusal.code : undefined;
writeSync(1, JSON.stringify({ kept, code, message: String(refusal) }));
