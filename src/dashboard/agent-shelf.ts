/**
 * Data of each agent of a fleet, by its id: all of it is read once, after that only what an event concerns.
 *
 * I1  At most `AT_ONCE` agents are read at a time, and `IN_A_ROW` for one request: a busy fleet is shown a little later.
 * I2  If an event concerns an agent while it is read, it is read again.
 */

const AT_ONCE = 8;
const IN_A_ROW = 32;

export interface ShelfOptions<Value> {
  readonly all: () => Promise<ReadonlyMap<string, Value>>;
  /** `undefined` for an agent that is gone. */
  readonly one: (agentId: string) => Promise<Value | undefined>;
}

export class AgentShelf<Value> {
  readonly #options: ShelfOptions<Value>;
  readonly #values = new Map<string, Value>();
  /** Agents with an event since they were read. */
  readonly #old = new Set<string>();
  #isFilled = false;
  /** How often it was cleared. */
  #turn = 0;
  #reading: Promise<readonly string[]> | undefined;
  #version = 0;

  constructor(options: ShelfOptions<Value>) {
    this.#options = options;
  }

  get values(): ReadonlyMap<string, Value> {
    return this.#values;
  }

  /** Another one whenever `values` has changed: what is made of them is made again then. */
  get version(): number {
    return this.#version;
  }

  get isUpToDate(): boolean {
    return this.#isFilled && this.#old.size === 0;
  }

  /** An event concerns this agent: it is read again. */
  outdate(agentId: string): void {
    if (this.#isFilled || this.#reading !== undefined) this.#old.add(agentId);
  }

  /** All agents are read again. */
  empty(): void {
    this.#isFilled = false;
    this.#turn += 1;
  }

  /** Reads what is out of date; everything the first time. Returns the ids of the agents that were read. */
  refresh(): Promise<readonly string[]> {
    this.#reading ??= this.#refresh().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  /** Reads one agent. */
  async readAgain(agentId: string): Promise<void> {
    this.#old.delete(agentId);
    try {
      const value = await this.#options.one(agentId);
      if (value === undefined) this.#values.delete(agentId);
      else this.#values.set(agentId, value);
      this.#version += 1;
    } catch (thrown) {
      this.#old.add(agentId);
      throw thrown;
    }
  }

  async #refresh(): Promise<readonly string[]> {
    if (!this.#isFilled) {
      this.#old.clear();
      const before = [...this.#values.keys()];
      let all: ReadonlyMap<string, Value>;
      let turn: number;
      do {
        turn = this.#turn;
        all = await this.#options.all();
      } while (turn !== this.#turn);
      this.#values.clear();
      for (const [id, value] of all) this.#values.set(id, value);
      this.#isFilled = true;
      this.#version += 1;
      return [...new Set([...before, ...all.keys()])];
    }
    const due = [...this.#old].slice(0, IN_A_ROW);
    for (let place = 0; place < due.length; place += AT_ONCE) {
      await Promise.all(due.slice(place, place + AT_ONCE).map((id) => this.readAgain(id)));
    }
    return due;
  }
}
