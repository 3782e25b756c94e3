/**
 * What the functions of a definition are given: the context and the event.
 *
 * A chart that is a table is no actor of XState's, so what only such an actor has is refused by name when it is asked
 * for. One object serves all functions of a step between two changes of the context.
 */
import type { EventObject } from 'xstate';

export class Scope {
  // Declared only: V8 would call a function of its own to define fields that the constructor sets anyway.
  declare readonly context: unknown;
  declare readonly event: EventObject;

  constructor(context: unknown, event: EventObject) {
    this.context = context;
    this.event = event;
  }

  get self(): never {
    return refuse('self');
  }

  get system(): never {
    return refuse('system');
  }

  get spawn(): never {
    return refuse('spawn');
  }
}

/** What a context is made from. */
export class InputScope {
  readonly input: unknown;

  constructor(input: unknown) {
    this.input = input;
  }

  get self(): never {
    return refuse('self');
  }

  get spawn(): never {
    return refuse('spawn');
  }
}

function refuse(what: string): never {
  throw new Error(`"${what}" is not supported in a compiled chart`);
}
