/**
 * HTTP calls over connections that are kept: `fetch`, as far as the client of the engine uses it.
 *
 * Node's own takes three times the CPU time for the same call, and a task is two of them.
 *
 * I1  A call that is aborted ends with the reason of its signal.
 * I2  An answer that was cut short is an error, like a connection that failed: it is never taken for a whole one.
 * I3  Connections that nobody uses keep no program alive.
 */
import { Agent, type IncomingMessage, request as requestOverHttp } from 'node:http';
import { Agent as SecureAgent, request as requestOverHttps } from 'node:https';

/** A connection on which nothing came for so long is given up, ms: as with `fetch`. */
const SILENT_MS = 300_000;

/** What is asked, in the words of `fetch`. */
export interface PlainRequest {
  readonly method?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: Uint8Array | string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface PlainResponse {
  readonly ok: boolean;
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  arrayBuffer(): Promise<Uint8Array>;
  text(): Promise<string>;
}

export class KeptConnections {
  readonly #plain = new Agent({ keepAlive: true });
  readonly #secure = new SecureAgent({ keepAlive: true });

  /** Rejects with what failed where there is no answer; an answer of any status is one. */
  fetch(url: string, { method = 'GET', headers, body, signal }: PlainRequest = {}): Promise<PlainResponse> {
    return new Promise((resolve, reject) => {
      const failed = (thrown: unknown): void => reject((signal?.aborted ? signal.reason : thrown) as Error);
      if (signal?.aborted) return failed(undefined);
      const isSecure = url.startsWith('https:');
      const length = body === undefined ? undefined : Buffer.byteLength(body);
      const options = {
        path: pathOf(url),
        method,
        agent: isSecure ? this.#secure : this.#plain,
        headers: { ...headers, ...(length === undefined ? {} : { 'content-length': length }) },
        timeout: SILENT_MS,
        ...(signal === undefined ? {} : { signal }),
      };
      const request = (isSecure ? requestOverHttps : requestOverHttp)(url, options, (response) => {
        gather(response).then((bytes) => resolve(answerOf(response, bytes)), failed);
      });
      request.on('error', failed);
      request.on('timeout', () => request.destroy(new Error(`nothing came for ${SILENT_MS} ms`)));
      request.end(body);
    });
  }

  /** Lets go of all connections. */
  close(): void {
    this.#plain.destroy();
    this.#secure.destroy();
  }
}

/** As it is written: a key that is a dot, or two, is no step to another folder. */
function pathOf(url: string): string {
  const start = url.indexOf('/', url.indexOf('://') + 3);
  const path = start === -1 ? '/' : url.slice(start);
  return path.replaceAll(/(?<=\/)\.{1,2}(?=\/)/g, (dots) => '%2E'.repeat(dots.length));
}

function gather(response: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.on('end', () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)));
    // One that is cut short ends by an error.
    response.on('error', reject);
  });
}

function answerOf({ statusCode: status = 0, headers }: IncomingMessage, bytes: Buffer): PlainResponse {
  return {
    ok: status >= 200 && status < 300,
    status,
    headers: {
      get(name) {
        const value = headers[name.toLowerCase()];
        return value === undefined ? null : String(value);
      },
    },
    arrayBuffer: () => Promise.resolve(bytes),
    text: () => Promise.resolve(bytes.toString('utf8')),
  };
}
