/**
 * Drops what is too old or too much, and gives its space back: a bounded piece of work at a time.
 *
 * I1  Events go oldest first, and none that the slots hold. `keptAfter` is where what is left begins.
 * I2  No step looks at more than `EVENTS_A_STEP` events, or moves more than `PAGES_A_STEP` pages.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { SystemEvent } from '../../system-event.ts';
import type { AgentColumn } from './agent-column.ts';
import { numberOf } from './schema.ts';
import type { SlotTable } from './slot-table.ts';
import { inTransaction } from './transaction.ts';

/** Fewer are not worth a transaction: so many may be left beyond the bound. */
const EVENTS_A_STEP = 256;
const PAGES_A_STEP = 64;
/** Free pages that are left for what comes: at least these, and up to this share of the file. */
const SPARE_PAGES = 1_024;
const SPARE_SHARE = 0.25;

/** What is kept of the history: both bounds hold where both are given. */
export interface Retain {
  /** So many of the newest events. */
  readonly events?: number | undefined;
  /** Events not older than this, counted from the newest. */
  readonly ageMs?: number | undefined;
}

export interface RetentionParts {
  readonly db: DatabaseSync;
  readonly retain: Retain;
  readonly slots: SlotTable;
  readonly column: AgentColumn;
  readonly decode: (sequence: number, body: unknown) => SystemEvent;
}

export class Retention {
  /** Nothing up to this event is left, but for what slots hold. */
  keptAfter: number;
  readonly #db: DatabaseSync;
  readonly #maxEvents: number;
  readonly #maxAgeMs: number;
  readonly #slots: SlotTable;
  readonly #column: AgentColumn;
  readonly #decode: RetentionParts['decode'];
  readonly #next: StatementSync;
  readonly #drop: StatementSync;
  readonly #setKeptAfter: StatementSync;
  readonly #lastOfStep: StatementSync;
  /** The event with which a whole step would be over age. */
  #ripe: SystemEvent | undefined;

  constructor({ db, retain, slots, column, decode }: RetentionParts) {
    this.#db = db;
    this.#maxEvents = retain.events ?? Infinity;
    this.#maxAgeMs = retain.ageMs ?? Infinity;
    this.#slots = slots;
    this.#column = column;
    this.#decode = decode;
    this.#next = db.prepare('SELECT sequence, body FROM event WHERE sequence > ? ORDER BY sequence LIMIT ?');
    this.#lastOfStep = db.prepare(
      `SELECT sequence, body FROM event WHERE sequence > ? ORDER BY sequence LIMIT 1 OFFSET ${EVENTS_A_STEP - 1}`,
    );
    this.#drop = db.prepare(
      'DELETE FROM event WHERE sequence > ? AND sequence <= ? AND sequence NOT IN (SELECT value FROM json_each(?))',
    );
    this.#setKeptAfter = db.prepare(`UPDATE progress SET value = ? WHERE name = 'keptAfter'`);
    const row = db.prepare(`SELECT value FROM progress WHERE name = 'keptAfter'`).get();
    this.keptAfter = Number(row?.['value']);
  }

  /** Whether there is a whole step's work, now that `newest` has come. */
  isDue(newest: SystemEvent): boolean {
    if (newest.sequence - this.keptAfter < EVENTS_A_STEP) return false;
    if (newest.sequence - this.#maxEvents - this.keptAfter >= EVENTS_A_STEP) return true;
    if (this.#maxAgeMs === Infinity) return false;
    if (this.#ripe === undefined) {
      const row = this.#lastOfStep.get(this.keptAfter);
      if (row) this.#ripe = this.#decode(Number(row['sequence']), row['body']);
    }
    return this.#ripe !== undefined && this.#isOver(this.#ripe, newest);
  }

  /** Drops, a step at a time, what is over the bounds and noted in the slot table. */
  *cut(newest: SystemEvent): Generator<void, void, undefined> {
    for (;;) {
      const over: SystemEvent[] = [];
      for (const row of this.#next.all(this.keptAfter, EVENTS_A_STEP)) {
        const event = this.#decode(Number(row['sequence']), row['body']);
        if (event.sequence > this.#slots.upTo || !this.#isOver(event, newest)) break;
        over.push(event);
      }
      const last = over.at(-1);
      if (last === undefined) return;
      this.#dropUpTo(last.sequence, over);
      yield;
      if (over.length < EVENTS_A_STEP) return;
    }
  }

  /** Gives free pages back to the file system, but those that are worth keeping; with `all`, these too. */
  *reclaim(all: boolean): Generator<void, void, undefined> {
    for (;;) {
      const free = numberOf(this.#db, 'freelist_count');
      const spare = all ? 0 : Math.max(SPARE_PAGES, numberOf(this.#db, 'page_count') * SPARE_SHARE);
      if (free <= spare) return;
      this.#db.exec(`PRAGMA incremental_vacuum(${PAGES_A_STEP})`);
      yield;
      if (numberOf(this.#db, 'freelist_count') >= free) return;
    }
  }

  #isOver({ sequence, at }: SystemEvent, newest: SystemEvent): boolean {
    return sequence <= newest.sequence - this.#maxEvents || at < newest.at - this.#maxAgeMs;
  }

  #dropUpTo(sequence: number, events: readonly SystemEvent[]): void {
    const needed = events.filter((event) => this.#slots.holds(event)).map((event) => event.sequence);
    inTransaction(this.#db, () => {
      this.#drop.run(this.keptAfter, sequence, JSON.stringify(needed));
      this.#setKeptAfter.run(sequence);
      this.#column.dropBefore(sequence + 1);
    });
    this.keptAfter = sequence;
    this.#ripe = undefined;
  }
}
