/**
 * The agent of each event: a column of the log, searched for the history of one agent.
 *
 * A hash of four bytes an event, 1,024 events to a row, written once when its block is over; the block at the end
 * of the log is in memory, and read from the log again when the file is opened. A million events are searched in
 * milliseconds, and keeping it costs the same whatever the fleet: an index would touch a random page an event.
 *
 * I1  Every event of an agent is among those that are found for it. Others may be too: readers filter them.
 * I2  Nothing else would show that a row is damaged: it has a checksum, and is not searched when that is wrong.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import zlib from 'node:zlib';
import type { SystemEvent } from '../../system-event.ts';
import { damaged } from './failure.ts';

const EVENTS_A_BLOCK = 1_024;
const BYTES_A_HASH = 4;

export class AgentColumn {
  readonly #insert: StatementSync;
  readonly #select: StatementSync;
  readonly #delete: StatementSync;
  readonly #path: string;
  #block: number;
  /** Hashes of the last block, 0 where there is no agent. */
  #hashes = new Uint32Array(EVENTS_A_BLOCK);

  /** The column of a log that ends at `lastSequence`, 0 for an empty one. */
  constructor(db: DatabaseSync, path: string, lastSequence: number) {
    this.#path = path;
    this.#block = blockOf(Math.max(1, lastSequence));
    this.#insert = db.prepare('INSERT OR REPLACE INTO event_agents VALUES (?, ?, ?)');
    this.#select = db.prepare(
      'SELECT block, hashes, checksum FROM event_agents WHERE block >= ? ORDER BY block',
    );
    this.#delete = db.prepare('DELETE FROM event_agents WHERE block < ?');
  }

  /** Events beyond this one are not in the file's rows yet: they have to be added again when it is opened. */
  get writtenUpTo(): number {
    return this.#block * EVENTS_A_BLOCK;
  }

  /** Adds the next event, inside a transaction or while the file is opened. */
  add({ sequence, agentId }: SystemEvent): void {
    const block = blockOf(sequence);
    if (block !== this.#block) {
      const bytes = bytesOf(this.#hashes);
      this.#insert.run(this.#block, bytes, zlib.crc32(bytes));
      this.#block = block;
      this.#hashes = new Uint32Array(EVENTS_A_BLOCK);
    }
    this.#hashes[placeOf(sequence)] = agentId === undefined ? 0 : hashOf(agentId);
  }

  /** Where the column ends now; `rewind` goes back there when the transaction was rolled back. */
  mark(): () => void {
    const block = this.#block;
    const hashes = this.#hashes;
    return () => {
      this.#block = block;
      // What was added since stays in it, and does no harm: no such event will be there, or another in its place.
      this.#hashes = hashes;
    };
  }

  /**
   * Sequences beyond `after` of the events that may be the agent's, in order.
   *
   * @throws AgentSystemError `STORE_FAILED`
   */
  *find(agentId: string, after: number): Generator<number, void, undefined> {
    const wanted = hashOf(agentId);
    const first = after + 1;
    for (const row of this.#select.iterate(blockOf(first))) {
      const block = Number(row['block']);
      const bytes = row['hashes'] as Uint8Array;
      if (zlib.crc32(bytes) !== row['checksum']) {
        throw damaged(this.#path, `whose events are in block ${block}`, 'something else');
      }
      if (block < this.#block) yield* placesIn(block, hashesOf(bytes), wanted, first);
    }
    yield* placesIn(this.#block, this.#hashes, wanted, first);
  }

  /** Drops what is only about events before `sequence`, inside a transaction. */
  dropBefore(sequence: number): void {
    this.#delete.run(blockOf(sequence));
  }
}

function blockOf(sequence: number): number {
  return Math.floor((sequence - 1) / EVENTS_A_BLOCK);
}

function placeOf(sequence: number): number {
  return (sequence - 1) % EVENTS_A_BLOCK;
}

function* placesIn(
  block: number,
  hashes: Uint32Array,
  wanted: number,
  first: number,
): Generator<number, void, undefined> {
  let place = block === blockOf(first) ? placeOf(first) : 0;
  if (block < blockOf(first)) return;
  while ((place = hashes.indexOf(wanted, place)) !== -1) {
    yield block * EVENTS_A_BLOCK + place + 1;
    place += 1;
  }
}

/** FNV-1a over the code units; never 0. */
function hashOf(agentId: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < agentId.length; at++) {
    hash = Math.imul(hash ^ agentId.charCodeAt(at), 0x01000193);
  }
  return hash >>> 0 || 1;
}

/** Little-endian, so that a file can be moved to another machine. */
function bytesOf(hashes: Uint32Array): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(hashes.length * BYTES_A_HASH));
  for (const [place, hash] of hashes.entries()) bytes.setUint32(place * BYTES_A_HASH, hash, true);
  return new Uint8Array(bytes.buffer);
}

function hashesOf(stored: Uint8Array): Uint32Array {
  const bytes = new DataView(stored.buffer, stored.byteOffset, stored.byteLength);
  const hashes = new Uint32Array(stored.byteLength / BYTES_A_HASH);
  for (const place of hashes.keys()) hashes[place] = bytes.getUint32(place * BYTES_A_HASH, true);
  return hashes;
}
