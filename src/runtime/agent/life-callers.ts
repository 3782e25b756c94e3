/** Callers that wait for an agent's start, for its end, and for it to be paused or resumed. */
import type { CommitListener } from '../journal/journal.ts';
import type { AgentSystemError } from '../values/errors.ts';
import type { AgentRecord } from './agent-record.ts';
import { Callers } from './callers.ts';

export class LifeCallers {
  /** They get the running incarnation. */
  private starting: Callers<number> | undefined = undefined;
  /** They get the record at the end. */
  private ending: Callers<AgentRecord> | undefined = undefined;
  /** They get the record once it is paused, or resumed. */
  private holding: Callers<AgentRecord> | undefined = undefined;

  /** Resolves with the result of `answer`, which gets the running incarnation. */
  forStart<Value>(answer: (incarnation: number) => Value): Promise<Value> {
    return (this.starting ??= new Callers()).wait(answer);
  }

  forHold(): Promise<AgentRecord> {
    return (this.holding ??= new Callers()).wait((record) => record);
  }

  forEnd(): Promise<AgentRecord> {
    return (this.ending ??= new Callers()).wait((record) => record);
  }

  get isStartAwaited(): boolean {
    return this.starting !== undefined;
  }

  get isEndAwaited(): boolean {
    return this.ending !== undefined;
  }

  /**
   * Returns a commit listener that answers the callers of the start.
   *
   * @param failure why the start failed, if it did
   */
  answerStart(incarnation: number, failure?: AgentSystemError): CommitListener | undefined {
    const starting = this.starting;
    if (starting === undefined) return undefined;
    this.starting = undefined;
    return (error) => {
      const refusal = failure ?? error;
      if (refusal) starting.refuse(refusal);
      else starting.tell(incarnation);
    };
  }

  /** As above, for callers of the end. They get the record of now: by the commit the agent may run again. */
  answerEnd(record: AgentRecord): CommitListener | undefined {
    const ending = this.ending;
    if (ending === undefined) return undefined;
    this.ending = undefined;
    return (error) => (error ? ending.refuse(error) : ending.tell(record));
  }

  /** As above, for callers of a pause or resume. They get the record at the commit. */
  answerHold(recordThen: () => AgentRecord): CommitListener | undefined {
    const holding = this.holding;
    if (holding === undefined) return undefined;
    this.holding = undefined;
    return (error) => (error ? holding.refuse(error) : holding.tell(recordThen()));
  }

  /** Refuses all callers: the system has ended, and what else they would be told is nobody's. */
  refuse(why: AgentSystemError): void {
    this.starting?.refuse(why);
    this.ending?.refuse(why);
    this.holding?.refuse(why);
  }
}
