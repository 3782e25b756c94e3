/** A service of the engine that asks a node, as the fleet's own services do. */
import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import {
  type Context,
  createEndpointHandler,
  handlers,
  service,
  TerminalError,
} from '@restatedev/restate-sdk';
import { EngineAdmin } from '../../src/restate/engine/engine-admin.ts';
import { EngineClient } from '../../src/restate/engine/engine-client.ts';
import { wire } from '../../src/restate/engine/wire.ts';
import type { Engine } from './engine.ts';

export async function asker({ ingressUrl, adminUrl }: Engine) {
  const asking = service({
    name: 'asker',
    handlers: {
      ask: handlers.handler({ input: wire, output: wire }, async (ctx: Context, given: unknown) => {
        const question = { what: 'alive', parameter: {} };
        const asked = { service: given as string, method: 'serve', parameter: question, inputSerde: wire };
        try {
          return await ctx.genericCall({ ...asked, outputSerde: wire });
        } catch (thrown) {
          if (thrown instanceof TerminalError) return 'refused';
          throw thrown;
        }
      }),
    },
  });
  const server = createServer(createEndpointHandler({ services: [asking], logger: () => undefined }));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const admin = new EngineAdmin(adminUrl);
  await admin.register(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const engine = new EngineClient(ingressUrl);
  return {
    ask: (service: string) => engine.call({ service: 'asker', method: 'ask' }, service),
    async [Symbol.asyncDispose]() {
      engine.close();
      for (const { id, services } of await admin.deployments())
        if (services.includes('asker')) await admin.remove(id);
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
