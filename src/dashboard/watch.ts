/**
 * The table of agents, there while somebody watches or has just asked.
 *
 * I1  While nobody does there is no table, no subscription that fills it and no timer.
 * I2  A rebuilt table has a new epoch: positions in an earlier one are not valid in it.
 */
import { randomBytes } from 'node:crypto';
import { AgentTable } from './agent-table.ts';
import type { Chronicle } from './chronicle.ts';
import type { WatchedSystem } from './watched-system.ts';

/** How long it is kept for viewers that reconnect, ms. */
const LINGER_MS = 30_000;

export interface Watched {
  readonly epoch: string;
  readonly table: AgentTable;
  /** Never rejects. */
  readonly filled: Promise<void>;
}

export class Watch {
  readonly #system: WatchedSystem;
  readonly #chronicle: Chronicle;
  #watched: Watched | undefined;
  #holders = 0;
  #linger: NodeJS.Timeout | undefined;

  constructor(system: WatchedSystem, chronicle: Chronicle) {
    this.#system = system;
    this.#chronicle = chronicle;
  }

  /** Keeps the table until it is released. */
  hold(): Watched {
    this.#holders += 1;
    clearTimeout(this.#linger);
    return (this.#watched ??= this.#open());
  }

  release(): void {
    this.#holders -= 1;
    if (this.#holders > 0) return;
    this.#linger = setTimeout(() => this.close(), LINGER_MS);
    this.#linger.unref();
  }

  /** The whole table, up to date, for one answer. */
  async table(): Promise<AgentTable> {
    const { table, filled } = this.hold();
    try {
      await filled;
      await table.refresh();
      return table;
    } finally {
      this.release();
    }
  }

  close(): void {
    clearTimeout(this.#linger);
    this.#watched?.table.close();
    this.#watched = undefined;
  }

  #open(): Watched {
    const table = new AgentTable(this.#system, (id) => this.#chronicle.noted(id));
    return { epoch: randomBytes(6).toString('base64url'), table, filled: this.#fill(table) };
  }

  async #fill(table: AgentTable): Promise<void> {
    // If the store cannot be read, only the past is missing.
    const { events, mirror } = this.#system;
    await this.#chronicle.readEarlier(events, mirror?.earlierEvents).catch(() => undefined);
    await table.fill();
  }
}
