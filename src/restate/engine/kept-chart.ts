/**
 * A chart whose whole state is data: between two steps it is kept by an engine on another machine.
 *
 * Takes steps, and keeps the table of their deadlines. Its owner performs the effects.
 *
 * I1  What is sent while effects are performed waits until they all are: run to completion.
 * I2  Deadlines are one table, in the order in which they were armed.
 */
import type { AnyStateMachine, EventFromLogic, InputFrom } from 'xstate';
import { hashOfChart } from '../../runtime/engine/chart-hash.ts';
import type { ChartEffect } from '../../runtime/engine/chart.ts';
import { countsFor } from '../../runtime/engine/interpreted-counts.ts';
import {
  beginChart,
  type PlainEffect,
  type PlainSnapshot,
  stepChart,
} from '../../runtime/engine/pure-step.ts';

/** When something is due, epoch ms. `order` decides between those that are due at the same moment. */
export interface Due {
  readonly dueAt: number;
  readonly order: number;
}

/** A deadline of a chart. */
export interface ArmedDeadline extends Due {
  readonly id: string | undefined;
  readonly event: { readonly type: string };
}

/** A chart as it is kept. */
export interface KeptChart<Machine extends AnyStateMachine> {
  /** Identity of the chart that `life` is of: another version of the code has another, and cannot read it. */
  chart?: string;
  life: PlainSnapshot<Machine>;
  deadlines: readonly ArmedDeadline[];
}

/** Whether a snapshot is of the very chart that this code has. */
export function isOfThisChart({ chart }: { readonly chart?: string }, machine: AnyStateMachine): boolean {
  return chart === hashOfChart(machine);
}

export interface ChartOwner {
  readonly now: number;
  /** Number of the next deadline that is armed. */
  nextOrder(): number;
  perform(effect: ChartEffect): void;
  /** Starts the chart's child; left out for a chart without one. */
  spawn?(): void;
}

export class ChartAtWork<Machine extends AnyStateMachine> {
  readonly #machine: Machine;
  readonly #kept: KeptChart<Machine>;
  readonly #owner: ChartOwner;
  readonly #queue: EventFromLogic<Machine>[] = [];
  #isStepping = false;

  constructor(machine: Machine, kept: KeptChart<Machine>, owner: ChartOwner) {
    this.#machine = machine;
    this.#kept = kept;
    this.#owner = owner;
  }

  get isStepping(): boolean {
    return this.#isStepping;
  }

  /** Starts the chart anew, and forgets its former state and deadlines. */
  begin(input: InputFrom<Machine>): void {
    const { snapshot, effects } = beginChart(this.#machine, input, countsFor(this.#machine));
    this.#kept.chart = hashOfChart(this.#machine);
    this.#kept.life = snapshot;
    this.#kept.deadlines = [];
    this.#note(effects);
    this.#work();
  }

  send(event: EventFromLogic<Machine>): void {
    this.#queue.push(event);
    this.#work();
  }

  /** Takes a deadline that is due. */
  take(deadline: ArmedDeadline): void {
    this.#kept.deadlines = this.#kept.deadlines.filter((other) => other !== deadline);
    this.send(deadline.event as EventFromLogic<Machine>);
  }

  #work(): void {
    if (this.#isStepping) return;
    this.#isStepping = true;
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      const step = stepChart(this.#machine, this.#kept.life, next, countsFor(this.#machine));
      this.#kept.life = step.snapshot;
      this.#note(step.effects);
    }
    this.#isStepping = false;
  }

  #note(effects: readonly PlainEffect[]): void {
    for (const effect of effects) {
      switch (effect.do) {
        case 'perform':
          this.#owner.perform(effect.effect);
          break;
        case 'arm':
          this.#arm(effect);
          break;
        case 'cancel':
          this.#kept.deadlines = this.#kept.deadlines.filter(({ id }) => id !== effect.id);
          break;
        case 'spawn':
          this.#owner.spawn?.();
          break;
        case 'send':
          this.#queue.push(effect.event as EventFromLogic<Machine>);
          break;
        case 'stop':
          // Nothing to do: the chart ends its child by an effect of its own.
          break;
      }
    }
  }

  #arm({ id, delayMs, event }: Extract<PlainEffect, { do: 'arm' }>): void {
    // `Infinity` is never.
    if (delayMs === Infinity) return;
    this.#kept.deadlines = [
      ...this.#kept.deadlines.filter((other) => other.id !== id),
      { id, dueAt: this.#owner.now + delayMs, order: this.#owner.nextOrder(), event },
    ];
  }
}

function isBefore(one: Due, other: Due): boolean {
  return one.dueAt === other.dueAt ? one.order < other.order : one.dueAt < other.dueAt;
}

/** Takes all that are due by now, the earliest first; taking one may add others, or remove them. */
export function takeAllDue<Deadline extends Due>(
  deadlines: () => Iterable<Deadline>,
  now: number,
  take: (due: Deadline) => void,
): void {
  for (;;) {
    const due = earliestOf(deadlines());
    if (due === undefined || due.dueAt > now) return;
    take(due);
  }
}

/** The first that is due; `undefined` of none. */
export function earliestOf<Deadline extends Due>(deadlines: Iterable<Deadline>): Deadline | undefined {
  let earliest: Deadline | undefined;
  for (const deadline of deadlines) {
    if (earliest === undefined || isBefore(deadline, earliest)) earliest = deadline;
  }
  return earliest;
}
