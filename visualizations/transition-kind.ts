/** The kinds of transition that a picture and a table tell apart. Pure. */
import type { Trigger } from './chart-graph.ts';

export type TransitionKind = 'command' | 'report' | 'deadline' | 'always';

/** Says which events somebody asks for; all others report what has happened. */
export type IsCommand = (eventName: string) => boolean;

export function kindOf(trigger: Trigger, isCommand: IsCommand): TransitionKind {
  switch (trigger.kind) {
    case 'after':
      return 'deadline';
    case 'always':
    case 'final':
      return 'always';
    case 'event':
      return isCommand(trigger.name) ? 'command' : 'report';
    default:
      return 'report';
  }
}
