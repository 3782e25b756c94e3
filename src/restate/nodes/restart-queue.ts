/**
 * Those that wait for a place to restart, for one step of `mabeam_nodes`: first in, first out.
 *
 * I1  A step reads and writes the part that it looks at, not the whole queue: after the loss of a large node each restart
 *     takes one step.
 * I2  One that does not fit now keeps its turn, and holds up nobody behind it.
 */
import type { ObjectContext } from '@restatedev/restate-sdk';
import { wire, wireOf } from '../engine/wire.ts';
import type { Occupant } from './placement.ts';

/** Of one part. */
const PART = 32;

const partKey = (number: number): string => `queue ${number}`;

export class RestartQueue {
  readonly #ctx: ObjectContext;
  readonly #known = new Map<number, readonly Occupant[]>();
  readonly #changed = new Set<number>();
  #parts: readonly number[];

  constructor(ctx: ObjectContext, parts: readonly number[]) {
    this.#ctx = ctx;
    this.#parts = parts;
  }

  /** Numbers of the parts that there are, the first to be served first. */
  get parts(): readonly number[] {
    return this.#parts;
  }

  async push(occupant: Occupant): Promise<void> {
    let last = this.#parts.at(-1);
    if (last === undefined || (await this.#part(last)).length >= PART) {
      last = (last ?? 0) + 1;
      this.#parts = [...this.#parts, last];
      this.#known.set(last, []);
    }
    this.#change(last, [...this.#known.get(last)!, occupant]);
  }

  /** That one no longer waits. */
  async remove(agentId: string): Promise<void> {
    for (const number of this.#parts) {
      const part = await this.#part(number);
      const left = part.filter((occupant) => occupant.agentId !== agentId);
      if (left.length < part.length) this.#change(number, left);
    }
  }

  /**
   * Offers each, in order, to `take`, which says whether it was served, until `isOver`.
   *
   * @param prepare what is about to be offered
   */
  async serve({
    isOver,
    prepare,
    take,
  }: {
    readonly isOver: () => boolean;
    readonly prepare: (next: readonly Occupant[]) => Promise<void>;
    readonly take: (occupant: Occupant) => Promise<boolean>;
  }): Promise<void> {
    for (const number of this.#parts) {
      if (isOver()) return;
      const part = await this.#part(number);
      await prepare(part);
      const left: Occupant[] = [];
      for (const occupant of part) if (isOver() || !(await take(occupant))) left.push(occupant);
      if (left.length < part.length) this.#change(number, left);
    }
  }

  /** Writes what has changed: once, at the end of the step. */
  keep(): void {
    for (const number of this.#changed) {
      const part = this.#known.get(number)!;
      if (part.length > 0) this.#ctx.set(partKey(number), part, wire);
      else this.#ctx.clear(partKey(number));
    }
  }

  #change(number: number, part: readonly Occupant[]): void {
    this.#known.set(number, part);
    this.#changed.add(number);
    if (part.length === 0) this.#parts = this.#parts.filter((other) => other !== number);
  }

  async #part(number: number): Promise<readonly Occupant[]> {
    const known = this.#known.get(number);
    if (known !== undefined) return known;
    const part = (await this.#ctx.get(partKey(number), wireOf<Occupant[]>())) ?? [];
    this.#known.set(number, part);
    return part;
  }
}
