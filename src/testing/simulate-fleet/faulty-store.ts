/**
 * The store of a simulated fleet: it outlives the programs, and fails when a script says so.
 *
 * I1  A batch is kept whole or not at all, whatever the trouble.
 * I2  A program that has died is not answered, and nothing that it appends is kept.
 */
import type { Store, StoreBatch } from '../../runtime/journal/store.ts';
import { memoryStore } from '../../runtime/journal/stores/memory.ts';
import type { SystemEvent } from '../../runtime/journal/system-event.ts';
import type { SimulatedClock } from '../simulated-clock.ts';
import type { StoreTrouble } from './deeds.ts';

/** How late a late answer is. */
const LATE_MS = 1_000;

export interface KeptOptions {
  /** Told of every event that was kept, in order. */
  readonly kept: (events: readonly SystemEvent[]) => void;
}

/** The memory that outlives the programs. */
export class KeptFleet {
  readonly #memory = memoryStore();
  readonly #options: KeptOptions;

  constructor(options: KeptOptions) {
    this.#options = options;
  }

  get memory(): Store {
    return this.#memory;
  }

  keep(batch: StoreBatch): void {
    // A copy: the journal uses the batch again.
    const events = [...batch.events];
    void this.#memory.append(batch);
    this.#options.kept(events);
  }
}

/** The store of one program. */
export class FaultyStore implements Store {
  readonly isDurable = true;
  readonly #fleet: KeptFleet;
  readonly #clock: SimulatedClock;
  #trouble: StoreTrouble | undefined;
  /** Each refuses an append that was not answered. */
  readonly #hanging: (() => void)[] = [];
  isDead = false;
  #unanswered = 0;
  /** Appends before the one in which the program dies, and whether that one is kept. */
  #death: { left: number; readonly isKept: boolean } | undefined;

  constructor(fleet: KeptFleet, clock: SimulatedClock) {
    this.#fleet = fleet;
    this.#clock = clock;
  }

  /** Whether every append was answered. */
  get isIdle(): boolean {
    return this.#unanswered === 0 && !this.isDead;
  }

  fail(trouble: StoreTrouble): void {
    this.mend();
    this.#trouble = trouble;
  }

  /** The store works again; appends that it never answered are refused, and not kept. */
  mend(): void {
    this.#trouble = undefined;
    for (const refuse of this.#hanging.splice(0)) refuse();
  }

  dieIn(appends: number, isKept: boolean): void {
    this.#death ??= { left: appends, isKept };
  }

  recover() {
    return this.#fleet.memory.recover();
  }

  append(batch: StoreBatch): void | Promise<void> {
    if (this.isDead) return never();
    if (this.#death !== undefined && this.#death.left-- === 0) {
      this.isDead = true;
      if (this.#death.isKept) this.#fleet.keep(batch);
      return never();
    }
    switch (this.#trouble) {
      case undefined:
        return this.#fleet.keep(batch);
      case 'throws':
        throw new Error('the disk is full');
      case 'rejects':
        return Promise.reject(new Error('the disk is full'));
      case 'keeps and rejects':
        this.#fleet.keep(batch);
        return Promise.reject(new Error('the answer was lost'));
      case 'answers late':
        this.#fleet.keep(batch);
        this.#unanswered += 1;
        return new Promise((resolve) => {
          this.#clock.setTimeout(() => {
            this.#unanswered -= 1;
            resolve();
          }, LATE_MS);
        });
      case 'hangs':
        this.#unanswered += 1;
        return new Promise((_, reject) => {
          this.#hanging.push(() => {
            this.#unanswered -= 1;
            reject(new Error('it was not kept'));
          });
        });
    }
  }

  read(query: Parameters<Store['read']>[0]) {
    return this.#fleet.memory.read(query);
  }

  state(agentId: string) {
    return this.#fleet.memory.state(agentId);
  }

  close(): void {}
}

function never(): Promise<void> {
  return new Promise(() => {});
}
