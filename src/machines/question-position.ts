/** Where a question stands after what has happened to it, read from the chart's definition, once. */
import type { StateNode } from 'xstate';
import { type QuestionChartEvent, questionMachine } from './question.ts';

export const questionStatuses = ['open', 'answered', 'expired', 'withdrawn'] as const;
export type QuestionStatus = (typeof questionStatuses)[number];

type Node = StateNode<never, never>;
const nodes = questionMachine.root.states as unknown as Readonly<Record<QuestionStatus, Node>>;

/** The status after an event; `undefined` where the chart takes none of that kind. Pure. */
export function questionStatusAfter(
  status: QuestionStatus,
  event: QuestionChartEvent['type'],
): QuestionStatus | undefined {
  const transitions = nodes[status].transitions as unknown as ReadonlyMap<
    string,
    readonly { readonly target?: readonly Node[] }[]
  >;
  return transitions.get(event)?.[0]?.target?.[0]?.key as QuestionStatus | undefined;
}
