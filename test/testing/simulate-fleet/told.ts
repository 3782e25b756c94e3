/** Events of a fleet, written by hand, and a history that takes them. */
import type { SystemEvent } from '../../../src/index.ts';
import { FleetHistory } from '../../../src/testing/simulate-fleet/fleet-history.ts';
import { judgeNext } from '../../../src/testing/simulate-fleet/next-event.ts';

export interface ToldAgent {
  readonly agentType?: string;
  readonly pool?: string;
  readonly variables?: readonly string[];
  readonly restart?: { readonly maxRestarts: number; readonly withinMs: number };
  readonly concurrency?: number;
  readonly parent?: { readonly id: string; readonly rule: string };
  readonly kinds?: object;
}

/** A history of nothing, and events that each come next in it. */
export function told(history = new FleetHistory()) {
  const event = (type: string, fields: object = {}): SystemEvent =>
    ({ sequence: history.told.lastSequence + 1, at: history.told.lastAt, type, ...fields }) as SystemEvent;
  const note = (type: string, fields: object = {}): void => history.note(event(type, fields));
  const life = (agentId: string, type: string, fields: object = {}): SystemEvent => {
    const { incarnation = 0, startedFrom = 'registered' } = history.told.agents.get(agentId) ?? {};
    const at = AT[type] ?? type.slice('agent.'.length);
    return event(type, {
      agentId,
      incarnation: incarnation + (type === 'agent.starting' ? 1 : 0),
      life: { at, startedFrom },
      ...fields,
    });
  };
  const lives = (agentId: string, ...types: readonly string[]): void => {
    for (const type of types) history.note(life(agentId, type));
  };
  const registered = (
    agentId: string,
    {
      agentType = 'kind',
      restart = { maxRestarts: 2, withinMs: 1_000 },
      concurrency = 1,
      ...more
    }: ToldAgent = {},
  ): SystemEvent => {
    const { pool, parent, variables = [], kinds = {} } = more;
    return event('agent.registered', {
      agentId,
      agentType,
      spec: { restart, tasks: { concurrency }, pool, parent },
      manifest: { variables, tasks: kinds },
    });
  };
  return {
    history,
    event,
    note,
    life,
    lives,
    registered,
    /** Registers agents that serve. */
    serve(...ids: readonly string[]): void {
      for (const id of ids) {
        history.note(registered(id));
        lives(id, 'agent.starting', 'agent.started');
      }
    },
    /** What an event breaks if it comes next; `undefined` for nothing. */
    breaks(next: SystemEvent): string | undefined {
      try {
        judgeNext(history, next);
        return undefined;
      } catch (thrown) {
        return (thrown as Error).message;
      }
    },
  };
}

const AT: Readonly<Record<string, string>> = {
  'agent.started': 'serving',
  'agent.unresponsive': 'serving',
  'agent.recovered': 'serving',
  'agent.crashed': 'deciding',
  'agent.restart_scheduled': 'waiting',
  'agent.gave_up': 'gaveUp',
};
