/**
 * A client of a running system's dashboard API.
 *
 * I1  The secrets of an address go into headers: no message of this file shows them.
 * I2  A request ends by its answer or by `signal`; an answer that does not come from the API is a failure that says so.
 */
import { EventSourceParserStream } from 'eventsource-parser/stream';
import type { ActReport, Refusal } from '../dashboard/protocol.ts';
import { errorInfoOf } from '../runtime/values/errors.ts';
import { CommandFailure, usageFailure } from './failure.ts';

export interface FleetApiOptions {
  /** Address of the dashboard, with or without its token. */
  readonly url: string;
  readonly token?: string | undefined;
  readonly controlToken?: string | undefined;
  /** Who acts, as the system notes it. */
  readonly by: string;
  readonly signal?: AbortSignal;
}

interface Asking {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal;
}

type Query = Readonly<Record<string, string | number | undefined>>;

export class FleetApi {
  readonly #options: FleetApiOptions;
  readonly #base: URL;
  readonly #token: string;

  /** @throws CommandFailure for an invalid address, or one without a token */
  constructor(options: FleetApiOptions) {
    const url = URL.parse(options.url);
    if (url === null || !/^https?:$/.test(url.protocol)) {
      throw usageFailure('--url: expected an address that begins with http:// or https://');
    }
    const token = url.searchParams.get('token') ?? options.token;
    if (token === undefined || token === '') {
      const hint = 'Give the address as the program printed it, with ?token=…, or set MABEAM_TOKEN.';
      throw usageFailure(`--url: there is no token in the address of ${url.origin}`, hint);
    }
    this.#options = options;
    this.#token = token;
    this.#base = new URL(url.pathname.endsWith('/') ? url.pathname : `${url.pathname}/`, url.origin);
  }

  /** Where it is, without its secrets. */
  get origin(): string {
    return this.#base.origin;
  }

  /** Whether it may be asked to change anything. */
  get canControl(): boolean {
    return this.#options.controlToken !== undefined;
  }

  /** @returns the control token @throws CommandFailure where there is none */
  assertControl(): string {
    const { controlToken } = this.#options;
    if (controlToken !== undefined && controlToken !== '') return controlToken;
    const hint = 'The program printed it when its dashboard opened with control.';
    throw usageFailure('this changes the fleet: set MABEAM_CONTROL_TOKEN to the control token', hint);
  }

  /** @param path below `api/`, its parts encoded */
  async get<Answer>(path: string, query: Query = {}): Promise<Answer> {
    return this.#answerOf<Answer>(await this.#fetch(path, query, {}));
  }

  /** @throws CommandFailure, also where nothing may be changed */
  async act(path: string, body: Readonly<Record<string, unknown>> = {}): Promise<ActReport> {
    const { by } = this.#options;
    const controlToken = this.assertControl();
    const response = await this.#fetch(
      path,
      {},
      {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', 'X-Control-Token': controlToken },
        body: JSON.stringify({ by, ...body }),
      },
    );
    return this.#answerOf<ActReport>(response);
  }

  /** A stream of server-sent events. @param path below `api/` */
  async stream(path: string, query: Query, signal: AbortSignal) {
    const response = await this.#fetch(path, query, { signal });
    if (!response.ok || response.body === null) await this.#answerOf(response);
    return response.body!.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
  }

  async #fetch(path: string, query: Query, init: Asking) {
    const url = new URL(`api/${path}`, this.#base);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const { signal } = this.#options;
    const signals = [signal, init.signal].filter((one) => one !== undefined && one !== null);
    try {
      return await fetch(url, {
        ...init,
        redirect: 'error',
        signal: signals.length === 0 ? null : AbortSignal.any(signals),
        headers: { ...init.headers, Authorization: `Bearer ${this.#token}` },
      });
    } catch (thrown) {
      for (const one of signals) one.throwIfAborted();
      throw this.#unreachable(thrown);
    }
  }

  async #answerOf<Answer>(response: Response): Promise<Answer> {
    let answer: unknown;
    try {
      answer = await response.json();
    } catch {
      throw new CommandFailure(`what answers at ${this.origin} is no dashboard of mabeam`);
    }
    if (response.ok) return answer as Answer;
    throw this.#refused(response.status, answer as Partial<Refusal>);
  }

  #refused(status: number, { error }: Partial<Refusal>): CommandFailure {
    if (error === undefined) return new CommandFailure(`${this.origin} answered with status ${status}`);
    const { code, message } = error;
    const hint =
      code === 'UNAUTHORIZED'
        ? 'Give the address as the program printed it, or set MABEAM_TOKEN and MABEAM_CONTROL_TOKEN.'
        : undefined;
    const isRefusal = code !== 'TOO_MANY_VIEWERS';
    return new CommandFailure(`${message} (${code})`, { isRefusal, ...(hint === undefined ? {} : { hint }) });
  }

  #unreachable(thrown: unknown): CommandFailure {
    const { message, cause } = errorInfoOf(thrown);
    const why = cause?.code ?? cause?.message ?? message;
    const hint = 'Is the program running, with a dashboard at that address?';
    return new CommandFailure(`nothing answers at ${this.origin}: ${why}`, { hint });
  }
}

/** An id or name as a part of a path. */
export function part(name: string): string {
  return /^\.\.?$/.test(name) ? `id=${name}` : encodeURIComponent(name);
}
