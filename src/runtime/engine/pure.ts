/**
 * The chart driven by pure functions: what another machine would do, done here.
 *
 * Every step starts from a snapshot that is data (pure-step.ts), and what it wants done is data as well.
 */
import type { EventObject } from 'xstate';
import { SupervisedChild, Tell } from './child.ts';
import { Deadline } from './deadline.ts';
import { ChartDriver, type Delivery } from './driver.ts';
import { beginSteps, type CallingStep, type PlainEffect, type PlainSnapshot, takeStep } from './pure-step.ts';
import { pathOf } from './state-path.ts';
import { Call, TO, type Work } from './work.ts';

export class PureChart extends ChartDriver {
  #plain: PlainSnapshot | undefined;
  readonly #children = new Map<string, SupervisedChild>();

  get value(): unknown {
    return this.#plain?.value;
  }

  get context(): unknown {
    return this.#plain?.context;
  }

  get path(): string {
    return pathOf(this.definition.root, this.value);
  }

  protected override init(input: unknown, work: Work): void {
    this.#take(beginSteps(this.definition, input, this.options.maxIterations), work);
  }

  protected override step(delivery: EventObject | Delivery, work: Work): EventObject {
    const event = delivery as EventObject;
    this.#take(takeStep(this.definition, this.#plain!, event, this.options.maxIterations), work);
    return event;
  }

  protected override quit(work: Work): void {
    this.step({ type: 'xstate.stop' }, work);
  }

  protected override supervised(): readonly SupervisedChild[] {
    return Object.keys(this.#plain?.children ?? {}).map((id) => this.#children.get(id)!);
  }

  #take({ snapshot, effects }: CallingStep, work: Work): void {
    this.#plain = snapshot;
    this.status = snapshot.status;
    this.output = snapshot.output;
    this.fault = snapshot.error;
    const late: { tell: Tell; to: string }[] = [];
    for (const effect of effects) {
      if (effect instanceof Call) work.add(TO.run, effect);
      else this.#note(effect, work, late);
    }
    for (const { tell, to } of late) tell.child = this.#children.get(to);
  }

  #note(effect: PlainEffect, work: Work, late: { tell: Tell; to: string }[]): void {
    switch (effect.do) {
      case 'perform':
        work.add(TO.perform, effect.effect);
        break;
      case 'arm': {
        const { id, delayMs, event, to } = effect;
        const tell = to === undefined ? undefined : new Tell(undefined, event);
        if (tell !== undefined && typeof to === 'string') late.push({ tell, to });
        work.add(TO.arm, new Deadline(id, delayMs, event, tell));
        break;
      }
      case 'cancel':
        work.add(TO.disarm, effect.id);
        break;
      case 'spawn': {
        const child = new SupervisedChild(this, effect.id, effect.src, effect.input);
        this.#children.set(effect.id, child);
        work.add(TO.spawn, child);
        break;
      }
      case 'stop': {
        const child = this.#children.get(effect.id);
        this.#children.delete(effect.id);
        if (child !== undefined) work.add(TO.stop, child);
        break;
      }
      case 'send': {
        const { event, to } = effect;
        if (to === undefined) work.add(TO.run, new Call(() => this.send(event)));
        else work.add(TO.tell, new Tell(this.#children.get(to), event));
        break;
      }
    }
  }
}
