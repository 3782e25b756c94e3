/**
 * The requests that a server has not answered.
 *
 * One that was given up stays: its answer may still come, and is not to be taken for that of another.
 */
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';

/** Beyond so many the oldest are forgotten: a server need not answer what was given up. */
const MAX_OPEN = 1_000;

export class OpenRequests {
  readonly #ids = new Set<number>();

  /** The id of the one that waits, if it is alone; a `ping`, whose answer is empty, is not counted. */
  get sole(): number | undefined {
    const [first] = this.#ids;
    return this.#ids.size === 1 ? first : undefined;
  }

  sent(message: JSONRPCMessage): void {
    if (!('method' in message) || !('id' in message) || message.method === 'ping') return;
    this.#ids.add(message.id as number);
    const [oldest] = this.#ids;
    if (this.#ids.size > MAX_OPEN) this.#ids.delete(oldest!);
  }

  heard(message: JSONRPCMessage): void {
    if (!('method' in message)) this.#ids.delete(message.id as number);
  }
}
