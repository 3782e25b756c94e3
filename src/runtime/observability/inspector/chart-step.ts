/**
 * One step of a chart, as the inspector is told of it: by the engine, or by XState where XState's own actor takes it.
 * Pure.
 */
import type { ChartInspectionEvent, ChartObservation } from '../../engine/chart.ts';
import { inWords } from '../../values/errors.ts';

export interface ChartStep {
  /** The same object for all steps of one chart. */
  readonly chart: object;
  /** `undefined` for work that is no chart, such as a promise that a chart has invoked. */
  readonly definition: { readonly id: string; readonly config: object } | undefined;
  /** Where the chart stands after the step. */
  readonly snapshot: {
    readonly status: 'active' | 'done' | 'error' | 'stopped';
    /** The active states, as XState's state value; only of charts. */
    readonly value?: unknown;
    readonly context?: Readonly<Record<string, unknown>>;
  };
  /** What led there; `xstate.init` at the start. */
  readonly event: { readonly type: string };
  /** How XState calls its own actor. */
  readonly actor?: ActorName | undefined;
  /** Nothing more is told of this chart. */
  readonly isLast: boolean;
}

export interface ActorName {
  readonly id: string | undefined;
  readonly sessionId: string;
  readonly rootId: string;
}

/**
 * Gives `undefined` for what XState tells beside the steps.
 *
 * @throws TypeError for what neither the engine nor XState tells
 */
export function chartStepOf(told: ChartObservation | ChartInspectionEvent): ChartStep | undefined {
  switch (told.type) {
    case 'started':
    case 'stepped':
    case 'ended': {
      const { type, chart, definition, snapshot, event, error } = told;
      const stands = error === undefined ? snapshot : { ...snapshot, error };
      return { chart, definition, snapshot: stands, event, isLast: type === 'ended' };
    }
    case '@xstate.snapshot': {
      const { actorRef, rootId, event } = told;
      const snapshot = told.snapshot as ChartStep['snapshot'];
      const { sessionId } = actorRef;
      const { id, logic } = actorRef as Partial<XStateActor>;
      return {
        chart: actorRef,
        // What is no chart has a function as its configuration, or none.
        definition: typeof logic?.config === 'object' ? logic : undefined,
        snapshot,
        event,
        actor: { id, sessionId, rootId },
        isLast: snapshot.status !== 'active',
      };
    }
    default: {
      const type: unknown = (told as { readonly type?: unknown }).type;
      if (typeof type === 'string' && type.startsWith('@xstate.')) return undefined;
      throw new TypeError(
        `expected an observation of a chart or an inspection event of XState, got the type ${inWords(type)}`,
      );
    }
  }
}

interface XStateActor {
  readonly id: string;
  readonly logic: NonNullable<ChartStep['definition']>;
}
