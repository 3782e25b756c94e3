/**
 * A provider of a language model, on loopback: it answers from what is in the prompt, counts tokens, and fails as
 * providers do.
 *
 * The model reads one address in three turns: it asks for its telling words, then for a sentence that has the first of
 * them, then gives both as an object. What fails, and for which address, is said by `Trouble`; each fails once.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One message of a prompt, as the SDK gives it to a model. */
interface Message {
  readonly role: string;
  readonly content: unknown;
}

/** What a model sends. */
export interface Ask {
  readonly prompt: readonly Message[];
  /** The process that asks. */
  readonly pid: number;
}

/** What it is given. */
export interface Answer {
  readonly text?: string;
  readonly call?: { readonly toolName: string; readonly toolCallId: string; readonly input: string };
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** Years whose address is in trouble. */
export interface Trouble {
  /** Its second call is never answered. */
  readonly hangs: number;
  /** The model calls one tool again and again. */
  readonly loops: number;
  /** Its answer is no object. */
  readonly malformed: number;
  /** The process that asks is killed with -9 while it waits for its third call. */
  readonly killed: number;
}

/** What it counts of one address. */
export interface Spent {
  calls: number;
  tokens: number;
}

export interface ProviderOptions {
  readonly trouble: Trouble | undefined;
  /** So many calls in a window are answered; the others are told when the next one begins. */
  readonly callsAWindow: number;
  readonly windowMs: number;
  /** How long a call takes. */
  readonly latencyMs: number;
  /** A process is to die now. */
  readonly kill: (pid: number) => void;
}

const TOKEN = 4;

export class Provider implements AsyncDisposable {
  readonly spent = new Map<number, Spent>();
  /** Calls that were refused for the limit. */
  refused = 0;
  readonly #options: ProviderOptions;
  readonly #server: Server;
  readonly #failed = new Set<string>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #windowAt = 0;
  #inWindow = 0;

  private constructor(options: ProviderOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  static async start(options: ProviderOptions): Promise<Provider> {
    const provider = new Provider(options);
    await new Promise<void>((resolve) => provider.#server.listen(0, '127.0.0.1', resolve));
    return provider;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  get tokens(): number {
    return [...this.spent.values()].reduce((sum, { tokens }) => sum + tokens, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const ask = JSON.parse(Buffer.concat(parts).toString('utf8')) as Ask;
    const now = performance.now();
    if (now - this.#windowAt >= this.#options.windowMs) {
      this.#windowAt = now;
      this.#inWindow = 0;
    }
    this.#inWindow += 1;
    if (this.#inWindow > this.#options.callsAWindow) {
      this.refused += 1;
      const leftMs = Math.ceil(this.#windowAt + this.#options.windowMs - now);
      response.writeHead(429, { 'retry-after-ms': String(leftMs) }).end('{"error":"rate limit reached"}');
      return;
    }
    const year = yearOf(ask.prompt);
    const turn = ask.prompt.filter(({ role }) => role === 'tool').length;
    const { trouble } = this.#options;
    const isLost = this.#isIn('killed', year, turn === 2) || this.#isIn('hangs', year, turn === 1);
    const answer = this.#answer(ask.prompt, year);
    const spent = this.spent.get(year) ?? { calls: 0, tokens: 0 };
    this.spent.set(year, spent);
    // What was asked is paid, also where nobody hears the answer.
    spent.calls += 1;
    spent.tokens += answer.inputTokens + (isLost ? 0 : answer.outputTokens);
    if (isLost) {
      if (trouble?.killed === year) this.#options.kill(ask.pid);
      return;
    }
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    }, this.#options.latencyMs);
    this.#timers.add(timer);
  }

  /** Whether this is the moment for a trouble: it comes once. */
  #isIn(trouble: keyof Trouble, year: number, isTurn: boolean): boolean {
    if (this.#options.trouble?.[trouble] !== year || !isTurn || this.#failed.has(trouble)) return false;
    this.#failed.add(trouble);
    return true;
  }

  #answer(prompt: readonly Message[], year: number): Answer {
    const results = prompt.flatMap(({ role, content }) => (role === 'tool' ? outputsOf(content) : []));
    const inputTokens = Math.ceil(JSON.stringify(prompt).length / TOKEN);
    const calling = (toolName: string, input: object): Answer => {
      const call = { toolName, toolCallId: `${toolName}-${results.length}`, input: JSON.stringify(input) };
      return { call, inputTokens, outputTokens: Math.ceil(call.input.length / TOKEN) };
    };
    const saying = (text: string): Answer => ({
      text,
      inputTokens,
      outputTokens: Math.ceil(text.length / TOKEN),
    });
    const words = results.find((result) => Array.isArray(result)) as readonly string[] | undefined;
    if (words === undefined) return calling('words', { year });
    const isTold = results.some((result) => String(result).includes('with the same input'));
    if (this.#options.trouble?.loops === year && !isTold && !this.#failed.has('loops'))
      return calling('words', { year });
    if (isTold) this.#failed.add('loops');
    const sentence = results.findLast((result) => typeof result === 'object' && !Array.isArray(result));
    if (sentence === undefined) return calling('sentence', { year, word: words[0] });
    const answer = JSON.stringify({
      year,
      topics: words.slice(0, 5),
      sentence: (sentence as { text: string }).text,
    });
    if (this.#isIn('malformed', year, true)) return saying(`Here you are: ${answer.slice(0, -20)}`);
    return saying(answer);
  }
}

function yearOf(prompt: readonly Message[]): number {
  const asked = prompt.find(({ role }) => role === 'user');
  return Number(/address of (\d{4})/.exec(JSON.stringify(asked?.content))?.[1]);
}

/** What tools gave, as the model sees it. */
function outputsOf(content: unknown): unknown[] {
  return (content as { readonly output?: { readonly value?: unknown } }[]).map(({ output }) => output?.value);
}
