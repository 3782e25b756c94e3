/**
 * Drops what is too old or too much, and gives its space back: a bounded piece of work at a time.
 *
 * I1  Events go oldest first, and none that the slots hold. `keptAfter` is where what is left begins.
 * I2  No step looks at more than `EVENTS_A_STEP` events, or moves more than `PAGES_A_STEP` pages.
 * I3  A clock that was wrong for a while makes no history old, and keeps none: ages are told by events that many
 *     others agree with, and what is stamped later than those is as old as what came after it.
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

/** Of so many of the newest events half, or `AGREEING`, have to be as late as a time for it to have come. */
const RECENT = 128;
const AGREEING = 64;

/** What is kept of the history: both bounds hold where both are given. */
export interface Retain {
  /** So many of the newest events. */
  readonly events?: number | undefined;
  /**
   * Events not older than this, counted from the latest. A time that is as much later than all before it counts once
   * half of the last 128 events are as late.
   */
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
  readonly #newest: StatementSync;
  readonly #lastOfStep: StatementSync;
  /** The event with which a whole step would be over age. */
  #ripe: SystemEvent | undefined;
  /** When the newest events were stamped, in a ring: event `n` is at `n % RECENT`. */
  readonly #recent: number[] = [];
  /** The first event beyond `keptAfter` whose stamp can be right, as far as it was looked for. */
  #sound: SystemEvent | undefined;

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
    this.#newest = db.prepare(`SELECT sequence, body FROM event ORDER BY sequence DESC LIMIT ${RECENT}`);
    this.#setKeptAfter = db.prepare(`UPDATE progress SET value = ? WHERE name = 'keptAfter'`);
    const row = db.prepare(`SELECT value FROM progress WHERE name = 'keptAfter'`).get();
    this.keptAfter = Number(row?.['value']);
    if (this.#maxAgeMs === Infinity) return;
    for (const newest of this.#newest.all().toReversed()) {
      this.note(this.#decode(Number(newest['sequence']), newest['body']));
    }
  }

  /** An event was committed. */
  note({ sequence, at }: SystemEvent): void {
    if (this.#maxAgeMs !== Infinity) this.#recent[sequence % RECENT] = at;
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
    return this.#ripe !== undefined && this.#isOver(this.#ripe, newest, this.#now(newest));
  }

  /** Drops, a step at a time, what is over the bounds and noted in the slot table. */
  *cut(newest: SystemEvent): Generator<void, void, undefined> {
    const now = this.#now(newest);
    for (;;) {
      const over: SystemEvent[] = [];
      for (const row of this.#next.all(this.keptAfter, EVENTS_A_STEP)) {
        const event = this.#decode(Number(row['sequence']), row['body']);
        if (event.sequence > this.#slots.upTo || !this.#isOver(event, newest, now)) break;
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

  #isOver(event: SystemEvent, newest: SystemEvent, now: number): boolean {
    if (event.sequence <= newest.sequence - this.#maxEvents) return true;
    if (this.#maxAgeMs === Infinity) return false;
    const { at } = event.at <= now ? event : this.#soundFrom(event, now);
    return at < now - this.#maxAgeMs;
  }

  /** What time it is, as events tell it. */
  #now({ at }: SystemEvent): number {
    if (this.#maxAgeMs === Infinity) return at;
    const stamps = this.#recent.filter((stamp) => stamp !== undefined).toSorted((a, b) => b - a);
    let place = Math.min(AGREEING, Math.ceil(stamps.length / 2)) - 1;
    // Those that are later count as long as there is none of the age's length between one and the next.
    while (place > 0 && stamps[place - 1]! - stamps[place]! <= this.#maxAgeMs) place -= 1;
    return stamps[place] ?? at;
  }

  /** The first event from this one on that is not stamped later than now; the event itself where there is none yet. */
  #soundFrom(event: SystemEvent, now: number): SystemEvent {
    let { sequence } = event;
    if (this.#sound !== undefined && this.#sound.sequence >= sequence && this.#sound.at <= now) {
      return this.#sound;
    }
    for (;;) {
      const rows = this.#next.all(sequence, EVENTS_A_STEP);
      if (rows.length === 0) return event;
      for (const row of rows) {
        sequence = Number(row['sequence']);
        const later = this.#decode(sequence, row['body']);
        if (later.at > now) continue;
        this.#sound = later;
        return later;
      }
    }
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
