/** A node whose clock is wrong does not join, and one whose clock is set is compared with the engine anew. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { createAgentNode } from '../../src/restate.ts';
import { EngineAdmin } from '../../src/restate/engine/engine-admin.ts';
import { ClockCheck } from '../../src/restate/nodes/clock-check.ts';

const HOUR_MS = 3_600_000;

/** An engine that tells a time that is so much later than it is, or none. */
async function engineAt(laterMs: number | undefined): Promise<string> {
  const server = createServer((_, response) => {
    if (laterMs === undefined) response.sendDate = false;
    else response.setHeader('date', new Date(Date.now() + laterMs).toUTCString());
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

afterEach(() => {
  vi.useRealTimers();
});

describe('a node', () => {
  test.for([
    [-HOUR_MS, /its clock is (3599|3600) s ahead of the engine's, expected at most 2 s/],
    [HOUR_MS, /its clock is (3599|3600) s behind the engine's, expected at most 2 s/],
  ] as const)('whose engine is %i ms ahead does not join, and says so', async ([laterMs, said]) => {
    const adminUrl = await engineAt(laterMs);
    const refused = await createAgentNode({
      name: 'n1',
      listen: 'http://127.0.0.1:0',
      restate: { ingressUrl: adminUrl, adminUrl },
      logger: pino({ level: 'silent' }),
    }).catch((thrown: unknown) => thrown);
    expect(refused).toMatchObject({ code: 'STORE_FAILED', details: { node: 'n1' } });
    expect((refused as Error).message).toMatch(said);
  });

  test.for([0, 2_000, -2_000, undefined])(
    'whose engine is %s ms ahead, or tells no time, is right',
    async (laterMs) => {
      const check = new ClockCheck(new EngineAdmin(await engineAt(laterMs)));
      await check.refuseWrong('n1');
      expect(check.problem).toBe(undefined);
    },
  );
});

test('a clock is looked at when it was set, in both directions, and after a minute', async () => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'] });
  const check = new ClockCheck({ clockAheadMs: () => Promise.resolve(0) });
  expect(check.isDue).toBe(true);
  for (const change of [
    () => vi.setSystemTime(Date.now() + HOUR_MS),
    () => vi.setSystemTime(Date.now() - HOUR_MS),
    () => vi.advanceTimersByTime(60_001),
  ]) {
    await check.look();
    vi.advanceTimersByTime(59_000);
    expect(check.isDue).toBe(false);
    change();
    expect(check.isDue).toBe(true);
  }
});

test('a look that fails leaves what was known, and one is due again at once where the clock was set', async () => {
  const answers = [Promise.resolve(HOUR_MS), Promise.reject(new Error('away')), Promise.resolve(0)];
  const check = new ClockCheck({ clockAheadMs: () => answers.shift()! });
  await check.look();
  vi.useFakeTimers({ toFake: ['Date', 'performance'] });
  vi.setSystemTime(Date.now() + HOUR_MS);
  await expect(check.look()).rejects.toThrow('away');
  expect(check.problem).toContain('3600 s ahead');
  expect(check.isDue).toBe(true);
  await check.look();
  expect(check.problem).toBe(undefined);
});

test('a clock that is wrong, or was set, is not right; a wrong one is looked at each second', async () => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'] });
  const answers = [0, HOUR_MS, 0];
  const check = new ClockCheck({ clockAheadMs: () => Promise.resolve(answers.shift()!) });
  await check.look();
  expect(check.isRight).toBe(true);
  vi.setSystemTime(Date.now() + HOUR_MS);
  expect(check.isRight).toBe(false);
  await check.look();
  expect([check.isRight, check.isDue]).toEqual([false, false]);
  vi.advanceTimersByTime(1_001);
  expect(check.isDue).toBe(true);
  await check.look();
  expect([check.isRight, check.isDue]).toEqual([true, false]);
});
