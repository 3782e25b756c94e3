/** Which transitions and guard outcomes of a chart have been taken, of all that it has, in one suite. */
import type { AnyStateMachine, AnyTransitionDefinition, InspectionEvent } from 'xstate';
import { type CoverageReport, reportOf } from '../../runtime/engine/coverage-report.ts';
import { InterpretedCounts } from '../../runtime/engine/interpreted-counts.ts';

export class ChartCoverage {
  readonly #counts: InterpretedCounts;

  constructor(machine: AnyStateMachine) {
    this.#counts = new InterpretedCounts(machine);
  }

  /** How much is covered by now: it grows with everything new. */
  get size(): number {
    return this.#counts.size;
  }

  observe(event: InspectionEvent): void {
    this.#counts.observe(event);
  }

  report(): CoverageReport {
    return reportOf(this.#counts.charts());
  }

  /** Whether a step of a machine that was not run would be something new. */
  isNew(transition: AnyTransitionDefinition): boolean {
    return this.#counts.isNew(transition);
  }
}
