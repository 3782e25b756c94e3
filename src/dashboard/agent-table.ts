/**
 * Every agent as a row, in the order of the last change. All viewers read from it, each at its own pace.
 *
 * It exists while there are viewers. Events say which agents may have changed; records are read in slices. Changes
 * without an event (memory, processor time) are found by a slow walk over the fleet.
 *
 * I1  A row that changed gets the next version and moves to the end: who has seen version n has yet to see all
 *     rows beyond n, and no others. A slow viewer, one that comes back and a new one are the same case.
 * I2  A row is made into text once for all viewers.
 * I3  The last 10,000 removed agents are remembered: a viewer that is further behind gets the whole table again.
 */
import type { AgentStatus } from '../machines/index.ts';
import type { Alert, AlertType } from '../index.ts';
import { type Noted, rowOf } from './agent-row.ts';
import type { AgentRow, StatusCounts } from './protocol.ts';
import { settled, type WatchedSystem } from './watched-system.ts';

interface Entry {
  row: AgentRow;
  text: string;
  version: number;
  before: Entry | undefined;
  after: Entry | undefined;
  cpuMs: number;
  cpuReadAt: number;
}

type NotedOf = (agentId: string) => Noted | undefined;

interface Departure {
  readonly id: string;
  readonly version: number;
}

/** What a viewer at one version has yet to see. */
export interface Changes {
  /** Rows as JSON. */
  readonly rows: readonly string[];
  readonly gone: readonly string[];
  /** The viewer's version after these. */
  readonly version: number;
  readonly isMore: boolean;
}

/** Records that are read in one go, before the event loop gets a turn. */
const SLICE = 400;
/** Rows read again in each round, for changes without an event. */
const SWEEP = 100;
const MAX_DEPARTURES = 10_000;
const NO_ALERTS: readonly AlertType[] = [];

export class AgentTable {
  readonly #system: WatchedSystem;
  readonly #entries = new Map<string, Entry>();
  readonly #noted: NotedOf;
  readonly #dirty = new Set<string>();
  readonly #departures: Departure[] = [];
  /** Version of the last departure that is not kept. */
  #forgottenTo = 0;
  #first: Entry | undefined;
  #last: Entry | undefined;
  #version = 0;
  #sweep: Iterator<string> | undefined;
  #alerts = new Map<string, AlertType[]>();
  /** Open questions, by agent. */
  #questions = new Map<string, number>();
  #refreshing: Promise<void> | undefined;
  #isClosed = false;
  readonly #counts = new Map<string, Map<AgentStatus, number>>();
  /** Rows of agents that another one has spawned, by its id. */
  readonly #children = new Map<string, Set<Entry>>();
  #busy = 0;
  #waiting = 0;
  readonly #unsubscribe: () => void;

  /** @param noted what is known of an agent from its events */
  constructor(system: WatchedSystem, noted: NotedOf) {
    this.#system = system;
    this.#noted = noted;
    this.#unsubscribe = system.events.subscribe(({ agentId }) => {
      if (agentId !== undefined) this.#dirty.add(agentId);
    });
  }

  /** Takes in the whole fleet. */
  async fill(): Promise<void> {
    this.setAlerts(await settled(this.#system, () => this.#system.alerts.list()));
    await this.#system.mirror?.reread();
    await this.#countQuestions();
    const ids = this.#system.agents.ids();
    for (let place = 0; place < ids.length; place += SLICE) {
      if (place > 0) await new Promise(setImmediate);
      if (this.#isClosed) return;
      for (const id of ids.slice(place, place + SLICE)) this.#read(id);
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#unsubscribe();
  }

  get size(): number {
    return this.#entries.size;
  }

  get version(): number {
    return this.#version;
  }

  get(id: string): { readonly row: AgentRow; readonly version: number } | undefined {
    return this.#entries.get(id);
  }

  /** Rows of the agents that this one has spawned. */
  childrenOf(id: string): readonly AgentRow[] {
    return Array.from(this.#children.get(id) ?? [], ({ row }) => row);
  }

  *rows(): Generator<{ readonly row: AgentRow; readonly text: string }> {
    for (const entry of this.#entries.values()) yield entry;
  }

  counts(): {
    readonly counts: StatusCounts;
    readonly types: Readonly<Record<string, StatusCounts>>;
    readonly busy: number;
    readonly waiting: number;
  } {
    const all: Partial<Record<AgentStatus, number>> = {};
    const types: [string, StatusCounts][] = [];
    for (const [type, counts] of this.#counts) {
      const ofType: Partial<Record<AgentStatus, number>> = {};
      for (const [status, count] of counts) {
        if (count === 0) continue;
        ofType[status] = count;
        all[status] = (all[status] ?? 0) + count;
      }
      if (Object.keys(ofType).length > 0) types.push([type, ofType]);
    }
    return { counts: all, types: Object.fromEntries(types), busy: this.#busy, waiting: this.#waiting };
  }

  /** Takes the raised alerts: rows of agents whose alerts have changed are read again. */
  setAlerts(alerts: readonly Alert[]): void {
    const byAgent = new Map<string, AlertType[]>();
    for (const { agentId, alert } of alerts) {
      if (agentId === undefined) continue;
      const kinds = byAgent.get(agentId);
      if (kinds) kinds.push(alert);
      else byAgent.set(agentId, [alert]);
    }
    for (const [id, kinds] of byAgent) if (kinds.join() !== this.#alerts.get(id)?.join()) this.#dirty.add(id);
    for (const id of this.#alerts.keys()) if (!byAgent.has(id)) this.#dirty.add(id);
    this.#alerts = byAgent;
  }

  /** Reads rows that may have changed. Resolves when they are in the table. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  /** Whether all agents that were removed since that version are remembered. */
  reaches(version: number): boolean {
    return version >= this.#forgottenTo && version <= this.#version;
  }

  /** Rows beyond a version, oldest change first, at the most `limit`. */
  after(version: number, limit: number): Changes {
    let entry = version <= 0 ? this.#first : this.#last;
    if (version > 0) {
      while (entry?.before && entry.before.version > version) entry = entry.before;
      if (entry && entry.version <= version) entry = undefined;
    }
    const rows: string[] = [];
    let reached = version;
    for (; entry && rows.length < limit; entry = entry.after) {
      rows.push(entry.text);
      reached = entry.version;
    }
    if (entry === undefined) reached = this.#version;
    const gone = this.#departures.filter((one) => one.version > version && one.version <= reached);
    return { rows, gone: gone.map(({ id }) => id), version: reached, isMore: entry !== undefined };
  }

  async #refresh(): Promise<void> {
    const { mirror } = this.#system;
    if (mirror === undefined) this.#sweepOn();
    else for (const id of await mirror.reread()) this.#dirty.add(id);
    await this.#countQuestions();
    let read = 0;
    for (const id of this.#dirty) {
      this.#dirty.delete(id);
      this.#read(id);
      read += 1;
      if (read % SLICE !== 0) continue;
      await new Promise(setImmediate);
      if (this.#isClosed) return;
      // Rows that became dirty meanwhile are for the next round: a busy fleet would never let this one end.
      if (read > this.#entries.size) return;
    }
  }

  #sweepOn(): void {
    for (let count = Math.min(SWEEP, this.#entries.size); count > 0; count--) {
      this.#sweep ??= [...this.#entries.keys()].values();
      const { value, done } = this.#sweep.next();
      if (done) this.#sweep = undefined;
      else this.#dirty.add(value);
    }
  }

  async #countQuestions(): Promise<void> {
    const open = await settled(this.#system, () => this.#system.questions.list());
    const counts = new Map<string, number>();
    for (const { agentId } of open) counts.set(agentId, (counts.get(agentId) ?? 0) + 1);
    for (const [id, count] of counts) if (count !== this.#questions.get(id)) this.#dirty.add(id);
    for (const id of this.#questions.keys()) if (!counts.has(id)) this.#dirty.add(id);
    this.#questions = counts;
  }

  #read(id: string): void {
    let record;
    try {
      record = this.#system.agents.get(id);
    } catch {
      return this.#remove(id);
    }
    const known = this.#entries.get(id);
    const { cpuMs } = record.metrics;
    const now = performance.now();
    const isMeasured =
      cpuMs !== undefined && known !== undefined && cpuMs >= known.cpuMs && known.cpuReadAt > 0;
    const sinceMs = isMeasured ? now - known.cpuReadAt : 0;
    // A share over less than a second means little.
    const isDue = sinceMs >= 1_000;
    const cpuShare =
      isMeasured && isDue
        ? (cpuMs - known.cpuMs) / sinceMs
        : cpuMs === undefined
          ? undefined
          : known?.row.cpuShare;
    const alerts = this.#alerts.get(id) ?? NO_ALERTS;
    const row = rowOf(record, {
      noted: this.#noted(id),
      alerts,
      cpuShare,
      questions: this.#questions.get(id) ?? 0,
    });
    const text = JSON.stringify(row);
    const measured = cpuMs === undefined ? { cpuMs: 0, cpuReadAt: 0 } : { cpuMs, cpuReadAt: now };
    if (known === undefined) {
      const entry: Entry = { row, text, version: 0, before: undefined, after: undefined, ...measured };
      this.#entries.set(id, entry);
      if (row.parent !== undefined) {
        const children = this.#children.get(row.parent);
        if (children) children.add(entry);
        else this.#children.set(row.parent, new Set([entry]));
      }
      this.#count(row, 1);
      this.#append(entry);
      return;
    }
    if (isDue || !isMeasured) Object.assign(known, measured);
    if (text === known.text) return;
    this.#count(known.row, -1);
    this.#count(row, 1);
    known.row = row;
    known.text = text;
    this.#detach(known);
    this.#append(known);
  }

  #remove(id: string): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#entries.delete(id);
    const { parent } = entry.row;
    if (parent !== undefined) {
      const children = this.#children.get(parent);
      children?.delete(entry);
      if (children?.size === 0) this.#children.delete(parent);
    }
    this.#count(entry.row, -1);
    this.#detach(entry);
    this.#version += 1;
    this.#departures.push({ id, version: this.#version });
    if (this.#departures.length <= MAX_DEPARTURES * 1.1) return;
    const dropped = this.#departures.splice(0, this.#departures.length - MAX_DEPARTURES);
    this.#forgottenTo = dropped.at(-1)!.version;
  }

  #append(entry: Entry): void {
    this.#version += 1;
    entry.version = this.#version;
    entry.before = this.#last;
    entry.after = undefined;
    if (this.#last) this.#last.after = entry;
    else this.#first = entry;
    this.#last = entry;
  }

  #detach({ before, after }: Entry): void {
    if (before) before.after = after;
    else this.#first = after;
    if (after) after.before = before;
    else this.#last = before;
  }

  #count({ type, status, running, waiting }: AgentRow, by: 1 | -1): void {
    let counts = this.#counts.get(type);
    if (counts === undefined) this.#counts.set(type, (counts = new Map()));
    counts.set(status, (counts.get(status) ?? 0) + by);
    if (running > 0) this.#busy += by;
    this.#waiting += by * waiting;
  }
}
