/**
 * One incarnation's way to its agent, and back: the body as a child of the agent's chart.
 *
 * I1  What a body tells before its host has handed it over waits until then.
 * I2  A host that throws has lost its body: that is the agent's end, and no bug of its chart.
 */
import type { BodyExit, ExitReason } from '../../machines/index.ts';
import type { Child, ChildReport } from '../engine/create-chart.ts';
import type { Body, BodyListener, BodyReport, BodyRequest, Usage } from '../hosting/host.ts';
import { errorInfoOf } from '../values/errors.ts';
import type { Participation } from './agent-services.ts';

/** The agent whose body it is. */
export interface BodyOwner {
  bodyReported(link: BodyLink, report: BodyReport): void;
  bodyExited(link: BodyLink, reason: ExitReason, thrown?: unknown): void;
  bodyStuck(link: BodyLink): void;
  bodyDropped(): void;
}

export class BodyLink implements BodyListener, Child {
  readonly incarnation: number;
  /** Its part in coordination, once it has one. */
  participation: Participation | undefined = undefined;
  readonly #owner: BodyOwner;
  readonly #chart: ChildReport;
  #body: Body | undefined = undefined;
  #isMeasured = false;
  #early: (() => void)[] | undefined = undefined;

  constructor(owner: BodyOwner, incarnation: number, chart: ChildReport) {
    this.#owner = owner;
    this.incarnation = incarnation;
    this.#chart = chart;
  }

  get isOpen(): boolean {
    return this.#body !== undefined;
  }

  opened(body: Body): void {
    this.#body = body;
    this.#isMeasured = isMeasured(body);
    const early = this.#early;
    this.#early = undefined;
    if (early) for (const tell of early) tell();
  }

  /** Tells the chart of the end; one that has let go of the body hears nothing. */
  ended(exit: BodyExit): void {
    this.#chart.done(exit);
  }

  /** The chart has let go of it. Its end is commanded by an effect of its own. */
  stop(): void {}

  // What the body tells.

  report(report: BodyReport): void {
    if (this.#body) this.#owner.bodyReported(this, report);
    else (this.#early ??= []).push(() => this.#owner.bodyReported(this, report));
  }

  exited(reason: ExitReason, thrown?: unknown): void {
    if (this.#body) this.#owner.bodyExited(this, reason, thrown);
    else (this.#early ??= []).push(() => this.#owner.bodyExited(this, reason, thrown));
  }

  stuck(): void {
    this.#owner.bodyStuck(this);
  }

  dropped(): void {
    this.#owner.bodyDropped();
  }

  // What it is told.

  post(request: BodyRequest): void {
    try {
      this.#body?.post(request);
    } catch (thrown) {
      this.kill();
      this.#owner.bodyExited(this, { error: errorInfoOf(thrown) });
    }
  }

  kill(): void {
    try {
      this.#body?.kill();
    } catch (thrown) {
      this.#owner.bodyExited(this, { error: errorInfoOf(thrown) });
    }
  }

  usage(): Usage | undefined {
    if (!this.#isMeasured) return undefined;
    try {
      return this.#body?.usage?.();
    } catch {
      return undefined;
    }
  }
}

/** Whether its host measures it. A host may hand over anything. */
function isMeasured(body: Body | undefined): boolean {
  try {
    return body?.usage !== undefined;
  } catch {
    return false;
  }
}
