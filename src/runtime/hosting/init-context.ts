/** What a definition's `init` is given. */
import type { ExitReason } from '../../machines/index.ts';
import type { AgentSelf } from '../definition/agent-self.ts';
import type { AgentLog, InitContext } from '../definition/contexts.ts';
import type { WorkOwner } from './body-work.ts';
import type { BodyStart } from './host.ts';
import type { KnownVariables } from './variables.ts';

/** The body whose `init` it is. */
export interface InitOwner extends WorkOwner {
  /** Fires at the end of its life, or when that is cancelled. */
  readonly signal: AbortSignal;
  /** For a definition that lives of its own accord. */
  selfOf(start: BodyStart): AgentSelf;
}

/** What few ask for is made when they do. */
export class BodyInitContext implements InitContext<unknown> {
  readonly agentId: string;
  readonly incarnation: number;
  readonly initArgs: unknown;
  readonly restored: unknown;
  readonly previousStop: ExitReason | undefined;
  readonly resources: unknown;
  readonly #body: InitOwner;
  readonly #start: BodyStart;

  constructor(body: InitOwner, start: BodyStart, initArgs: unknown, restored: unknown) {
    this.agentId = start.agentId;
    this.incarnation = start.incarnation;
    this.initArgs = initArgs;
    this.restored = restored;
    this.previousStop = start.previousStop;
    this.resources = body.resources;
    this.#body = body;
    this.#start = start;
  }

  get variables(): KnownVariables {
    return this.#body.variables;
  }

  get log(): AgentLog {
    return this.#body.log;
  }

  get signal(): AbortSignal {
    return this.#body.signal;
  }

  get self(): AgentSelf {
    return this.#body.selfOf(this.#start);
  }
}
