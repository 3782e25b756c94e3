/**
 * The chart driven by a table compiled from its definition: the default.
 *
 * What a step means is table/step.ts's; this keeps where the chart stands, and takes over a step when it is whole.
 */
import type { AnyStateMachine, EventObject } from 'xstate';
import type { SupervisedChild } from './child.ts';
import type { ChartOptions } from './chart-contract.ts';
import { ChartDriver, type Delivery } from './driver.ts';
import { type CompiledChart, compileChart } from './table/compiled-chart.ts';
import type { HistoryValue } from './table/configuration.ts';
import type { Answer, Position } from './table/position.ts';
import { inOrder, NOBODY, Step } from './table/step.ts';
import type { Work } from './work.ts';

const EMPTY = Object.freeze({});
/** One for each step that is open at once, one inside another. */
const steps = [new Step(), new Step(), new Step(), new Step()];
let open = 0;

export class TableChart extends ChartDriver {
  context: unknown = undefined;
  position: Position;
  children: readonly SupervisedChild[] = NOBODY;
  history: HistoryValue | undefined = undefined;
  private readonly table: CompiledChart;
  private readonly maxIterations: number;

  constructor(definition: AnyStateMachine, options: ChartOptions, table = compileChart(definition)) {
    super(definition, options);
    this.table = table;
    this.maxIterations = options.maxIterations ?? table.maxIterations;
    this.position = table.origin;
  }

  get value(): unknown {
    return this.position.value;
  }

  get path(): string {
    return this.position.path;
  }

  protected override init(input: unknown, work: Work): void {
    // Should there be none: as with XState, of a chart that has no context it is an empty one.
    this.context = EMPTY;
    this.context = this.table.contextOf(input);
    const { beginning } = this.table;
    if (beginning !== undefined) {
      this.position = beginning;
      return;
    }
    const event: EventObject & { input: unknown } = { type: 'xstate.init', input };
    this.takeStep(event, work, undefined);
  }

  protected override step(delivery: EventObject | Delivery, work: Work): EventObject {
    const event = delivery as EventObject;
    const { type } = event;
    const { position } = this;
    const answer = position.answerTo(type);
    const next = answer !== undefined && answer.move === undefined ? undefined : position.move(type, answer);
    if (next === undefined) this.takeStep(event, work, type, answer);
    else this.position = next;
    return event;
  }

  protected override quit(work: Work): void {
    const step = (steps[open++] ??= new Step());
    step.begin(this.table, this, work, { type: 'xstate.stop' }, this);
    step.stopChildren();
    this.close(step);
  }

  protected override supervised(): readonly SupervisedChild[] {
    return inOrder(this.children);
  }

  /** @param type the event's; `undefined` for the first step */
  private takeStep(event: EventObject, work: Work, type: string | undefined, answer?: Answer): void {
    const step = (steps[open++] ??= new Step());
    step.begin(this.table, this, work, event, this);
    try {
      if (type === undefined) step.take(this.table.initial);
      else if (type === 'xstate.stop') {
        this.status = 'stopped';
        step.stopChildren();
        return;
      } else if (type !== 'xstate.init') {
        const plan = step.position.enabled(step, answer);
        if (plan === undefined && type.startsWith('xstate.error.actor')) {
          this.status = 'error';
          this.fault = (event as { error?: unknown }).error;
          step.stopChildren();
          return;
        }
        step.take(plan);
      }
      step.settle(this.maxIterations);
      if (step.isDone) {
        step.stopChildren();
        this.status = 'done';
        this.output = step.output;
      }
      this.position = step.position;
      this.context = step.context;
      this.children = step.children;
      this.history = step.history;
    } finally {
      this.close(step);
    }
  }

  private close(step: Step): void {
    step.clear();
    open -= 1;
  }
}
