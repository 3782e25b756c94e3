/**
 * An open store: the log and what belongs to it, read and written synchronously.
 *
 * Owns the database from its opening to its close. Knows nothing of turns or promises: work that may take longer is
 * a generator, and its caller decides when it goes on.
 *
 * I1  What `write` is given is kept in one transaction, whole or not at all, in its order.
 * I2  Between the steps of an unfinished `write` nothing else may be asked: it would see what is not kept yet.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { errorInfoOf } from '../../../values/errors.ts';
import { FleetIndex } from '../../fleet-index.ts';
import type { SavedState } from '../../../definition/saved-state.ts';
import type { EventQuery, Recovery, StoreBatch } from '../../store.ts';
import type { SystemEvent } from '../../system-event.ts';
import { AgentColumn } from './agent-column.ts';
import { decodeEvent } from './event-json.ts';
import { damaged } from './failure.ts';
import type { FileCopy, HeldFile } from './held-file.ts';
import { type FileOptions, openFile, type OpenFile } from './open-file.ts';
import { Retention, type Retain } from './retention.ts';
import { numberOf } from './schema.ts';
import { SlotTable } from './slot-table.ts';
import { rollBack } from './transaction.ts';

/** Rows that are written before others get their turn: about half a millisecond. */
const ROWS_A_STEP = 200;
/** Pages that a piece of the work behind the log changes, more or less. */
const PAGES_A_PIECE = 64;

/** A batch, its events in the form in which they are kept. */
export interface EncodedBatch extends StoreBatch {
  readonly bodies: readonly string[];
}

export interface LogFileOptions extends FileOptions {
  readonly retain: Retain;
}

export class LogFile {
  readonly #path: string;
  readonly #db: DatabaseSync;
  readonly #held: HeldFile;
  readonly #statements: ReturnType<typeof statementsOf>;
  readonly #slots: SlotTable;
  readonly #column: AgentColumn;
  readonly #retention: Retention;
  #newest: SystemEvent | undefined;

  /**
   * The file, and what there is to go on from.
   *
   * @throws AgentSystemError `STORE_FAILED`, and more of what SQLite throws; the file is then closed again
   */
  static open(options: LogFileOptions): { readonly file: LogFile; readonly recovery: Recovery } {
    const opened = openFile(options);
    let file: LogFile;
    let recovery: Recovery;
    try {
      file = new LogFile(opened, options);
      recovery = file.#recover();
    } catch (thrown) {
      opened.held.discard();
      throw thrown;
    }
    try {
      opened.held.begin();
    } catch (thrown) {
      opened.held.close();
      throw thrown;
    }
    return { file, recovery };
  }

  private constructor({ db, held }: OpenFile, { path, retain }: LogFileOptions) {
    this.#path = path;
    this.#db = db;
    this.#held = held;
    this.#statements = statementsOf(db);
    this.#slots = new SlotTable(db);
    const row = this.#statements.newest.get();
    this.#newest = row && this.#decode(Number(row['sequence']), row['body']);
    if (this.#slots.upTo > this.lastSequence) {
      throw damaged(path, `event ${this.#slots.upTo}`, `a log that ends with event ${this.lastSequence}`);
    }
    this.#column = new AgentColumn(db, path, this.lastSequence);
    const decode = (sequence: number, body: unknown) => this.#decode(sequence, body);
    this.#retention = new Retention({ db, retain, slots: this.#slots, column: this.#column, decode });
  }

  /** Sequence of the newest event, 0 when there is none. */
  get lastSequence(): number {
    return this.#newest?.sequence ?? 0;
  }

  get bytes(): number {
    return numberOf(this.#db, 'page_count') * numberOf(this.#db, 'page_size');
  }

  /** Keeps batches; between two steps others may have their turn. @throws what SQLite throws: nothing was kept */
  *write(batches: readonly EncodedBatch[]): Generator<void, void, undefined> {
    const { begin, insert, dropState, setState, setFact, commit } = this.#statements;
    this.#held.look();
    const rewind = this.#column.mark();
    let rows = 0;
    let bytes = 0;
    let scattered = 0;
    try {
      begin.run();
      for (const { events, bodies, states, facts } of batches) {
        for (const [place, event] of events.entries()) {
          if (rows++ % ROWS_A_STEP === 0 && rows > 1) yield;
          insert.run(event.sequence, bodies[place]!);
          bytes += bodies[place]!.length;
          this.#column.add(event);
          if (event.type === 'agent.forgotten') dropState.run(keyOf(event.agentId));
        }
        for (const [agentId, state] of states ?? []) {
          if (rows++ % ROWS_A_STEP === 0 && rows > 1) yield;
          if (state === null) dropState.run(keyOf(agentId));
          else setState.run(keyOf(agentId), state.json, state.stateVersion);
          bytes += state?.json.length ?? 0;
          scattered += 1;
        }
        for (const [name, value] of facts ?? []) {
          setFact.run(keyOf(name), keyOf(value));
          bytes += value.length;
          scattered += 1;
        }
      }
      commit.run();
    } catch (thrown) {
      rewind();
      rollBack(this.#db);
      // Somebody may have moved or written the file since it was looked at: then that is what is told.
      this.#held.lookNow();
      throw thrown;
    }
    this.#held.wrote({ bytes, rows: scattered });
    for (const { events } of batches) {
      for (const event of events) {
        this.#slots.note(event);
        this.#retention.note(event);
      }
      this.#newest = events.at(-1) ?? this.#newest;
    }
  }

  /** @throws AgentSystemError `STORE_FAILED` when the file is not where it was, or not as it was left */
  check(): void {
    this.#held.lookNow();
  }

  /** Writes the log back into the file when it has grown. @throws as `check`, and what SQLite throws */
  checkpointIfDue(): void {
    if (this.#held.isCheckpointDue) this.#held.checkpoint();
  }

  read({ agentId, after = 0, limit }: EventQuery): readonly SystemEvent[] {
    this.#held.assertReadable();
    const from = Math.max(after, this.#retention.keptAfter);
    if (agentId === undefined) return [...this.#eventsAfter(from, limit)];
    const found: SystemEvent[] = [];
    for (const sequence of this.#column.find(agentId, from)) {
      const row = this.#statements.at.get(sequence);
      const event = row && this.#decode(sequence, row['body']);
      if (event?.agentId === agentId && found.push(event) >= limit) break;
    }
    return found;
  }

  state(agentId: string): SavedState | undefined {
    this.#held.assertReadable();
    const row = this.#statements.state.get(keyOf(agentId));
    return row && { json: String(row['json']), stateVersion: Number(row['state_version']) };
  }

  /** What is to be done behind the log: a bounded piece a step; `undefined` when nothing is due. */
  upkeep(): Generator<void, void, undefined> | undefined {
    if (this.#newest === undefined) return undefined;
    const isOver = this.#retention.isDue(this.#newest);
    return isOver || this.#slots.isDue ? this.#looking(this.#tidy(this.#newest, isOver)) : undefined;
  }

  /** Drops all that retention lets go, and makes the file as small as it can be: a bounded piece a step. */
  *compact(): Generator<void, void, undefined> {
    yield* this.#looking(this.#compact());
    this.#held.checkpoint('empty');
  }

  /** The file as it is, with all that was kept by now, while others write. @throws AgentSystemError `STORE_FAILED` */
  beginCopy(): FileCopy {
    return this.#held.beginCopy();
  }

  /** Copies that are being made of it end early. */
  end(): void {
    this.#held.end();
  }

  close(): void {
    this.#held.close();
  }

  /** Work behind the log, a piece a step: before each the file is looked at. */
  *#looking(work: Generator<void, void, undefined>): Generator<void, void, undefined> {
    try {
      for (this.#held.look(); !work.next().done; this.#held.look()) {
        this.#held.wrote({ bytes: 0, rows: PAGES_A_PIECE });
        yield;
      }
    } finally {
      work.return();
    }
  }

  *#compact(): Generator<void, void, undefined> {
    if (this.#newest) yield* this.#tidy(this.#newest, true);
    yield* this.#retention.reclaim(true);
  }

  *#tidy(newest: SystemEvent, isOver: boolean): Generator<void, void, undefined> {
    yield* this.#slots.flush(this.#retention.keptAfter);
    if (!isOver) return;
    yield* this.#retention.cut(newest);
    yield* this.#retention.reclaim(false);
  }

  /** Reads what the file's tables say, and notes again the events that they do not have yet. */
  #recover(): Recovery {
    const index = new FleetIndex();
    this.#slots.load(index, (sequence, body) => this.#decode(sequence, body));
    const { writtenUpTo } = this.#column;
    const { upTo } = this.#slots;
    for (const event of this.#eventsAfter(Math.min(writtenUpTo, upTo))) {
      if (event.sequence > writtenUpTo) this.#column.add(event);
      if (event.sequence <= upTo) continue;
      this.#slots.note(event);
      index.note(event);
    }
    const facts = this.#statements.facts
      .all()
      .map(({ name, value }) => [JSON.parse(String(name)), JSON.parse(String(value))] as [string, string]);
    return { ...index.recovery(), facts: new Map(facts), lastSequence: this.lastSequence };
  }

  *#eventsAfter(after: number, limit = Infinity): Generator<SystemEvent, void, undefined> {
    const atMost = Number.isSafeInteger(limit) ? limit : -1;
    for (const row of this.#statements.after.iterate(after, atMost)) {
      yield this.#decode(Number(row['sequence']), row['body']);
    }
  }

  /** @throws AgentSystemError `STORE_FAILED` when the event is missing or invalid */
  #decode(sequence: number, body: unknown): SystemEvent {
    const expected = `event ${sequence}`;
    if (typeof body !== 'string') throw damaged(this.#path, expected, 'nothing in its place');
    try {
      const event = decodeEvent(body);
      if (event.sequence === sequence) return event;
    } catch (thrown) {
      throw damaged(this.#path, expected, errorInfoOf(thrown).message, thrown);
    }
    throw damaged(this.#path, expected, 'another one in its place');
  }
}

/** Any string as well-formed text: SQLite would give back others where it is not, a lone surrogate say. */
function keyOf(text: string): string {
  return JSON.stringify(text);
}

function statementsOf(
  db: DatabaseSync,
): Readonly<
  Record<
    | 'begin'
    | 'commit'
    | 'insert'
    | 'setState'
    | 'dropState'
    | 'setFact'
    | 'newest'
    | 'after'
    | 'at'
    | 'state'
    | 'facts',
    StatementSync
  >
> {
  return {
    begin: db.prepare('BEGIN IMMEDIATE'),
    commit: db.prepare('COMMIT'),
    insert: db.prepare('INSERT INTO event VALUES (?, ?)'),
    setState: db.prepare(`
      INSERT INTO state VALUES (?, ?, ?)
      ON CONFLICT DO UPDATE SET json = excluded.json, state_version = excluded.state_version
    `),
    dropState: db.prepare('DELETE FROM state WHERE agent = ?'),
    setFact: db.prepare('INSERT OR REPLACE INTO fact VALUES (?, ?)'),
    newest: db.prepare('SELECT sequence, body FROM event ORDER BY sequence DESC LIMIT 1'),
    after: db.prepare('SELECT sequence, body FROM event WHERE sequence > ? ORDER BY sequence LIMIT ?'),
    at: db.prepare('SELECT body FROM event WHERE sequence = ?'),
    state: db.prepare('SELECT json, state_version FROM state WHERE agent = ?'),
    facts: db.prepare('SELECT name, value FROM fact'),
  };
}
