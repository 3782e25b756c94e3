/**
 * The way into the engine from outside: its ingress, with keys that let a call be made again.
 *
 * I1  A call whose answer got lost is made again under the same key: it is done once.
 * I2  An engine that is away is waited for; one that answers with a failure of its own is told as that.
 */
import { connect, type Ingress, rpc } from '@restatedev/restate-sdk-clients';
import { AgentSystemError, errorInfoOf } from '../runtime/values/errors.ts';
import { type Target, toNodes } from './calls.ts';
import { wire, wireOf } from './wire.ts';

export interface CallOptions {
  /** The same key is the same call. */
  readonly key?: string;
  readonly signal?: AbortSignal;
}

/** How long the difference between two clocks is taken to stay, ms. */
const CLOCK_MS = 60_000;

export class EngineClient {
  readonly #ingress: Ingress;
  #clock: Promise<{ readonly aheadMs: number; readonly until: number }> | undefined;
  readonly #ending = new AbortController();

  constructor(ingressUrl: string) {
    const retry = {
      // An engine that is away is waited for: who calls has a deadline of his own, or none.
      maxAttempts: false,
      maxDuration: false,
      initialInterval: 50,
      maxInterval: 1_000,
    } as const;
    this.#ingress = connect({ url: ingressUrl.replace(/\/$/, ''), retry, serde: wire as never });
  }

  /**
   * Epoch ms, by the clocks of the fleet's nodes: this program's own where that agrees with them, as far as can be told.
   *
   * @throws AgentSystemError `SYSTEM_CLOSED`
   */
  async now(): Promise<number> {
    const known = await (this.#clock ??= this.#compareClocks());
    if (performance.now() > known.until) this.#clock = undefined;
    return Date.now() + known.aheadMs;
  }

  async #compareClocks() {
    const [askedAt, sentAt] = [performance.now(), Date.now()];
    try {
      const theirs = await this.call<number>(toNodes('time'), null);
      const tookMs = performance.now() - askedAt;
      const aheadMs = theirs - (sentAt + tookMs / 2);
      // What the way may have taken says nothing of the clocks.
      return { aheadMs: Math.abs(aheadMs) <= tookMs ? 0 : aheadMs, until: performance.now() + CLOCK_MS };
    } catch (thrown) {
      this.#clock = undefined;
      throw thrown;
    }
  }

  /** @throws AgentSystemError `SYSTEM_CLOSED` once it is closed, `STORE_FAILED` for what the engine refuses */
  async call<Answer>(
    { service, method: handler, key }: Target,
    parameter: unknown,
    { key: idempotencyKey = crypto.randomUUID(), signal }: CallOptions = {},
  ): Promise<Answer> {
    const ending = this.#ending.signal;
    try {
      return await this.#ingress.call<unknown, Answer>({
        service,
        handler,
        parameter,
        ...(key === undefined ? {} : { key }),
        opts: rpc.opts({
          idempotencyKey,
          input: wire,
          output: wireOf<Answer>(),
          signal: signal === undefined ? ending : AbortSignal.any([ending, signal]),
        }),
      });
    } catch (thrown) {
      if (ending.aborted)
        throw new AgentSystemError('SYSTEM_CLOSED', 'the connection to the fleet is closed');
      if (signal?.aborted) throw thrown;
      const { message } = errorInfoOf(thrown);
      throw new AgentSystemError('STORE_FAILED', `the engine refused ${service}.${handler}: ${message}`, {
        cause: thrown,
      });
    }
  }

  close(): void {
    this.#ending.abort();
  }
}
