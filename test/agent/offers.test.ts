/** Laws of the questions to one body, which tasks it takes: each is settled once, and leaves no timer. */
import { expect, it } from 'vitest';
import { Offers } from '../../src/runtime/agent/offers.ts';
import type { BodyRequest } from '../../src/runtime/hosting/host.ts';
import { settled, simulatedClock } from '../../src/testing/index.ts';

function rig(timeoutMs = 100) {
  const clock = simulatedClock({ startAt: 0 });
  const posted: BodyRequest[] = [];
  const offers = new Offers(
    { id: 'ada', clock, post: (request) => void posted.push(request) },
    {
      timeoutMs,
    },
  );
  const fates: string[] = [];
  const ask = (...asked: Parameters<Offers['ask']>) => {
    const place = fates.push('open') - 1;
    offers.ask(...asked).then(
      (offer) => (fates[place] = JSON.stringify(offer)),
      ({ code, message, agentId }) => (fates[place] = `${code} ${agentId}: ${message}`),
    );
  };
  const answer = (questionId: number, offer: object) =>
    offers.answered({ type: 'offer.told', questionId, offer } as never);
  return { clock, posted, offers, fates, ask, answer };
}

const late = (ms: number) => `TASK_TIMED_OUT ada: agent ada did not say within ${ms} ms what it takes`;

it('each is numbered, says what it asks for, and is settled by its own answer alone', async () => {
  const { clock, posted, fates, ask, answer } = rig();
  ask(undefined);
  ask({ type: 'add' });
  ask(undefined, true);
  expect(posted).toEqual([
    { type: 'offer.asked', questionId: 1 },
    { type: 'offer.asked', questionId: 2, task: { type: 'add' } },
    { type: 'offer.asked', questionId: 3, isOutlined: true },
  ]);
  answer(2, { second: true });
  answer(2, { again: true });
  answer(9, { nobody: 'asked' });
  await settled();
  expect(fates).toEqual(['open', '{"second":true}', 'open']);
  expect(clock.pending()).toHaveLength(2);
  answer(1, {});
  answer(3, {});
  await settled();
  expect(fates).toEqual(['{}', '{"second":true}', '{}']);
  expect(clock.pending()).toEqual([]);
});

it('one that is not answered in time has timed out, at its own deadline; a later answer is dropped', async () => {
  const { clock, offers, fates, ask, answer } = rig(100);
  ask(undefined);
  offers.follow({ timeoutMs: 30 });
  ask(undefined);
  await clock.advance(29);
  expect(fates).toEqual(['open', 'open']);
  await clock.advance(1);
  expect(fates).toEqual(['open', late(30)]);
  answer(2, {});
  await clock.advance(70);
  answer(1, {});
  await settled();
  expect(fates).toEqual([late(100), late(30)]);
});

it('a body that is gone answers none that is open, and the next one may be asked', async () => {
  const { clock, offers, fates, ask, answer } = rig();
  ask(undefined);
  ask(undefined);
  answer(1, {});
  offers.giveUp();
  offers.giveUp();
  ask(undefined);
  answer(2, {});
  answer(3, { next: true });
  await settled();
  const gone = 'AGENT_NOT_RUNNING ada: agent ada has ended before it said what it takes';
  expect(fates).toEqual(['{}', gone, '{"next":true}']);
  expect(clock.pending()).toEqual([]);
});
