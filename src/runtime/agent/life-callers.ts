/** Callers that wait for an agent's start, for its end, and for it to be paused or resumed. */
import type { CommitObserver } from '../journal/journal.ts';
import type { AgentSystemError } from '../values/errors.ts';
import type { AgentRecord } from './agent-record.ts';
import { Callers } from './callers.ts';

export class LifeCallers {
  /** They get the running incarnation. */
  private starting: Callers<number> | undefined = undefined;
  /** They get the record at the end. */
  private ending: Callers<AgentRecord> | undefined = undefined;
  /** Each gets the record as it is once the agent is paused, or resumed. */
  private holding: Callers<undefined> | undefined = undefined;

  /** Resolves with the result of `answer`, which gets the running incarnation. */
  forStart<Value>(answer: (incarnation: number) => Value): Promise<Value> {
    return (this.starting ??= new Callers()).wait(answer);
  }

  /** @param recordThen the record at the commit */
  forHold(recordThen: () => AgentRecord): Promise<AgentRecord> {
    return (this.holding ??= new Callers()).wait(recordThen);
  }

  forEnd(): Promise<AgentRecord> {
    return (this.ending ??= new Callers()).wait();
  }

  get isEmpty(): boolean {
    return this.starting === undefined && this.ending === undefined && this.holding === undefined;
  }

  get isStartAwaited(): boolean {
    return this.starting !== undefined;
  }

  get isEndAwaited(): boolean {
    return this.ending !== undefined;
  }

  /**
   * The callers of the start, who are answered at the commit.
   *
   * @param failure why the start failed, if it did
   */
  answerStart(incarnation: number, failure?: AgentSystemError): CommitObserver | undefined {
    const starting = this.starting;
    this.starting = undefined;
    return starting?.toTell(incarnation, failure);
  }

  /** As above, for callers of the end. They get the record of now: by the commit the agent may run again. */
  answerEnd(record: AgentRecord): CommitObserver | undefined {
    const ending = this.ending;
    this.ending = undefined;
    return ending?.toTell(record);
  }

  /** As above, for callers of a pause or resume. */
  answerHold(): CommitObserver | undefined {
    const holding = this.holding;
    this.holding = undefined;
    return holding;
  }

  /** Refuses all callers: the system has ended, and what else they would be told is nobody's. */
  refuse(why: AgentSystemError): void {
    this.starting?.refuse(why);
    this.ending?.refuse(why);
    this.holding?.refuse(why);
  }
}
