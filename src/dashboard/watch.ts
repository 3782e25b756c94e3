/**
 * The table of agents, there while somebody watches or has just asked.
 *
 * I1  While nobody does there is no table, no subscription that fills it and no timer.
 * I2  A table that is built anew has another epoch: positions in an earlier one mean nothing in it.
 */
import { randomBytes } from 'node:crypto';
import type { AgentSystem } from '../index.ts';
import { AgentTable } from './agent-table.ts';
import type { Chronicle } from './chronicle.ts';

/** How long it is kept for somebody who comes back, ms. */
const LINGER_MS = 30_000;

export interface Watched {
  readonly epoch: string;
  readonly table: AgentTable;
  /** Never rejects. */
  readonly filled: Promise<void>;
}

export class Watch {
  readonly #system: AgentSystem;
  readonly #chronicle: Chronicle;
  #watched: Watched | undefined;
  #holders = 0;
  #linger: NodeJS.Timeout | undefined;

  constructor(system: AgentSystem, chronicle: Chronicle) {
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

  /** For one answer: the table, whole, and as new as can be. */
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
    // A store that cannot be read takes the past away, and not what is there now.
    await this.#chronicle.readEarlier(this.#system.events).catch(() => undefined);
    await table.fill();
  }
}
