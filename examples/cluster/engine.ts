/**
 * A Restate server from its npm package: on free ports of loopback, with a folder of its own, ended by its process id.
 *
 * I1  It listens on loopback alone, and tells nobody of itself.
 * I2  It ends with the program that started it, however that ends, and leaves no file behind.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const START_TIMEOUT_MS = 60_000;

/** Where the server of the npm package is; `undefined` where there is none for this machine. */
export function serverBinary(): string | undefined {
  try {
    const { resolve } = createRequire(import.meta.url);
    const manifest = resolve(`@restatedev/restate-server-${process.platform}-${process.arch}/package.json`);
    const path = join(dirname(manifest), 'bin', 'restate-server');
    return existsSync(path) ? path : undefined;
  } catch {
    return undefined;
  }
}

export interface Engine extends AsyncDisposable {
  readonly ingressUrl: string;
  readonly adminUrl: string;
  readonly pid: number;
  /** Where it keeps all that it has. */
  readonly folder: string;
  /** Ends it without a word, and starts it again on the same folder and ports. */
  killAndRestart(): Promise<void>;
  stop(): Promise<void>;
}

export interface EngineOptions {
  /** Parts of its data, 4 by default, each worked by a thread of its own; every one more costs all calls CPU time. */
  readonly partitions?: number;
  /** What stands in its log, the file `log` of its folder: errors, by default. */
  readonly logFilter?: string;
  /** Lines of its configuration, beside those that are set here. */
  readonly config?: string;
}

export async function startEngine({
  partitions = 4,
  logFilter = 'error',
  config = '',
}: EngineOptions = {}): Promise<Engine> {
  const binary = serverBinary();
  if (binary === undefined) throw new Error('no restate-server for this machine');
  const folder = await mkdtemp(join(tmpdir(), 'mabeam-engine-'));
  const [fabric, ingress, admin] = await freePorts(3);
  const file = join(folder, 'restate.toml');
  await writeFile(
    file,
    `node-name = "n0"
cluster-name = "mabeam"
base-dir = "${join(folder, 'data')}"
listen-mode = "tcp"
bind-address = "127.0.0.1:${fabric}"
advertised-address = "http://127.0.0.1:${fabric}"
default-num-partitions = ${partitions}
disable-telemetry = true
log-filter = "${logFilter}"
rocksdb-total-memory-size = "256.0 MiB"
${config}
[ingress]
bind-address = "127.0.0.1:${ingress}"
request-size-limit = "32.0 MiB"
[admin]
bind-address = "127.0.0.1:${admin}"
[networking]
message-size-limit = "128.0 MiB"
[worker.invoker]
http2-keep-alive-interval = "250ms"
http2-keep-alive-timeout = "1500ms"
eager-state-size-limit = "64 KiB"
`,
  );
  const adminUrl = `http://127.0.0.1:${admin}`;
  const ingressUrl = `http://127.0.0.1:${ingress}`;
  const log = join(folder, 'log');
  const start = () =>
    spawned(binary, { folder, file, log }, [`${adminUrl}/health`, `${ingressUrl}/restate/health`]);
  let server = await start();
  const end = async (): Promise<void> => {
    if (server.exitCode !== null || server.signalCode !== null) return;
    const exited = new Promise((resolve) => server.once('exit', resolve));
    server.kill('SIGKILL');
    await exited;
  };
  const stop = async (): Promise<void> => {
    await end();
    await rm(folder, { recursive: true, force: true });
  };
  return {
    ingressUrl,
    adminUrl,
    folder,
    get pid() {
      return server.pid!;
    },
    async killAndRestart() {
      await end();
      server = await start();
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

async function spawned(
  binary: string,
  { folder, file, log }: Readonly<Record<'folder' | 'file' | 'log', string>>,
  healthUrls: readonly string[],
): Promise<ChildProcess> {
  const script = 'exec "$0" --config-file "$1" >>"$2" 2>&1';
  const server = spawn('/bin/sh', ['-c', script, binary, file, log], {
    stdio: 'ignore',
    // A group of its own: Ctrl-C is for the program that started it, which ends it in its turn.
    detached: true,
    // What it has there would stay, as it is killed.
    env: { ...process.env, TMPDIR: folder },
  });
  const endWithUs = (): void => void server.kill('SIGKILL');
  process.once('exit', endWithUs);
  server.once('exit', () => process.off('exit', endWithUs));
  leaveNothing(server, folder);
  const until = Date.now() + START_TIMEOUT_MS;
  for (const url of healthUrls) {
    while (!(await isHealthy(url))) {
      if (Date.now() > until || server.exitCode !== null) {
        server.kill('SIGKILL');
        throw new Error(`the engine did not start:\n${await readFile(log, 'utf8')}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  return server;
}

/** One who is killed with -9 can end nobody: a shell that hears of that does, and removes the folder. */
function leaveNothing(server: ChildProcess, folder: string): void {
  const script = 'read -r _; kill -9 "$0"; rm -rf "$1"';
  const heir = spawn('/bin/sh', ['-c', script, String(server.pid), folder], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  heir.unref();
  (heir.stdin as Socket).unref();
  server.once('exit', () => heir.kill('SIGKILL'));
}

async function isHealthy(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(1_000) })).ok;
  } catch {
    return false;
  }
}

async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
