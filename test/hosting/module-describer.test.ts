/** One child describes all modules, one after the other: none of them takes another's time, or its answer. */
import { expect, onTestFinished, test } from 'vitest';
import type { ExitReason } from '../../src/index.ts';
import { defineAgent } from '../../src/runtime/definition/define-agent.ts';
import { manifestOf } from '../../src/runtime/definition/manifest.ts';
import { childHost } from '../../src/runtime/hosting/hosts/child-host.ts';
import { CHILD, eachRequest } from '../../src/runtime/hosting/hosts/protocol.ts';
import { settled, simulatedClock } from '../../src/testing/index.ts';

const manifest = manifestOf(defineAgent({ type: 'described', init: () => 0, tasks: {} }));
const hanging = new URL('file:///agents/hanging.ts');
const sound = new URL('file:///agents/sound.ts');

/** Children that describe every module but the one that hangs. */
function describer() {
  const clock = simulatedClock();
  const kills: ExitReason[] = [];
  const host = childHost({
    clock,
    kind: 'process',
    killTimeoutMs: 100,
    killGraceMs: 100,
    leaveTimeoutMs: 100,
    watchEveryMs: Infinity,
    describeTimeoutMs: 60_000,
    describerIdleMs: Infinity,
    refusal: () => undefined,
    start: (_, { message, ended }) => ({
      kind: 'process',
      usage: undefined,
      send: (sent) =>
        eachRequest(sent, (_body, request) => {
          if (request.type !== 'describe' || request.module === hanging.href) return;
          queueMicrotask(() => message([CHILD, { type: 'described', question: request.question, manifest }]));
        }),
      kill: (reason) => {
        kills.push(reason);
        queueMicrotask(() => ended(reason));
      },
      watch: () => {},
      ref: () => {},
    }),
  });
  onTestFinished(() => host.close());
  const ask = (module: URL) => {
    const told: string[] = [];
    const controller = new AbortController();
    const turn = {
      signal: controller.signal,
      waits: () => told.push('waits'),
      begins: () => told.push('begins'),
    };
    const answer = host.describe(module, {}, undefined, turn);
    answer.catch(() => undefined);
    return { told, answer, giveUp: () => controller.abort() };
  };
  return { clock, kills, ask };
}

test('a module that waits for another says so, and begins when that is done', async () => {
  const { ask, kills } = describer();
  const first = ask(hanging);
  const second = ask(sound);
  expect([first.told, second.told]).toEqual([['begins'], ['waits']]);
  first.giveUp();
  await expect(first.answer).rejects.toThrow(/hanging\.ts/);
  expect(kills).toEqual(['killed']);
  expect(await second.answer).toEqual(manifest);
  expect(second.told).toEqual(['waits', 'begins']);
});

test('a module that is given up while it waits is never asked for', async () => {
  const { ask, kills } = describer();
  const [first, second, third] = [ask(hanging), ask(sound), ask(sound)];
  second.giveUp();
  await expect(second.answer).rejects.toThrow(/sound\.ts was not loaded: nobody waits for it/);
  expect(kills).toEqual([]);
  first.giveUp();
  expect(await third.answer).toEqual(manifest);
  expect(second.told).toEqual(['waits']);
});

test('giving up what is answered already changes nothing', async () => {
  const { ask, kills } = describer();
  const { answer, giveUp } = ask(sound);
  expect(await answer).toEqual(manifest);
  giveUp();
  await settled();
  expect(kills).toEqual([]);
});

test('without a turn the time of the host is the limit', async () => {
  const { clock, kills, ask } = describer();
  const { answer } = ask(hanging);
  await clock.advance(60_000);
  await expect(answer).rejects.toThrow(/expected it to load within 60000 ms/);
  expect(kills).toEqual(['start_timed_out']);
});
