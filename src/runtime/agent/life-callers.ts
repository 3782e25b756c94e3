/** Those who wait for an agent's start, for its end, and for it to be paused or resumed. */
import type { CommitListener } from '../journal/journal.ts';
import type { AgentSystemError } from '../values/errors.ts';
import type { AgentRecord } from './agent-record.ts';
import { Callers } from './callers.ts';

export class LifeCallers {
  /** They are told the incarnation that runs. */
  #starting: Callers<number> | undefined = undefined;
  /** They are told the record at the end. */
  #ending: Callers<AgentRecord> | undefined = undefined;
  /** They are told the record once it is paused, or resumed. */
  #holding: Callers<AgentRecord> | undefined = undefined;

  /** Resolves with what `answer` makes of the incarnation that runs. */
  forStart<Value>(answer: (incarnation: number) => Value): Promise<Value> {
    return (this.#starting ??= new Callers()).wait(answer);
  }

  forHold(): Promise<AgentRecord> {
    return (this.#holding ??= new Callers()).wait((record) => record);
  }

  forEnd(): Promise<AgentRecord> {
    return (this.#ending ??= new Callers()).wait((record) => record);
  }

  /**
   * Answers those who wait for the start, with the commit of what answers them.
   *
   * @param failureOf why the start failed, where it did
   */
  answerStart(incarnation: number, failureOf?: () => AgentSystemError): CommitListener | undefined {
    const starting = this.#starting;
    if (starting === undefined) return undefined;
    this.#starting = undefined;
    const failure = failureOf?.();
    return (error) => {
      const refusal = failure ?? error;
      if (refusal) starting.refuse(refusal);
      else starting.tell(incarnation);
    };
  }

  /** Answers those who wait for the end with how the agent stands now: by the commit it may run again. */
  answerEnd(recordNow: () => AgentRecord): CommitListener | undefined {
    const ending = this.#ending;
    if (ending === undefined) return undefined;
    this.#ending = undefined;
    const record = recordNow();
    return (error) => (error ? ending.refuse(error) : ending.tell(record));
  }

  /** Answers those who had it paused or resumed with how it stands by the commit. */
  answerHold(recordThen: () => AgentRecord): CommitListener | undefined {
    const holding = this.#holding;
    if (holding === undefined) return undefined;
    this.#holding = undefined;
    return (error) => (error ? holding.refuse(error) : holding.tell(recordThen()));
  }

  /** Nothing that they wait for comes any more. */
  refuse(why: AgentSystemError): void {
    const [starting, ending, holding] = [this.#starting, this.#ending, this.#holding];
    this.#starting = undefined;
    this.#ending = undefined;
    this.#holding = undefined;
    starting?.refuse(why);
    ending?.refuse(why);
    holding?.refuse(why);
  }
}
