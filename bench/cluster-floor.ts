/**
 * What the engine alone asks for: a bare call, one with as many journal entries as a task, and the calls of a task
 * without anything in them.
 *
 * A task is five invocations. The shape makes the same five, with the same entries and as many bytes of state, and does
 * nothing else: what a task costs beyond it is ours. Beside it stand two of the five, a turn and the call that waits for
 * it; and a way with four, which a fleet does not take (docs/scale-figures.md says why).
 */
import { createServer, type Http2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import {
  createEndpointHandler,
  handlers,
  object,
  type ObjectContext,
  type ObjectSharedContext,
} from '@restatedev/restate-sdk';
import type { Engine } from '../examples/cluster/engine.ts';
import { EngineClient, REPEATABLE } from '../src/restate/engine/engine-client.ts';
import { wire } from '../src/restate/engine/wire.ts';

/**
 * Journal entries of one task over all its invocations, as the engine lists them: ask 5, command 6, post 2, report 8,
 * events 5. 21 of them are commands, the others what the engine answers.
 */
export const ENTRIES = 26;

/** As large as the state of an agent while it has one task, and after it. */
const BUSY = 'x'.repeat(3_000);
const IDLE = 'x'.repeat(2_300);
/** As large as what the body of `cluster-agent.ts` saves, as the events of one task, and as the log's newest segment. */
const SAVED = 'x'.repeat(40);
const EVENTS = 'x'.repeat(670);
const HEAD = 'x'.repeat(3_500);

export interface Floor {
  /** A call with nothing in it. */
  empty(key: string): Promise<unknown>;
  /** A call with as many journal entries as a task. */
  touch(key: string): Promise<unknown>;
  shape(key: string): Promise<unknown>;
  /** A turn, and the call that waits for what comes of it. */
  awaited(key: string): Promise<unknown>;
  /** The caller waits at the node, which gets the message with the answer of the turn. */
  atNode(key: string): Promise<unknown>;
  close(): void;
}

interface Given {
  readonly token: string;
  readonly isAtNode?: true;
}

const codec = { input: wire, output: wire } as const;
const exclusive = handlers.object.exclusive;
const to = (service: string, key: string, method: string, parameter: unknown) => ({
  service,
  key,
  method,
  parameter,
  inputSerde: wire,
});

export async function floorOf({ adminUrl, ingressUrl }: Engine): Promise<Floor> {
  const client = new EngineClient(ingressUrl);
  const bare = object({
    name: 'bare',
    handlers: {
      touch: exclusive(codec, async (ctx: ObjectContext, given: unknown) => {
        // One is what it is given, one what it gives.
        for (let entry = 2; entry < (given as number); entry++) {
          if (entry % 2 === 0) await ctx.get('n', wire);
          else ctx.set('n', IDLE.slice(0, 100), wire);
        }
        return given;
      }),
    },
    options: { journalRetention: 0 },
  });
  const agent = object({
    name: 'shape_agent',
    handlers: {
      ask: handlers.object.shared({ ...codec, enableLazyState: true }, (ctx: ObjectSharedContext) => {
        const { id, promise } = ctx.awakeable(wire);
        ctx.genericSend(to('shape_agent', ctx.key, 'command', { token: id }));
        return promise;
      }),
      command: exclusive(codec, async (ctx: ObjectContext, given: unknown) => {
        await ctx.get('state', wire);
        if (!(given as Given).isAtNode) ctx.genericSend(to('shape_host', ctx.key, 'post', given));
        ctx.set('state', BUSY, wire);
        return given;
      }),
      askTurn: handlers.object.shared({ ...codec, enableLazyState: true }, (ctx: ObjectSharedContext) => {
        const { id, promise } = ctx.awakeable(wire);
        ctx.genericSend(to('shape_agent', ctx.key, 'turn', { token: id }));
        return promise;
      }),
      turn: exclusive(codec, async (ctx: ObjectContext, given: unknown) => {
        await ctx.get('state', wire);
        ctx.set('state', BUSY, wire);
        ctx.resolveAwakeable((given as Given).token, 1, wire);
        return null;
      }),
      report: exclusive(codec, async (ctx: ObjectContext, given: unknown) => {
        await ctx.get('state', wire);
        ctx.set('saved', SAVED, wire);
        ctx.genericSend(to('shape_events', 'all', 'append', EVENTS));
        ctx.set('state', IDLE, wire);
        ctx.resolveAwakeable((given as Given).token, 1, wire);
        return null;
      }),
    },
    options: { journalRetention: 0 },
  });
  const report = (key: string, given: unknown): void => {
    void client.call({ service: 'shape_agent', key, method: 'report' }, given, REPEATABLE);
  };
  const host = object({
    name: 'shape_host',
    handlers: {
      post: exclusive(codec, (ctx: ObjectContext, given: unknown) => {
        report(ctx.key, given);
        return Promise.resolve();
      }),
      ask: handlers.object.shared({ ...codec, enableLazyState: true }, async (ctx: ObjectSharedContext) => {
        const { id: token, promise } = ctx.awakeable(wire);
        const asked: Given = { token, isAtNode: true };
        const command = to('shape_agent', ctx.key, 'command', asked);
        report(ctx.key, await ctx.genericCall({ ...command, outputSerde: wire }));
        return promise;
      }),
    },
    options: { journalRetention: 0 },
  });
  const events = object({
    name: 'shape_events',
    handlers: {
      append: exclusive({ ...codec, enableLazyState: true }, async (ctx: ObjectContext) => {
        await ctx.get('head', wire);
        ctx.set('head', HEAD, wire);
      }),
    },
    options: { journalRetention: 0 },
  });
  const server: Http2Server = createServer(
    createEndpointHandler({ services: [bare, agent, host, events], logger: () => undefined }),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const uri = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await fetch(`${adminUrl}/deployments`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ uri, force: true }),
  });
  return {
    empty: (key) => client.call({ service: 'bare', key, method: 'touch' }, 2),
    touch: (key) => client.call({ service: 'bare', key, method: 'touch' }, ENTRIES),
    shape: (key) => client.call({ service: 'shape_agent', key, method: 'ask' }, null),
    awaited: (key) => client.call({ service: 'shape_agent', key, method: 'askTurn' }, null),
    atNode: (key) => client.call({ service: 'shape_host', key, method: 'ask' }, null),
    close: () => {
      client.close();
      server.close();
    },
  };
}
