/**
 * Log lines of an agent's code, on their way to its listener.
 *
 * I1  A line never throws at who writes it, and what it is given is read once, here: no getter of an agent's runs in
 *     a logger.
 */
import type { AgentLog } from '../definition/contexts.ts';
import { errorInfoOf, inWords, isError } from '../values/errors.ts';
import { hasFields } from '../values/instances.ts';
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
  #fieldsWith(given: unknown): object | undefined {
    const fields = fieldsOf(given);
    if (this.#taskId === undefined) return fields;
    const trace = this.#trace;
    const traced = trace ? { trace_id: trace.traceId, span_id: trace.spanId } : {};
    return { taskId: this.#taskId, ...traced, ...fields };
  }
}

/** What a line is given beside its text, as fields: an error is `err`, what has no fields is `value`. */
function fieldsOf(given: unknown): object | undefined {
  if (given === undefined || given === null) return undefined;
  if (isError(given)) return { err: given };
  if (!hasFields(given)) return { value: given };
  try {
    return { ...given };
  } catch (thrown) {
    return fieldsThatCanBeRead(given, thrown);
  }
}

function fieldsThatCanBeRead(given: object, thrown: unknown): object {
  try {
    return Object.fromEntries(Object.keys(given).map((key) => [key, fieldOf(given, key)]));
  } catch {
    return { fields: unread(thrown) };
  }
}

function fieldOf(given: object, key: string): unknown {
  try {
    return (given as Readonly<Record<string, unknown>>)[key];
  } catch (thrown) {
    return unread(thrown);
  }
}

function unread(thrown: unknown): string {
  return `could not be read: ${errorInfoOf(thrown).message}`;
}
