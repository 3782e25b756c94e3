/** A node that begins beside an engine which is slow to answer, or none: no server, one HTTP port that answers as told. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { createAgentNode } from '../../src/restate.ts';
import { MISSED_MS } from '../../src/restate/nodes/seat-watch.ts';
import { settled, simulatedClock } from '../../src/testing/index.ts';

/** After so many misses a call is made again. */
const LOST_MISSES = 5;

test('a node that joins makes one call of it, however often it asks for the answer', async () => {
  const clock = simulatedClock({ startAt: 0 });
  const keys: unknown[] = [];
  const warned: unknown[] = [];
  /** Until the call is given up. */
  const waitInVain = async (): Promise<void> => {
    for (let misses = 0; misses < LOST_MISSES * keys.length; misses++) {
      await clock.advance(MISSED_MS);
      await settled();
    }
  };
  const engine = createServer((request, response) => {
    const isJoin = request.url!.endsWith('/join');
    if (isJoin) keys.push(request.headers['idempotency-key'] ?? 'none');
    if (isJoin && keys.length < 3) return void waitInVain();
    const value = isJoin ? [] : { deployments: [], isKnown: true, missed: 0 };
    return void response.setHeader('content-type', 'application/json').end(JSON.stringify(value));
  });
  await new Promise<void>((resolve) => engine.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    engine.closeAllConnections();
    await new Promise((resolve) => engine.close(resolve));
  });
  const url = `http://127.0.0.1:${(engine.address() as AddressInfo).port}`;
  const node = await createAgentNode({
    name: 'slow',
    listen: 'http://127.0.0.1:0',
    restate: { ingressUrl: url, adminUrl: url },
    control: false,
    clock,
    logger: pino({ level: 'warn' }, { write: (line) => void warned.push(JSON.parse(line)) }),
  });
  onTestFinished(() => node.close({ timeoutMs: 0 }));
  // The third is answered after 5 and 10 misses, 11 s.
  expect(warned).toMatchObject([{ engine: url, msg: 'nobody has answered for the fleet yet' }]);
  expect(keys).toHaveLength(3);
  expect(new Set(keys).size).toBe(1);
  expect(keys[0]).not.toBe('none');
});

test('a node that cannot listen where it should is refused, and says why', async () => {
  const nowhere = 'http://127.0.0.1:9';
  const beginning = createAgentNode({
    name: 'lost',
    listen: 'http://203.0.113.1:0',
    restate: { ingressUrl: nowhere, adminUrl: nowhere },
    logger: pino({ level: 'silent' }),
  });
  await expect(beginning).rejects.toMatchObject({
    code: 'AGENT_SPEC_INVALID',
    message: expect.stringContaining(
      'createAgentNode: listen: host: expected a name or an address',
    ) as unknown,
    cause: { code: 'EADDRNOTAVAIL' },
  });
});
