/**
 * What the engine reaches a node by, or a node the engine, and can be shut, or frozen as a machine is whose packets get
 * lost: what is behind it goes on, and is not reached.
 */
import { createServer, connect, type AddressInfo, type Socket } from 'node:net';

export interface Gateway {
  readonly url: string;
  /** Where it leads: a node is to listen there. */
  readonly behind: string;
  /** Refuses. */
  close(): Promise<void>;
  /** Takes what comes, and says nothing. */
  freeze(): void;
  /** As it was. */
  open(): Promise<void>;
}

/** @param to the port that it leads to; default a free one */
export async function gateway(to?: number): Promise<Gateway> {
  const sockets = new Set<Socket>();
  const target = to ?? (await freePort());
  let isFrozen = false;
  const server = createServer((incoming) => {
    if (isFrozen) {
      sockets.add(incoming.pause());
      incoming.on('error', () => undefined);
      return;
    }
    const outgoing = connect(target, '127.0.0.1');
    for (const [from, to] of [
      [incoming, outgoing],
      [outgoing, incoming],
    ] as const) {
      sockets.add(from);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  });
  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  return {
    url: `http://127.0.0.1:${port}`,
    behind: `http://127.0.0.1:${target}`,
    close,
    freeze() {
      isFrozen = true;
      for (const socket of sockets) socket.unpipe().pause();
    },
    async open() {
      isFrozen = false;
      if (!server.listening) return listen(port);
      for (const socket of sockets) socket.destroy();
      sockets.clear();
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
