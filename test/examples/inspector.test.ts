import { type ChildProcess, spawn } from 'node:child_process';
import { on, once } from 'node:events';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import { WebSocket } from 'ws';

const MAIN = fileURLToPath(new URL('../../examples/inspector/main.ts', import.meta.url));

let program: ChildProcess | undefined;
afterEach(() => {
  program?.kill('SIGKILL');
});

it('the inspector example shows its fleet to viewers that have the address, and ends gracefully', async () => {
  program = spawn(process.execPath, [MAIN], { stdio: ['ignore', 'pipe', 'ignore'] });
  const url = await addressIn(program.stdout!);
  const viewer = new WebSocket(url.replace('http', 'ws'));
  const names = new Set<string>();
  for await (const [text] of on(viewer, 'message')) {
    const message = JSON.parse(String(text)) as { type: string; name?: string };
    if (message.type === '@xstate.actor' && message.name !== undefined) names.add(message.name);
    if (['ada', 'alan', 'barbara', 'edsger', 'grace'].every((name) => names.has(name))) break;
  }
  const closed = once(viewer, 'close');
  const exited = once(program, 'exit');
  program.kill('SIGINT');
  expect((await closed)[0]).toBe(1001);
  expect(await exited).toEqual([0, null]);
});

async function addressIn(output: Readable): Promise<string> {
  let text = '';
  for await (const part of output.iterator({ destroyOnReturn: false })) {
    text += String(part);
    const [address] = /http:\S+(?=\n)/.exec(text) ?? [];
    if (address !== undefined) return address;
  }
  throw new Error(`no address in: ${text}`);
}
