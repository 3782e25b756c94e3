import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { FleetIndex } from '../../../src/runtime/journal/fleet-index.ts';
import { sqliteStore } from '../../../src/sqlite.ts';
import { seededRandom } from '../../../src/testing/index.ts';
import { agentOf, batchesUpTo, stateOf } from './known-history.ts';
import { place, programs } from './store-file-rig.ts';

/** Runs the writer until it has told so many lines; kills it then. The last sequence that it said was kept. */
async function killAfter(lines: number, args: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [programs.appendUntilKilled, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let complaints = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaints += text));
  let kept = 0;
  let told = 0;
  for await (const line of createInterface(child.stdout)) {
    // Lines go on to come until the pipe is empty: the writer had told them before it died.
    if (line.startsWith('kept ')) kept = Math.max(kept, Number(line.slice('kept '.length)));
    told += 1;
    if (told === lines) child.kill('SIGKILL');
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  expect({ signal: child.signalCode, complaints }).toEqual({ signal: 'SIGKILL', complaints: '' });
  return kept;
}

/** Opens what the dead writer left, and looks at every event, state and fact. How far it is. */
async function examine(path: string, retainEvents: number | undefined): Promise<number> {
  const store = sqliteStore(path, retainEvents === undefined ? {} : { retain: { events: retainEvents } });
  try {
    const { lastSequence, facts, ...fleet } = store.recover();
    const batches = batchesUpTo(lastSequence);
    const history = batches.flatMap(({ events }) => events);
    const read = await store.read({ limit: Infinity });
    assert.deepStrictEqual(read, history.slice(-read.length));
    expect(read.length).toBeGreaterThanOrEqual(Math.min(retainEvents ?? Infinity, history.length));
    const index = new FleetIndex();
    for (const event of history) index.note(event);
    assert.deepStrictEqual(fleet, index.recovery());
    expect(facts).toEqual(new Map(batches.length > 0 ? [['batch', String(batches.length)]] : []));
    for (const { number } of batches.slice(-40)) {
      expect(await store.state(agentOf(number))).toEqual(stateOf(number));
    }
    return lastSequence;
  } finally {
    await store.close();
  }
}

test.each([
  { kept: 'all of the history', retainEvents: undefined, seed: 1 },
  { kept: 'its end', retainEvents: 600, seed: 2 },
])(
  'a store that keeps $kept has all that was acknowledged, in order and whole batches, after each of 8 kills',
  async ({ retainEvents, seed }) => {
    const path = place();
    const random = seededRandom(seed);
    let last = 0;
    for (let kill = 0; kill < 8; kill++) {
      // Now and then it dies while it opens the file.
      const lines = random() < 0.2 ? 1 : 2 + Math.floor(random() * 60);
      const args = retainEvents === undefined ? [path] : [path, String(retainEvents)];
      const acknowledged = await killAfter(lines, args);
      const reached = await examine(path, retainEvents);
      expect(reached).toBeGreaterThanOrEqual(Math.max(acknowledged, last));
      last = reached;
    }
    expect(last).toBeGreaterThan(1_000);
  },
);
