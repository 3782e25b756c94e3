import { describe, expect, test } from 'vitest';
import type { ExitReason } from '../../src/machines/index.ts';
import { defineAgent } from '../../src/runtime/definition/define-agent.ts';
import { manifestOf } from '../../src/runtime/definition/manifest.ts';
import { messageOf } from '../../src/runtime/hosting/hosts/errors-within.ts';
import { ChildBodies, type ChildBodiesOptions } from '../../src/runtime/hosting/hosts/child-bodies.ts';
import {
  type BodyKey,
  CHILD,
  eachRequest,
  type ChildRequest,
} from '../../src/runtime/hosting/hosts/protocol.ts';
import { Witness } from '../../src/testing/host-laws/witness.ts';
import { simulatedClock } from '../../src/testing/simulated-clock.ts';
import { faultyAgent, specOf } from './hosts.ts';

/** Bodies of a child that does nothing but what it is told to. */
function scripted(options: Partial<ChildBodiesOptions> = {}) {
  const clock = simulatedClock();
  const sent: { taken: number; requests: { body: BodyKey; type: ChildRequest['type'] }[] }[] = [];
  const whole: ChildRequest[] = [];
  const kills: ExitReason[] = [];
  const log: string[] = [];
  const bodies = new ChildBodies({
    clock,
    leaveTimeoutMs: 100,
    killGraceMs: 50,
    killTimeoutMs: 200,
    group: undefined,
    closing: () => log.push('closing'),
    gone: () => log.push('gone'),
    ...options,
  });
  bodies.join(() => ({
    kind: 'process',
    usage: { memoryBytes: 100, cpuMs: 10 },
    send: (sending) => {
      const message = messageOf(structuredClone(sending));
      const requests: (typeof sent)[number]['requests'] = [];
      eachRequest(message, (body, request) => {
        requests.push({ body, type: request.type });
        whole.push(request);
      });
      sent.push({ taken: message[0], requests });
    },
    kill: (reason) => kills.push(reason),
    watch: () => log.push('watch'),
    ref: (isKept) => log.push(`ref ${isKept}`),
  }));
  const open = (agentId = 'agent', initArgs: unknown = {}): Witness => {
    const witness = new Witness();
    const { resources } = specOf();
    const start = { agentId, incarnation: 1, module: faultyAgent, initArgs, resources };
    witness.body = bodies.open(
      { ...start, restored: undefined, previousStop: undefined, variables: [] },
      witness,
    );
    return witness;
  };
  const say = (...message: unknown[]): void => bodies.message(message);
  const requests = () => sent.flatMap(({ requests }) => requests);
  return { bodies, clock, sent, whole, kills, log, open, say, requests };
}

describe('the last body of a child', () => {
  test('exits when the child is gone, with the reason that it gave', async () => {
    const { bodies, clock, open, say, requests, log } = scripted();
    const witness = open();
    say(1, { type: 'exited', reason: 'shutdown' });
    await clock.advance(99);
    expect(witness.exits).toEqual([]);
    expect(requests().at(-1)).toEqual({ body: CHILD, type: 'end' });
    expect(bodies.isOpen).toBe(false);
    bodies.ended('normal');
    expect(witness.exits).toEqual(['shutdown']);
    expect(log).toEqual(['closing', 'gone']);
  });
  test('is helped along when the child does not leave', async () => {
    const { bodies, clock, open, say, kills } = scripted();
    const witness = open();
    say(CHILD, { type: 'crashed', reason: { exitCode: 3 } });
    await clock.advance(99);
    expect(kills).toEqual([]);
    await clock.advance(1);
    expect(kills).toEqual([{ exitCode: 3 }]);
    bodies.ended('killed');
    expect(witness.exits).toEqual([{ exitCode: 3 }]);
    expect(clock.pending()).toEqual([]);
  });
  test('is told to be stuck once when a kill does not end the child, and may still exit', async () => {
    const { bodies, clock, open, kills } = scripted();
    const witness = open();
    witness.body.kill();
    witness.body.kill();
    expect(kills).toEqual(['killed']);
    await clock.advance(199);
    expect(witness.stuckCount).toBe(0);
    await clock.advance(10_000);
    expect(witness.stuckCount).toBe(1);
    bodies.ended('killed');
    expect(witness.exits).toEqual(['killed']);
  });
  test('that was past its memory when it was killed ends for that', () => {
    const { bodies, open } = scripted();
    const witness = open();
    witness.body.kill();
    bodies.ended('out_of_memory');
    expect(witness.exits).toEqual(['out_of_memory']);
  });
});

describe('one body of several', () => {
  test('exits at once, and its child goes on', () => {
    const { open, say, kills, bodies } = scripted({ group: 'g' });
    const [first, second] = [open('a'), open('b')];
    say(1, { type: 'exited', reason: 'shutdown' });
    expect([first.exits, second.exits]).toEqual([['shutdown'], []]);
    expect(bodies.isOpen).toBe(true);
    expect(kills).toEqual([]);
  });
  test('that obeys a kill takes nobody along', async () => {
    const { open, say, kills, clock, requests } = scripted({ group: 'g' });
    const [first, second] = [open('a'), open('b')];
    first.body.kill();
    await clock.advance(49);
    expect(requests().at(-1)).toEqual({ body: 1, type: 'kill' });
    say(1, { type: 'exited', reason: 'killed' });
    await clock.advance(1_000);
    expect([first.exits, second.exits, kills]).toEqual([['killed'], [], []]);
  });
  test('that does not obey takes all along, and they are told why', async () => {
    const { bodies, open, kills, clock } = scripted({ group: 'g' });
    const [first, second] = [open('a'), open('b')];
    first.body.kill();
    await clock.advance(50);
    expect(kills).toMatchObject([{ error: { name: 'GroupKilled' } }]);
    bodies.ended(kills[0]!);
    expect(first.exits).toEqual(['killed']);
    expect(second.exits).toMatchObject([
      { error: { message: expect.stringMatching(/member a, which did not end/) } },
    ]);
  });
  test('killed as the last that lives takes the child at once', () => {
    const { open, kills } = scripted({ group: 'g' });
    const [first, second] = [open('a'), open('b')];
    first.body.kill();
    second.body.kill();
    expect(kills).toEqual(['killed']);
  });
  test('that did not load closes its child to more bodies, for it would fail in it again; the others stay', () => {
    const { open, say, log, bodies } = scripted({ group: 'g' });
    const [first, second] = [open('a'), open('b')];
    say(1, {
      type: 'exited',
      reason: { error: { name: 'Error', message: 'no such file' } },
      didNotLoad: true,
    });
    expect(first.exits).toMatchObject([{ error: { message: 'no such file' } }]);
    expect(log).toEqual(['closing']);
    say(2, { type: 'finished' });
    expect([second.reports, second.exits]).toEqual([[{ type: 'finished' }], []]);
    bodies.ended('normal');
    expect(second.exits).toEqual(['normal']);
  });
  test('is told an equal share of what the child uses', () => {
    const { open } = scripted({ group: 'g' });
    const [first] = [open('a'), open('b')];
    expect(first.body.usage?.()).toEqual({ memoryBytes: 50, cpuMs: 5 });
  });
});

const notData = (): number => 1;

describe('what a child prints', () => {
  test('is a line of the body that runs in it, by its stream, and a warning where that is stderr', () => {
    const { bodies, open } = scripted();
    bodies.printed('stdout', 'before there was one');
    const witness = open();
    bodies.printed('stdout', 'one');
    bodies.printed('stderr', 'two');
    expect(witness.reports).toEqual([
      { type: 'log', level: 'info', message: 'one', fields: { stream: 'stdout' } },
      { type: 'log', level: 'warn', message: 'two', fields: { stream: 'stderr' } },
    ]);
    witness.body.kill();
    bodies.printed('stdout', 'after it was killed');
    expect(witness.reports).toHaveLength(2);
  });
  test('is told by the first of a group, with the name of the group: nobody knows whose it is', () => {
    const { bodies, open } = scripted({ group: 'g' });
    const [first, second] = [open('a'), open('b')];
    bodies.printed('stdout', 'one');
    expect(first.reports).toEqual([
      { type: 'log', level: 'info', message: 'one', fields: { stream: 'stdout', group: 'g' } },
    ]);
    expect(second.reports).toEqual([]);
  });
});

describe('a body that is ending', () => {
  test.each<[string, (rig: ReturnType<typeof scripted>, kill: () => void) => void]>([
    ['killed', (_, kill) => kill()],
    ['exited', ({ say }) => say(1, { type: 'exited', reason: 'shutdown' })],
  ])('because it was %s is asked for nothing more, and refuses nothing', async (_, end) => {
    const rig = scripted({ group: 'g' });
    const [first] = [rig.open('a'), rig.open('b')];
    await rig.clock.advance(0);
    const before = rig.sent.length;
    // On its way already, and impossible to send: it would be refused to somebody who has gone.
    first.body.post({ type: 'task.run', taskId: 't', task: 'echo', input: notData });
    end(rig, () => first.body.kill());
    first.body.post({ type: 'state.save' });
    first.body.post({ type: 'health.check', checkId: 1 });
    await rig.clock.advance(0);
    const asked = rig.sent.slice(before).flatMap(({ requests }) => requests.map(({ type }) => type));
    expect(asked.filter((type) => type !== 'kill')).toEqual([]);
    expect(first.reports).toEqual([]);
  });
});

describe('the channel', () => {
  test('requests of one turn travel together', async () => {
    const { open, sent, clock } = scripted();
    const { body } = open();
    body.post({ type: 'state.save' });
    body.post({ type: 'terminate' });
    await clock.advance(0);
    expect(sent.map(({ requests }) => requests.map(({ type }) => type))).toEqual([
      ['open', 'state.save', 'terminate'],
    ]);
  });
  test.each<[string, unknown, object]>([
    ['data arrives as it is', { by: ['a', 1] }, { cause: { by: ['a', 1] } }],
    ['data without a prototype, too', Object.assign(Object.create(null), { a: 1 }), { cause: { a: 1 } }],
    ['a text, too', 'enough', { cause: 'enough' }],
    ['a list, too', ['enough'], { cause: ['enough'] }],
    ['null, too', null, { cause: null }],
    [
      'an error is told in words',
      new RangeError('past it'),
      { error: { name: 'RangeError', message: 'past it' } },
    ],
    ['so is an instance', new Date(0), { error: { message: expect.stringContaining('1970') as unknown } }],
    ['and what is no JSON', { run: notData }, { error: { message: expect.any(String) as unknown } }],
  ])('of what a task is cancelled for %s', async (_, cause, told) => {
    const { open, whole, clock } = scripted();
    open().body.post({ type: 'task.cancel', taskId: 't', reason: 'why', cause });
    await clock.advance(0);
    const { type, ...cancel } = whole.at(-1)! as { type: string; cause?: unknown; error?: unknown };
    expect(type).toBe('task.cancel');
    expect(cancel).toMatchObject({ taskId: 't', reason: 'why', ...told });
    expect(['cause' in cancel, 'error' in cancel]).toEqual(['cause' in told, 'error' in told]);
  });
  test('a cancel without a cause travels as it is', async () => {
    const { open, whole, clock } = scripted();
    open().body.post({ type: 'task.cancel', taskId: 't', reason: 'why' });
    await clock.advance(0);
    expect(whole.at(-1)).toEqual({ type: 'task.cancel', taskId: 't', reason: 'why' });
  });
  test('batches are acknowledged with what is sent, or when half the window is full', async () => {
    const { open, sent, say, clock } = scripted();
    const { body } = open();
    await clock.advance(0);
    for (let n = 0; n < 3; n += 1) say();
    body.post({ type: 'state.save' });
    await clock.advance(0);
    expect(sent.at(-1)?.taken).toBe(3);
    for (let n = 0; n < 15; n += 1) say();
    await clock.advance(0);
    expect(sent).toHaveLength(2);
    say();
    await clock.advance(0);
    expect(sent.at(-1)).toEqual({ taken: 19, requests: [] });
  });
  test('what comes past the protocol, late or malformed, is dropped', () => {
    const { bodies, open, say } = scripted();
    const witness = open();
    for (const message of ['ready', null, 7, {}, [1], [1, 7], [1, { type: 'x' }], ['1', { type: 'log' }]]) {
      bodies.message(message);
    }
    say(9, { type: 'finished' });
    say(9, { type: 'exited', reason: 'normal' });
    expect([witness.reports, witness.exits]).toEqual([[], []]);
    bodies.ended('normal');
    say(1, { type: 'finished' });
    expect([witness.reports, witness.exits]).toEqual([[], ['normal']]);
  });
  test('an invalid reason becomes an error that says what came', () => {
    const { bodies, open, say } = scripted();
    const witness = open();
    say(1, { type: 'exited', reason: { because: 'of that' } });
    bodies.ended('normal');
    expect(witness.exits).toMatchObject([
      { error: { message: expect.stringMatching(/expected an exit reason, got .*of that/) } },
    ]);
  });
  test.each([
    ['cannot be cloned', notData, expect.stringMatching(/cannot be sent/)],
    [
      'would arrive as something else',
      { at: [new URL('https://host/')] },
      expect.stringMatching(/at\[0\] is an instance of URL/),
    ],
  ])('a request of what %s fails what it belongs to', async (_, value, problem) => {
    const { bodies, open, clock, say, sent } = scripted();
    const witness = open();
    await clock.advance(0);
    say(1, { type: 'ready', manifest: manifestOf(defineAgent({ type: 't', init: () => 0, tasks: {} })) });
    const proposal = { roundId: 'r', variable: 'v', value, current: 0, deadlineAt: 1, as: 'voter' as const };
    witness.body.post({ type: 'task.run', taskId: 't', task: 'echo', input: value });
    witness.body.post({ type: 'vote.asked', proposal });
    witness.body.post({ type: 'variable.changed', variable: { name: 'v', value, version: 1 } });
    witness.body.post({ type: 'request.answered', requestId: 1, taskId: 't', value });
    witness.body.post({ type: 'offer.asked', questionId: 7, task: { task: 'echo', input: value } as never });
    witness.body.post({ type: 'task.cancel', taskId: 'other' } as never);
    const before = sent.length;
    await clock.advance(0);
    expect(witness.reports.slice(1)).toMatchObject([
      { type: 'task.failed', taskId: 't', code: 'TASK_INPUT_INVALID', error: { message: problem } },
      { type: 'vote.cast', roundId: 'r', vote: 'abstain', error: { message: problem } },
      { type: 'log', level: 'error', message: problem },
    ]);
    expect(
      sent
        .slice(before)
        .flatMap(({ requests }) => requests.map(({ type }) => type))
        .toSorted(),
    ).toEqual(['offer.asked', 'request.refused', 'task.cancel']);
    bodies.ended('normal');
  });
  test.each([[notData], [new URL('https://host/')]])(
    'initArgs that cannot be sent are its end',
    async (initArgs) => {
      const { bodies, open, clock } = scripted();
      const witness = open('agent', initArgs);
      await clock.advance(0);
      bodies.ended('normal');
      expect(witness.exits).toMatchObject([{ error: { message: expect.stringMatching(/initArgs/) } }]);
    },
  );
});
