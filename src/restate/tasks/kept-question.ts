import type { QuestionRecord } from '../../runtime/agent/question-record.ts';
import type { Due } from '../engine/kept-chart.ts';

/** A question, and who waits for its answer. */
export interface KeptQuestion {
  record: QuestionRecord;
  /** When it expires, while it is open. */
  due?: Due | undefined;
  /** Requests of the living body that wait for it, and whether the time of their task stands still meanwhile. */
  waiting: readonly { readonly requestId: number; readonly isHeld: boolean }[];
  /** The newest request of the living body for it. */
  heard: number;
}
