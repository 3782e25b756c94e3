/** Log lines of an agent's code, on their way to its listener. */
import type { AgentLog } from '../definition/define-agent.ts';
import { inWords } from '../values/errors.ts';
import type { LogLevel, TraceParent } from './host.ts';

/** Who hands lines on. */
export interface LineTeller {
  tellLine(level: LogLevel, message: string, fields: object | undefined): void;
}

/** A line of an agent's. */
type Line = (message: string, fields?: object) => void;

/** The log of a body, or of one of its tasks. Its methods are bound: `const { info } = log` works. */
export class BodyLog implements AgentLog {
  readonly #teller: LineTeller;
  readonly #taskId: string | undefined;
  readonly #trace: TraceParent | undefined;

  constructor(teller: LineTeller, taskId?: string, trace?: TraceParent) {
    this.#teller = teller;
    this.#taskId = taskId;
    this.#trace = trace;
  }

  get debug(): Line {
    return (said, fields) => this.#say('debug', said, fields);
  }

  get info(): Line {
    return (said, fields) => this.#say('info', said, fields);
  }

  get warn(): Line {
    return (said, fields) => this.#say('warn', said, fields);
  }

  get error(): Line {
    return (said, fields) => this.#say('error', said, fields);
  }

  #say(level: LogLevel, said: string, fields?: object): void {
    this.#teller.tellLine(level, typeof said === 'string' ? said : inWords(said), this.#fieldsWith(fields));
  }

  /** Every line of a task names the task. */
  #fieldsWith(fields: object | undefined): object | undefined {
    const isPlain = fields === undefined || typeof fields === 'object';
    if (this.#taskId === undefined) return isPlain ? fields : { ...(fields as object) };
    const trace = this.#trace;
    const traced = trace ? { trace_id: trace.traceId, span_id: trace.spanId } : {};
    return { taskId: this.#taskId, ...traced, ...fields };
  }
}
