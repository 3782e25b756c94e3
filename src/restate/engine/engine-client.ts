/**
 * The way into the engine from outside: its ingress, with keys that let a call be made again.
 *
 * I1  A call whose answer got lost is made again: under the same key, so that it is done once, or without a key if it
 *     may be done twice. A key costs the engine a record that it keeps for an hour.
 * I2  An unreachable engine is waited for, as long as `timeoutMs` says; a failure of the engine itself is reported as such.
 * I3  A call that takes long is no silence: while one is open, the engine is asked whether it is there.
 * I4  It tells the fleet's time also right after this program's clock was set: what was known of that is then void.
 */
import { connect, type Ingress, rpc } from '@restatedev/restate-sdk-clients';
import { LONGEST_TIMER_MS } from '../../runtime/time/long-delay.ts';
import { AgentSystemError, errorInfoOf } from '../../runtime/values/errors.ts';
import { type Target, toNodes } from './calls.ts';
import { clockOffsetMs, wasClockSetSince } from './clock-setting.ts';
import { KeptConnections, type PlainRequest, type PlainResponse } from './kept-connections.ts';
import { wire, wireOf } from './wire.ts';

export interface CallOptions {
  /** Whether the call may be made twice when its answer gets lost: it is a read, or it is idempotent. */
  readonly isRepeatable?: true;
  /** What it is done once under, also where the caller makes it anew: that waits for the call under way, and adds none. */
  readonly idempotencyKey?: string;
  readonly signal?: AbortSignal;
}

/** Options of a call that may be made twice. */
export const REPEATABLE: CallOptions = { isRepeatable: true };

/** How long an engine that answers nothing is waited for by default, ms. */
export const ENGINE_TIMEOUT_MS = 60_000;
/** How long a measured difference between two clocks is used, ms. */
const CLOCK_MS = 60_000;
/** An answer that took longer does not tell when it was given, ms: it may have waited for the seat to move. */
const EXACT_MS = 250;
const COMPARISONS = 3;

export interface EngineClientOptions {
  /** How long a call waits while the engine answers nothing at all, ms; default for ever. */
  readonly timeoutMs?: number;
}

/** What is known of this program's clock. */
interface ClockDifference {
  /** By how much the fleet's clocks are ahead of it. */
  readonly aheadMs: number;
  /** Until when that is used, ms of a steady clock. */
  readonly until: number;
  /** Tells whether it was set since. */
  readonly offsetMs: number;
}

export class EngineClient {
  readonly #url: string;
  readonly #timeoutMs: number;
  readonly #once: Ingress;
  readonly #repeatable: Ingress;
  readonly #connections = new KeptConnections();
  #clock: Promise<ClockDifference> | undefined;
  /** One for each call under way: a signal that all shared would gain a listener with every call. */
  readonly #calls = new Set<AbortController>();
  #isClosed = false;
  /** Why there was no answer, last. */
  #failure: unknown;
  /** When the engine last answered, and when it was last asked whether it is there, ms of a steady clock. */
  #heardAt = -Infinity;
  #askedAt = -Infinity;

  constructor(ingressUrl: string, { timeoutMs = Infinity }: EngineClientOptions = {}) {
    this.#url = ingressUrl;
    this.#timeoutMs = timeoutMs;
    const retry = {
      // Retried for as long as the engine is away: the caller's own deadline, if any, ends the wait.
      maxAttempts: false,
      maxDuration: false,
      initialInterval: 50,
      maxInterval: 1_000,
    } as const;
    const options = { url: ingressUrl.replace(/\/$/, ''), retry, serde: wire as never } as const;
    const fetch = (url: string, request: PlainRequest) => this.#fetch(url, request);
    this.#once = connect({ ...options, fetch: fetch as never });
    this.#repeatable = connect({
      ...options,
      fetch: ((url, request) => fetch(url, withoutKey(request))) as typeof fetch as never,
    });
  }

  /** Why nobody has answered, in words, where that is known. */
  get problem(): string {
    const { hostname, port, protocol } = new URL(this.#url);
    const at = `${protocol}//${hostname}${port === '' ? '' : `:${port}`}`;
    return this.#failure === undefined ? at : `${at}: ${errorInfoOf(this.#failure).message}`;
  }

  async #fetch(url: string, request: PlainRequest): Promise<PlainResponse> {
    try {
      const response = await this.#connections.fetch(url, request);
      // The SDK asks again.
      this.#failure = response.status >= 500 ? new Error(`HTTP ${response.status}`) : undefined;
      return response;
    } catch (thrown) {
      if (request.signal?.aborted !== true) this.#failure = thrown;
      throw thrown;
    }
  }

  /**
   * Epoch ms, by the clocks of the fleet's nodes: this program's own where that agrees with them, as far as can be told.
   *
   * @throws AgentSystemError `SYSTEM_CLOSED`
   */
  async now(): Promise<number> {
    const comparing = (this.#clock ??= this.#compareClocks());
    const known = await comparing;
    const wasSet = wasClockSetSince(known.offsetMs);
    if ((wasSet || performance.now() > known.until) && this.#clock === comparing) this.#clock = undefined;
    return wasSet ? this.now() : Date.now() + known.aheadMs;
  }

  /** For what is checked before a call is made: a closed fleet says so first. @throws AgentSystemError `SYSTEM_CLOSED` */
  assertOpen(): void {
    if (this.#isClosed) throw closed();
  }

  /** By the quickest answer of some, if the first was slow; where all were, the next call compares anew. */
  async #compareClocks(): Promise<ClockDifference> {
    try {
      let best = await this.#compareOnce();
      for (let count = 1; best.tookMs > EXACT_MS && count < COMPARISONS; count++) {
        const next = await this.#compareOnce();
        if (next.tookMs < best.tookMs) best = next;
      }
      const until = best.tookMs > EXACT_MS ? -Infinity : performance.now() + CLOCK_MS;
      return { ...best, until };
    } catch (thrown) {
      this.#clock = undefined;
      throw thrown;
    }
  }

  async #compareOnce() {
    const [askedAt, sentAt, offsetMs] = [performance.now(), Date.now(), clockOffsetMs()];
    const theirs = await this.call<number>(toNodes('time'), null, REPEATABLE);
    const tookMs = performance.now() - askedAt;
    const aheadMs = Math.round(theirs - (sentAt + tookMs / 2));
    // A difference within the round trip may be the trip's own.
    return { aheadMs: Math.abs(aheadMs) <= tookMs ? 0 : aheadMs, tookMs, offsetMs };
  }

  /**
   * @throws AgentSystemError `SYSTEM_CLOSED` once it is closed, `STORE_FAILED` for what the engine refuses, and when it
   * has answered nothing for as long as it is waited for: what was asked may be done all the same
   */
  async call<Answer>(
    { service, method: handler, key }: Target,
    parameter: unknown,
    { isRepeatable, idempotencyKey = crypto.randomUUID(), signal }: CallOptions = {},
  ): Promise<Answer> {
    const controller = new AbortController();
    this.#calls.add(controller);
    if (this.#isClosed) controller.abort();
    const watch = this.#watch(controller);
    try {
      const ingress = isRepeatable ? this.#repeatable : this.#once;
      const answer = await ingress.call<unknown, Answer>({
        service,
        handler,
        parameter,
        ...(key === undefined ? {} : { key }),
        opts: rpc.opts({
          idempotencyKey,
          input: wire,
          output: wireOf<Answer>(),
          signal: signal === undefined ? controller.signal : AbortSignal.any([controller.signal, signal]),
        }),
      });
      this.#heardAt = performance.now();
      return answer;
    } catch (thrown) {
      if (this.#isClosed) throw closed();
      if (signal?.aborted) throw thrown;
      if (controller.signal.aborted) {
        const message = `${service}.${handler}: the engine has answered nothing for ${this.#timeoutMs} ms (${this.problem}); what was asked may be done all the same`;
        throw new AgentSystemError('STORE_FAILED', message, { cause: this.#failure });
      }
      this.#heardAt = performance.now();
      const message = isTooLarge({ cause: thrown })
        ? 'it is larger than the engine takes at once'
        : errorInfoOf(thrown).message;
      throw new AgentSystemError('STORE_FAILED', `the engine refused ${service}.${handler}: ${message}`, {
        cause: thrown,
      });
    } finally {
      clearInterval(watch);
      this.#calls.delete(controller);
    }
  }

  /** Aborts a call once the engine was silent for too long: to every call, and when asked whether it is there. */
  #watch(call: AbortController): ReturnType<typeof setInterval> | undefined {
    // A longer time than Node has a timer for means no limit.
    if (this.#timeoutMs > LONGEST_TIMER_MS) return undefined;
    const begunAt = performance.now();
    const halfMs = this.#timeoutMs / 2;
    return setInterval(() => {
      const now = performance.now();
      const silentSince = Math.max(begunAt, this.#heardAt);
      if (this.#askedAt < silentSince) this.#ask(now);
      // The engine was asked during this silence, and had time to answer.
      else if (now - silentSince >= this.#timeoutMs && now - this.#askedAt >= halfMs - 1) call.abort();
    }, halfMs);
  }

  #ask(now: number): void {
    this.#askedAt = now;
    const controller = new AbortController();
    this.#calls.add(controller);
    const signal = AbortSignal.any([controller.signal, AbortSignal.timeout(Math.ceil(this.#timeoutMs))]);
    const { service, method: handler, key } = toNodes('time');
    const opts = rpc.opts({ idempotencyKey: 'time', input: wire, output: wire, signal });
    this.#repeatable
      .call({ service, handler, ...(key === undefined ? {} : { key }), parameter: null, opts })
      .then(
        () => {
          this.#heardAt = performance.now();
        },
        () => undefined,
      )
      .finally(() => this.#calls.delete(controller));
  }

  close(): void {
    this.#isClosed = true;
    for (const controller of this.#calls) controller.abort();
    this.#connections.close();
  }
}

function closed(): AgentSystemError {
  return new AgentSystemError('SYSTEM_CLOSED', 'the connection to the fleet is closed');
}

/** Whether the engine refused a call because of its size; by default it takes 32 MiB. */
export function isTooLarge(thrown: unknown): boolean {
  const { cause } = (thrown ?? {}) as { readonly cause?: { readonly status?: unknown } };
  return cause?.status === 413;
}

/** Only a call that has a key is made again by the SDK; the engine need not hear of it. */
function withoutKey(request: PlainRequest): PlainRequest {
  const { 'idempotency-key': _, ...headers } = request.headers ?? {};
  return { ...request, headers };
}
