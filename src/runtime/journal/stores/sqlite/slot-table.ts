/**
 * Which events a recovery needs, on disk: the table `slot`, kept some thousand events behind the log.
 *
 * Changes are gathered in memory and written now and then, a slot once however often it changed; on opening, the
 * events since are noted again. Writing a change twice gives the same as once, so a program may die half-way.
 *
 * I1  What the table and the events beyond `upTo` say together is what a `FleetIndex` that saw all events says.
 * I2  An event that retention has passed goes when the last slot that held it lets it go.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import {
  type FleetIndex,
  type SlotChange,
  type SlotKind,
  slotChangeOf,
  slotKeyOf,
  slotKinds,
} from '../../fleet-index.ts';
import type { SystemEvent } from '../../system-event.ts';
import { inTransaction } from './transaction.ts';

/** Changes are written after so many events: the most that are noted again on opening. */
const EVENTS_A_FLUSH = 10_000;
const SLOTS_A_TRANSACTION = 200;

/** What is to be done to a slot: `hold` replaces it, `follow` and `amend` change what they name of it. */
interface SlotUpdate {
  readonly change: SlotChange['change'];
  readonly held: number | undefined;
  readonly latest: number | undefined;
}

const RELEASED: SlotUpdate = { change: 'release', held: undefined, latest: undefined };

export class SlotTable {
  /** The event up to which the table is complete. */
  upTo: number;
  readonly #db: DatabaseSync;
  readonly #statements: ReturnType<typeof statementsOf>;
  #updates = emptyUpdates();
  /** The newest event that was noted. */
  #newest: number;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#statements = statementsOf(db);
    const row = db.prepare(`SELECT value FROM progress WHERE name = 'slotsUpTo'`).get();
    this.upTo = Number(row?.['value']);
    this.#newest = this.upTo;
  }

  get isDue(): boolean {
    return this.#newest - this.upTo >= EVENTS_A_FLUSH;
  }

  /** An event beyond `upTo` was committed. */
  note(event: SystemEvent): void {
    this.#newest = event.sequence;
    const changed = slotChangeOf(event);
    if (changed === undefined) return;
    const { kind, change } = changed;
    const key = slotKeyOf(event, kind);
    const updates = this.#updates[kind];
    const { sequence } = event;
    if (change === 'release') updates.set(key, RELEASED);
    else if (change === 'hold') updates.set(key, { change, held: sequence, latest: undefined });
    else {
      const held = change === 'amend' ? sequence : undefined;
      const latest = change === 'follow' ? sequence : undefined;
      updates.set(key, afterBoth(updates.get(key), { change, held, latest }));
    }
  }

  /** Puts what the table holds into an empty index. `eventAt` throws for an event that is not there. */
  load(index: FleetIndex, eventAt: (sequence: number, body: unknown) => SystemEvent): void {
    for (const row of this.#statements.load.iterate()) {
      const latest = row['latest'] === null ? undefined : eventAt(Number(row['latest']), row['latestBody']);
      const held = eventAt(Number(row['held']), row['heldBody']);
      index.restore(row['kind'] as SlotKind, JSON.parse(String(row['key'])) as string, { held, latest });
    }
  }

  /** Whether the table says that a recovery needs the event. */
  holds(event: SystemEvent): boolean {
    const changed = slotChangeOf(event);
    if (changed === undefined || changed.change === 'release') return false;
    const { kind } = changed;
    const key = slotKeyOf(event, kind);
    return (
      this.#statements.holds.get(kind, JSON.stringify(key), event.sequence, event.sequence) !== undefined
    );
  }

  /**
   * Brings the table up to the newest event that was noted: one transaction a step.
   *
   * @param keptAfter retention has passed this event: what is let go of up to it is dropped
   */
  *flush(keptAfter: number): Generator<void, void, undefined> {
    const upTo = this.#newest;
    const updates = this.#updates;
    this.#updates = emptyUpdates();
    // In the order of the table, so that neighbours share a page.
    const slots = slotKinds.flatMap((kind) =>
      [...updates[kind].keys()].toSorted().map((key) => [kind, key] as const),
    );
    try {
      for (let at = 0; this.upTo < upTo; at += SLOTS_A_TRANSACTION) {
        const some = slots.slice(at, at + SLOTS_A_TRANSACTION);
        const isLast = at + some.length === slots.length;
        inTransaction(this.#db, () => {
          for (const [kind, key] of some) {
            this.#write(kind, JSON.stringify(key), updates[kind].get(key)!, keptAfter);
          }
          if (isLast) this.#statements.setUpTo.run(upTo);
        });
        if (isLast) this.upTo = upTo;
        yield;
      }
    } finally {
      if (this.upTo < upTo) this.#takeBack(updates);
    }
  }

  #write(kind: SlotKind, key: string, { change, held, latest }: SlotUpdate, keptAfter: number): void {
    const { dropHeld, dropLatest, hold, amend, follow, release } = this.#statements;
    if (keptAfter > 0) {
      if (change !== 'amend' || latest !== undefined) dropLatest.run(keptAfter, kind, key);
      if (change !== 'follow') dropHeld.run(keptAfter, kind, key);
    }
    if (change === 'hold') hold.run(kind, key, held!, latest ?? null);
    else if (change === 'amend') amend.run(held!, latest ?? null, kind, key);
    else if (change === 'follow') follow.run(latest!, kind, key);
    else release.run(kind, key);
  }

  /** What was not written, or not all of it, is still to be: before what has come since. */
  #takeBack(updates: ReturnType<typeof emptyUpdates>): void {
    const since = this.#updates;
    this.#updates = updates;
    for (const kind of slotKinds) {
      for (const [key, update] of since[kind]) {
        updates[kind].set(key, afterBoth(updates[kind].get(key), update));
      }
    }
  }
}

/** One update after another, as one. What follows or amends a slot that was released does nothing. */
function afterBoth(earlier: SlotUpdate | undefined, update: SlotUpdate): SlotUpdate {
  if (earlier === undefined || update.change === 'hold' || update.change === 'release') return update;
  if (earlier.change === 'release') return earlier;
  return {
    // The slot was written or amended: its present holder is written again.
    change: earlier.change === 'follow' ? update.change : earlier.change,
    held: update.held ?? earlier.held,
    latest: update.latest ?? earlier.latest,
  };
}

function emptyUpdates(): Readonly<Record<SlotKind, Map<string, SlotUpdate>>> {
  return {
    agent: new Map(),
    task: new Map(),
    variable: new Map(),
    round: new Map(),
    budget: new Map(),
    schedule: new Map(),
  };
}

function statementsOf(
  db: DatabaseSync,
): Readonly<
  Record<
    'load' | 'holds' | 'hold' | 'amend' | 'follow' | 'release' | 'dropHeld' | 'dropLatest' | 'setUpTo',
    StatementSync
  >
> {
  return {
    load: db.prepare(`
      SELECT kind, key, held, latest, h.body AS heldBody, l.body AS latestBody
      FROM slot LEFT JOIN event h ON h.sequence = held LEFT JOIN event l ON l.sequence = latest
      ORDER BY held
    `),
    holds: db.prepare('SELECT 1 FROM slot WHERE kind = ? AND key = ? AND (held = ? OR latest = ?)'),
    hold: db.prepare('INSERT OR REPLACE INTO slot VALUES (?, ?, ?, ?)'),
    amend: db.prepare('UPDATE slot SET held = ?, latest = coalesce(?, latest) WHERE kind = ? AND key = ?'),
    follow: db.prepare('UPDATE slot SET latest = ? WHERE kind = ? AND key = ?'),
    release: db.prepare('DELETE FROM slot WHERE kind = ? AND key = ?'),
    dropHeld: db.prepare(
      'DELETE FROM event WHERE sequence <= ? AND sequence = (SELECT held FROM slot WHERE kind = ? AND key = ?)',
    ),
    dropLatest: db.prepare(
      'DELETE FROM event WHERE sequence <= ? AND sequence = (SELECT latest FROM slot WHERE kind = ? AND key = ?)',
    ),
    setUpTo: db.prepare(`UPDATE progress SET value = ? WHERE name = 'slotsUpTo'`),
  };
}
