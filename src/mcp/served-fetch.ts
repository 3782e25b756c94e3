/**
 * How an MCP server at an address is asked: `fetch`, as the SDK's transport calls it.
 *
 * Owns the headers of each request and the size of each answer. What the protocol says is the SDK's.
 *
 * I1  The headers are asked for before each request, so a token that is renewed needs no new connection.
 * I2  No message takes more than `MAX_LINE_BYTES` of memory. Who waits for a longer one is told so at once, and
 *     the log in any case.
 * I3  A server that does not know the session any more, as after a restart of its own, is told of: no request of that
 *     session will be answered again.
 */
import type { Transformer } from 'node:stream/web';
import type { FetchLike } from '@modelcontextprotocol/sdk/shared/transport.js';
import { BoundedEvents } from './bounded-events.ts';
import { MAX_LINE_BYTES, tooLong } from './message-lines.ts';

type HeaderValues = Readonly<Record<string, string>>;

/** Of what a server says with a refusal; it ends up in an error. */
const MAX_REFUSAL_BYTES = 4_096;

/**
 * @param parts.headers   gives what is sent with the next request
 * @param parts.tooLong   told of each message that is too long
 * @param parts.forgotten told once the server answers that there is no such session
 */
export function servedFetch(parts: {
  readonly headers: () => HeaderValues | Promise<HeaderValues>;
  readonly tooLong: () => void;
  readonly forgotten: () => void;
}): FetchLike {
  return async (url, init = {}) => {
    const headers = new Headers(init.headers);
    for (const [name, value] of Object.entries(await parts.headers())) headers.set(name, value);
    const response = await fetch(url, { ...init, headers });
    if (response.status === 404 && headers.has('mcp-session-id')) parts.forgotten();
    const { body, status, statusText } = response;
    if (body === null) return response;
    const bounded = body.pipeThrough(boundOf(response, init.body, parts.tooLong));
    return new Response(bounded, { status, statusText, headers: response.headers });
  };
}

function boundOf(
  response: Response,
  asked: unknown,
  told: () => void,
): TransformStream<Uint8Array, Uint8Array> {
  if (!response.ok) return new TransformStream(cutAt(MAX_REFUSAL_BYTES));
  const isEvents = response.headers.get('content-type')?.startsWith('text/event-stream') === true;
  return new TransformStream(
    isEvents ? new BoundedEvents(idOf(asked), told) : refusedAfter(MAX_LINE_BYTES, told),
  );
}

function cutAt(maxBytes: number): Transformer<Uint8Array, Uint8Array> {
  let left = maxBytes;
  return {
    transform(chunk, controller) {
      controller.enqueue(chunk.subarray(0, left));
      left -= chunk.length;
      if (left <= 0) controller.terminate();
    },
  };
}

function refusedAfter(maxBytes: number, told: () => void): Transformer<Uint8Array, Uint8Array> {
  let bytes = 0;
  return {
    transform(chunk, controller) {
      bytes += chunk.length;
      if (bytes > maxBytes) {
        told();
        throw new Error(tooLong);
      }
      controller.enqueue(chunk);
    },
  };
}

/** Of the request that a body is; nothing where it is a notification or there is none. */
function idOf(body: unknown): number | undefined {
  if (typeof body !== 'string') return undefined;
  const { id } = JSON.parse(body) as { readonly id?: unknown };
  return typeof id === 'number' ? id : undefined;
}
