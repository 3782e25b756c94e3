/** A deadline of a chart, from the step that set it until it fires or is cancelled. */
import type { EventObject } from 'xstate';
import type { Tell } from './child.ts';

export class Deadline {
  /** What cancels it; `undefined` when nothing can. */
  declare readonly id: string | undefined;
  declare readonly delayMs: number;
  /** What it becomes when it is due. */
  declare readonly event: EventObject;
  /** The child that is to be told; `undefined` for the chart itself. */
  declare readonly tell: Tell | undefined;
  handle: unknown = undefined;
  /** Whether its id still means this one, and not another that was set later under the same id. */
  isNamed = true;
  /** The one that was armed before it. */
  earlier: Deadline | undefined = undefined;

  constructor(id: string | undefined, delayMs: number, event: EventObject, tell?: Tell) {
    this.id = id;
    this.delayMs = delayMs;
    this.event = event;
    this.tell = tell;
  }
}
