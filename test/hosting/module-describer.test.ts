/** One child describes all modules, one after the other: none of them takes another's time, or its answer. */
import { expect, onTestFinished, test } from 'vitest';
import type { ExitReason } from '../../src/index.ts';
import { defineAgent } from '../../src/runtime/definition/define-agent.ts';
import { manifestOf } from '../../src/runtime/definition/manifest.ts';
import { messageOf } from '../../src/runtime/hosting/hosts/errors-within.ts';
import { childHost } from '../../src/runtime/hosting/hosts/child-host.ts';
import { CHILD, eachRequest } from '../../src/runtime/hosting/hosts/protocol.ts';
import { settled, simulatedClock } from '../../src/testing/index.ts';
import { childHostTerms } from './hosts.ts';

const manifest = manifestOf(defineAgent({ type: 'described', init: () => 0, tasks: {} }));
const hanging = new URL('file:///agents/hanging.ts');
const broken = new URL('file:///agents/broken.ts');
const holding = new URL('file:///agents/holding.ts');
/** Its child crashes while it is asked for. */
const crashing = new URL('file:///agents/crashing.ts');
/** A child that has described it crashes at the next question. */
const late = new URL('file:///agents/late.ts');
/** It fails where another was loaded before: that one has frozen what it changes, say. */
const spoilt = new URL('file:///agents/spoilt.ts');
const sound = new URL('file:///agents/sound.ts');

const nameOf = (href: string): string => /(\w+)\.ts$/.exec(href)?.[1] ?? href;

/** Children that describe every module but the one that hangs. */
function describer() {
  const clock = simulatedClock();
  const kills: ExitReason[] = [];
  /** What each child was asked, in order. */
  const asked: string[][] = [];
  /** How many of its messages each child was told to have been taken, and whether it kept the program alive. */
  const taken: number[][] = [];
  const kept: boolean[][] = [];
  const host = childHost({
    clock,
    ...childHostTerms,
    start: (_, { message, ended }) => {
      const heard: string[] = [];
      const [takenOf, keptBy]: [number[], boolean[]] = [[], []];
      asked.push(heard);
      taken.push(takenOf);
      kept.push(keptBy);
      return {
        kind: 'process',
        usage: undefined,
        send: (sending) => {
          const sent = messageOf(sending);
          takenOf.push(sent[0]);
          eachRequest(sent, (_body, request) => {
            if (request.type !== 'describe') return;
            const { question, module } = request;
            const isLate = heard.includes(nameOf(late.href));
            heard.push(nameOf(module));
            if (module === hanging.href) return;
            queueMicrotask(() => {
              if (module === crashing.href || isLate) {
                message([CHILD, { type: 'crashed', reason: { exitCode: 9 } }]);
                return;
              }
              const error = { name: 'Error', message: 'it is broken' };
              const isSpoilt = module === spoilt.href && heard.length > 1;
              if (module === broken.href || isSpoilt)
                message([CHILD, { type: 'described', question, error }]);
              else
                message([
                  CHILD,
                  { type: 'described', question, manifest, isHolding: module === holding.href },
                ]);
            });
          });
        },
        kill: (reason) => {
          kills.push(reason);
          queueMicrotask(() => ended(reason));
        },
        watch: () => {},
        ref: (isKept) => keptBy.push(isKept),
      };
    },
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
  return { host, clock, kills, asked, taken, kept, ask };
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

test('a module that is out of time has had its only time, also in a child that has described others', async () => {
  const { clock, ask, asked } = describer();
  await ask(sound).answer;
  const { answer } = ask(hanging);
  await clock.advance(60_000);
  await expect(answer).rejects.toThrow(/expected it to load within 60000 ms/);
  expect(asked).toEqual([['sound', 'hanging']]);
});

test('a child in which a module failed is ended before that is told, and describes no other', async () => {
  const { ask, kills, asked } = describer();
  const answers = [ask(sound), ask(broken), ask(sound)].map(({ answer }) => answer);
  const [first, second, third] = await Promise.allSettled(answers);
  expect([first?.status, second?.status, third?.status]).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(asked).toEqual([['sound', 'broken'], ['broken'], ['sound']]);
  expect(kills).toEqual(['shutdown', 'shutdown']);
});

test('a child that holds something open is ended before the answer is given', async () => {
  const { ask, kills, asked } = describer();
  expect(await ask(holding).answer).toEqual(manifest);
  expect(kills).toEqual(['shutdown']);
  expect(await ask(sound).answer).toEqual(manifest);
  expect(asked).toEqual([['holding'], ['sound']]);
});

test('a crash in a child that had loaded others is nobody’s: the module is asked for again', async () => {
  const { ask, asked } = describer();
  const [first, second] = [ask(late), ask(sound)];
  expect(await first.answer).toEqual(manifest);
  expect(await second.answer).toEqual(manifest);
  expect(asked).toEqual([['late', 'sound'], ['sound']]);
  // Its time began anew.
  expect(second.told).toEqual(['waits', 'begins', 'begins']);
});

test('nor is a failure: what another module has changed keeps no sound one from being described', async () => {
  const { ask, asked } = describer();
  await ask(sound).answer;
  const second = ask(spoilt);
  expect(await second.answer).toEqual(manifest);
  expect(asked).toEqual([['sound', 'spoilt'], ['spoilt']]);
  expect(second.told).toEqual(['begins', 'begins']);
});

test('a module that crashes its child is asked for twice at the most', async () => {
  const { ask, asked } = describer();
  await ask(sound).answer;
  await expect(ask(crashing).answer).rejects.toThrow(
    /crashing\.ts: expected it to load, its process ended: exit code 9/,
  );
  expect(asked).toEqual([['sound', 'crashing'], ['crashing']]);
  await expect(ask(crashing).answer).rejects.toThrow(/exit code 9/);
  expect(asked).toHaveLength(3);
});

test('a thousand questions about one sound module are asked of one child', async () => {
  const { ask, asked } = describer();
  for (let n = 0; n < 1_000; n += 1) await ask(sound).answer;
  expect(asked).toHaveLength(1);
});

test('a child that cannot be made is told with what was in the way', async () => {
  const host = childHost({
    clock: simulatedClock(),
    ...childHostTerms,
    start: () => {
      throw new Error('spawn EMFILE');
    },
  });
  await expect(host.describe(sound, {})).rejects.toThrow(/sound\.ts was not loaded: spawn EMFILE$/);
  await host.close();
});

test('a child is told with each question how many of its messages were taken: the next one begins anew', async () => {
  const { ask, taken } = describer();
  for (const module of [sound, sound, broken, sound, sound]) await ask(module).answer.catch(() => undefined);
  expect(taken).toEqual([[0, 1, 2], [0], [0, 1]]);
});

test('a child keeps its program alive while a module is asked for, and not while it waits for the next', async () => {
  const { ask, kept } = describer();
  await ask(sound).answer;
  expect(kept).toEqual([[true, false]]);
  const both = [ask(sound), ask(sound)].map(({ answer }) => answer);
  await Promise.all(both);
  expect(kept).toEqual([[true, false, true, true, false]]);
});

test('a closed host is asked for nothing more: what waits is refused, and what comes later', async () => {
  const { host, ask, asked } = describer();
  const [first, second] = [ask(hanging), ask(sound)];
  await host.close();
  const third = ask(sound);
  await expect(first.answer).rejects.toThrow(/hanging\.ts: expected it to load, its process ended: killed/);
  for (const { answer } of [second, third])
    await expect(answer).rejects.toThrow(/sound\.ts was not loaded: the host is closed/);
  expect(asked).toEqual([['hanging']]);
});
