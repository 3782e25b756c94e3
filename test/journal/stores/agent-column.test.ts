import { DatabaseSync } from 'node:sqlite';
import { expect, it } from 'vitest';
import type { SystemEvent } from '../../../src/index.ts';
import { AgentColumn } from '../../../src/runtime/journal/stores/sqlite/agent-column.ts';

const EVENTS_A_BLOCK = 1_024;
/** As published for 32 bits: http://www.isthe.com/chongo/tech/comp/fnv. */
const FNV_1A = { '': 0x811c9dc5, a: 0xe40c292c, foobar: 0xbf9cf968 };

it('a file has the FNV-1a of the agent of each event, little-endian: one that another version wrote is read', () => {
  using db = new DatabaseSync(':memory:');
  db.exec('CREATE TABLE event_agents (block INTEGER PRIMARY KEY, hashes BLOB, checksum INTEGER)');
  const column = new AgentColumn(db, 'a.db', 0);
  const ids = [...Object.keys(FNV_1A), undefined];
  for (const [place, agentId] of ids.entries()) column.add({ sequence: place + 1, agentId } as SystemEvent);
  column.add({ sequence: EVENTS_A_BLOCK + 1 } as SystemEvent);
  expect(column.writtenUpTo).toBe(EVENTS_A_BLOCK);

  const { hashes } = db.prepare('SELECT hashes FROM event_agents').get() as { hashes: Uint8Array };
  const read = new DataView(hashes.buffer, hashes.byteOffset, hashes.byteLength);
  expect(hashes.byteLength).toBe(4 * EVENTS_A_BLOCK);
  expect(ids.map((_, place) => read.getUint32(4 * place, true))).toEqual([...Object.values(FNV_1A), 0]);

  const opened = new AgentColumn(db, 'a.db', EVENTS_A_BLOCK + 1);
  expect(Object.keys(FNV_1A).map((agentId) => [...opened.find(agentId, 0)])).toEqual([[1], [2], [3]]);
});
