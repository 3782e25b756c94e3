/**
 * The stream of changes: read as it comes, and resumed where it broke off.
 *
 * `EventSource` can send no header, so that the token would be in an address: this reads the same format by `fetch`.
 *
 * I1  There is one connection at a time, for the topics of the view that is open.
 * I2  A connection that is silent for longer than the server ever is counts as lost. It is tried again, first soon and
 *     then every few seconds, and goes on from the last message.
 */
import { signal } from '@preact/signals';
import type { StreamMessages } from '../../src/dashboard/protocol.ts';
import { token } from './session.ts';

export type ConnectionState =
  | { readonly is: 'connecting' }
  | { readonly is: 'live' }
  | { readonly is: 'lost'; readonly since: number; readonly retryAt: number; readonly why: string }
  | { readonly is: 'denied' };

export type Message = {
  [Name in keyof StreamMessages]: { readonly name: Name; readonly data: StreamMessages[Name] };
}[keyof StreamMessages];

export const connection = signal<ConnectionState>({ is: 'connecting' });

/** The server takes a sample every second. */
const SILENCE_MS = 6_000;
const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 5_000;

export class Stream {
  readonly #take: (message: Message) => void;
  #topics = '';
  #position = '';
  #attempt = 0;
  #current: AbortController | undefined;
  #retry: number | undefined;

  constructor(take: (message: Message) => void) {
    this.#take = take;
  }

  /** Listens to these topics from now on. */
  listen(topics: string): void {
    if (topics === this.#topics && this.#current) return;
    this.#topics = topics;
    // The position in the events of one agent means nothing for another.
    this.#position = this.#position.replace(/[^.]*$/, '-1');
    this.#open();
  }

  /** Tries again at once. */
  again(): void {
    this.#attempt = 0;
    this.#open();
  }

  #open(): void {
    clearTimeout(this.#retry);
    this.#current?.abort();
    const current = new AbortController();
    this.#current = current;
    this.#read(current).then(
      () => this.#lost(current, 'the connection ended'),
      (thrown: unknown) => this.#lost(current, thrown instanceof Error ? thrown.message : String(thrown)),
    );
  }

  #lost(current: AbortController, why: string): void {
    if (current !== this.#current) return;
    this.#current = undefined;
    if (connection.value.is === 'denied') return;
    const now = Date.now();
    const waitMs = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#attempt);
    this.#attempt += 1;
    const since = connection.value.is === 'lost' ? connection.value.since : now;
    connection.value = { is: 'lost', since, retryAt: now + waitMs, why };
    this.#retry = window.setTimeout(() => this.#open(), waitMs);
  }

  async #read(current: AbortController): Promise<void> {
    const { signal: aborted } = current;
    let watchdog = window.setTimeout(() => current.abort(), SILENCE_MS);
    try {
      const query = new URLSearchParams({ topics: this.#topics });
      if (this.#position !== '') query.set('position', this.#position);
      const response = await fetch(`./api/stream?${query}`, {
        headers: { Authorization: `Bearer ${token.value}` },
        signal: aborted,
      });
      if (response.status === 401) {
        connection.value = { is: 'denied' };
        return;
      }
      if (!response.ok || response.body === null) throw new Error(`the server answered ${response.status}`);
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = '';
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        clearTimeout(watchdog);
        watchdog = window.setTimeout(() => current.abort(), SILENCE_MS);
        const parts = (rest + value).split('\n\n');
        rest = parts.pop() ?? '';
        for (const part of parts) if (!aborted.aborted) this.#told(part);
      }
    } finally {
      clearTimeout(watchdog);
    }
  }

  #told(part: string): void {
    let [name, data] = ['', ''];
    for (const line of part.split('\n')) {
      if (line.startsWith('event: ')) name = line.slice(7);
      else if (line.startsWith('data: ')) data = line.slice(6);
      else if (line.startsWith('id: ')) this.#position = line.slice(4);
    }
    if (name === 'bye') throw new Error('the dashboard was closed');
    if (connection.value.is !== 'live') {
      this.#attempt = 0;
      connection.value = { is: 'live' };
    }
    this.#take({ name, data: JSON.parse(data) } as Message);
  }
}
