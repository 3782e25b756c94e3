/**
 * The way into the engine from outside: its ingress, with keys that let a call be made again.
 *
 * I1  A call whose answer got lost is made again under the same key: it is done once.
 * I2  An engine that is away is waited for; one that answers with a failure of its own is told as that.
 */
import { connect, type Ingress, rpc } from '@restatedev/restate-sdk-clients';
import { AgentSystemError, errorInfoOf } from '../runtime/values/errors.ts';
import type { Target } from './calls.ts';
import { wire, wireOf } from './wire.ts';

export interface CallOptions {
  /** The same key is the same call. */
  readonly key?: string;
  readonly signal?: AbortSignal;
}

export class EngineClient {
  readonly #ingress: Ingress;
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
