/** A dashboard of a small system for one test, a way to ask it, and a way to wait for what its stream says. */
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import { type AgentSystem, createAgentSystem, defineAgent } from '../../src/index.ts';
import {
  createDashboard,
  type Dashboard,
  type DashboardOptions,
  type StreamMessages,
} from '../../src/dashboard.ts';

export const silent = pino({ level: 'silent' });
export const CONTROL = 'a-second-secret-of-the-test';

export const worker = defineAgent({
  type: 'worker',
  capabilities: ['work'],
  init: () => ({ n: 0, apiKey: 'key-in-the-state' }),
  tasks: {
    add: { run: ({ state }) => (state.n += 1) },
    fail: {
      run: () => {
        throw new Error('no luck');
      },
    },
  },
});

export async function system(): Promise<AgentSystem> {
  const opened = await createAgentSystem({ logger: silent });
  onTestFinished(async () => void (await opened.close({ timeoutMs: 0 })));
  return opened;
}

export async function running(of: AgentSystem, ...ids: string[]): Promise<void> {
  for (const id of ids) {
    await of.agents.register({ id, module: worker, initArgs: { password: 'of-init-args', region: 'north' } });
    await of.agents.start(id);
  }
}

export async function dashboard(
  of: Parameters<typeof createDashboard>[0],
  options: DashboardOptions = {},
): Promise<Dashboard> {
  const opened = await createDashboard(of, { logger: silent, ...options });
  onTestFinished(() => opened.close());
  return opened;
}

export interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly json: any;
}

export interface Question {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** The token that is sent; default the dashboard's own. */
  readonly token?: string | undefined;
}

/** Sends a request, with any headers. */
export async function ask(of: Dashboard, path: string, question: Question = {}): Promise<Answer> {
  const { origin } = new URL(of.url);
  const { method = 'GET', body } = question;
  const token = 'token' in question ? question.token : of.token;
  const headers = {
    ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
    ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
    ...question.headers,
  };
  const sent = request(origin + path, { method, headers, agent: false });
  sent.end(body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body));
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  let text = '';
  for await (const part of response.setEncoding('utf8')) text += String(part);
  const isJson = response.headers['content-type']?.startsWith('application/json');
  return {
    status: response.statusCode,
    headers: response.headers,
    text,
    json: isJson ? JSON.parse(text) : undefined,
  };
}

/** Sends an act of control, with both tokens. */
export function act(of: Dashboard, path: string, body: unknown = {}): Promise<Answer> {
  return ask(of, path, { method: 'POST', body, headers: { 'X-Control-Token': CONTROL } });
}

type Message = {
  [Name in keyof StreamMessages]: {
    readonly name: Name;
    readonly id: string;
    readonly data: StreamMessages[Name];
  };
}[keyof StreamMessages];

export interface Listening {
  readonly messages: readonly Message[];
  /** Resolves with the first matching message, past or future. */
  until<Name extends Message['name']>(
    name: Name,
    fits?: (data: StreamMessages[Name]) => boolean,
  ): Promise<StreamMessages[Name]>;
  /** Position of the last message, as `Last-Event-ID` has it. */
  readonly position: string;
  /** Stops reading until it is resumed. */
  pause(): void;
  resume(): void;
  readonly ended: Promise<void>;
  close(): void;
}

/** Listens to the stream. @param position to go on from */
export function listen(of: Dashboard, topics: string, position?: string): Promise<Listening> {
  return listenAt(of, `/api/stream?topics=${encodeURIComponent(topics)}`, position);
}

/** Follows events. @param position to go on from */
export function follow(of: Dashboard, query: string, position?: string): Promise<Listening> {
  return listenAt(of, `/api/events/stream?${query}`, position);
}

async function listenAt(of: Dashboard, path: string, position: string | undefined): Promise<Listening> {
  const { origin } = new URL(of.url);
  const sent = request(origin + path, {
    agent: false,
    headers: {
      Authorization: `Bearer ${of.token}`,
      ...(position === undefined ? {} : { 'Last-Event-ID': position }),
    },
  });
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  if (response.statusCode !== 200) throw new Error(`the stream answered ${response.statusCode}`);
  const messages: Message[] = [];
  const waiting = new Set<() => void>();
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  let rest = '';
  response.setEncoding('utf8');
  response.on('data', (chunk: string) => {
    const parts = (rest + chunk).split('\n\n');
    rest = parts.pop() ?? '';
    for (const part of parts) {
      if (part.startsWith(':')) continue;
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(part)?.[1] ?? '';
      messages.push({ name: field('event'), id: field('id'), data: JSON.parse(field('data')) } as Message);
    }
    for (const look of waiting) look();
  });
  response.on('close', end);
  response.on('error', () => {});
  sent.on('error', () => {});
  const close = () => void sent.destroy();
  onTestFinished(close);
  return {
    messages,
    until(name, fits = () => true) {
      const { promise, resolve } = Promise.withResolvers<never>();
      let seen = 0;
      const look = () => {
        for (; seen < messages.length; seen++) {
          const { name: got, data } = messages[seen]!;
          if (got !== name || !fits(data as never)) continue;
          waiting.delete(look);
          return resolve(data as never);
        }
      };
      waiting.add(look);
      look();
      return promise;
    },
    get position() {
      return messages.findLast(({ id }) => id !== '')?.id ?? '';
    },
    pause: () => response.pause(),
    resume: () => response.resume(),
    ended,
    close,
  };
}
