/** Laws of a question to all bodies of a node: who is asked, who has answered, and that it always ends. */
import { describe, expect, it } from 'vitest';
import { askVotes, behind, spreadVariable } from '../../src/restate/coordination/fan-out.ts';
import { steadyClock } from '../../src/runtime/time/clock.ts';
import { settled, simulatedClock } from '../../src/testing/index.ts';

interface Given {
  readonly agentId?: string;
  readonly incarnation?: number;
  readonly variables?: readonly string[];
  readonly isSync?: boolean;
  readonly has?: number;
  readonly isServing?: boolean;
}

/** A body of which a test says what it answers. */
function body({
  agentId = 'a',
  incarnation = 1,
  variables = ['rate'],
  isSync = true,
  has = 0,
  isServing = true,
}: Given = {}) {
  const listeners = new Set<(report: object) => void>();
  const ends = new Set<() => void>();
  const asked: object[] = [];
  return {
    agentId,
    incarnation,
    variables,
    isServing,
    spec: { coordination: { communicationPattern: isSync ? 'sync' : 'async' } },
    acknowledged: () => has,
    ask: (request: object, listener: (report: object) => void) => {
      asked.push(request);
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    whenEnded: (listener: () => void) => {
      ends.add(listener);
      return () => ends.delete(listener);
    },
    asked,
    /** Who still listens to it. */
    heldBy: () => listeners.size + ends.size,
    tells: (report: object) => {
      for (const listener of listeners) listener(report);
    },
    acknowledges: (version: number, name = 'rate') => {
      for (const listener of listeners) listener({ type: 'variable.acknowledged', name, version });
    },
    votes: (vote: string, more: object = {}) => {
      for (const listener of listeners) listener({ type: 'vote.cast', roundId: 'r', vote, ...more });
    },
    ends() {
      this.isServing = false;
      for (const listener of ends) listener();
    },
  };
}
type Body = ReturnType<typeof body>;

/** What has come of an answer so far. */
function fate<Value>(answer: Promise<Value>) {
  let come: Value | undefined;
  void answer.then((value) => (come = value));
  return async () => {
    await settled();
    return come;
  };
}
const voice = (agentId: string, incarnation = 1) => ({ agentId, incarnation });

describe('a variable', () => {
  const variable = { name: 'rate', value: 7, version: 3 };
  function spread(...bodies: Body[]) {
    const clock = simulatedClock();
    const answer = spreadVariable(bodies as never, { variable, timeoutMs: 100 }, steadyClock(clock));
    return { clock, answer: fate(answer) };
  }

  it('is told to those that declared it, and to no other', async () => {
    const [one, other] = [body(), body({ agentId: 'b', variables: ['size'] })];
    const { answer } = spread(one, other);
    expect([one.asked, other.asked]).toEqual([[{ type: 'variable.changed', variable }], []]);
    one.acknowledges(3);
    expect(await answer()).toEqual({ acknowledged: [voice('a')], outOfDate: [] });
    expect([one.heldBy(), other.heldBy()]).toEqual([0, 0]);
  });

  it('is waited for until each that is sync has acknowledged this version, or a later one', async () => {
    const [one, other] = [body(), body({ agentId: 'b' })];
    const { answer, clock } = spread(one, other);
    one.acknowledges(3);
    other.acknowledges(2);
    other.acknowledges(3, 'size');
    other.tells({ type: 'log', name: 'rate', version: 3 });
    expect(await answer()).toBe(undefined);
    other.acknowledges(4);
    expect(await answer()).toEqual({ acknowledged: [voice('a'), voice('b')], outOfDate: [] });
    expect(clock.pending()).toEqual([]);
  });

  it('is not waited for where nobody is sync: those that answer at once count, the others are behind', async () => {
    const [quick, slow] = [body({ isSync: false }), body({ agentId: 'b', isSync: false })];
    const { answer } = spread(quick, slow);
    quick.acknowledges(3);
    expect(await answer()).toEqual({ acknowledged: [voice('a')], outOfDate: [voice('b')] });
  });

  it('that a body has already is not waited for; of an earlier version it is', async () => {
    const has = spread(body({ has: 3 }), body({ agentId: 'b', has: 4 }));
    expect(await has.answer()).toEqual({ acknowledged: [voice('a'), voice('b')], outOfDate: [] });
    const before = spread(body({ has: 2 }));
    expect(await before.answer()).toBe(undefined);
  });

  it('is waited for no longer than its time', async () => {
    const { answer, clock } = spread(body());
    await clock.advance(99);
    expect(await answer()).toBe(undefined);
    await clock.advance(1);
    expect(await answer()).toEqual({ acknowledged: [], outOfDate: [voice('a')] });
  });

  it('is not waited for of a body that has ended, and that one is in neither list', async () => {
    const [one, other] = [body(), body({ agentId: 'b' })];
    const { answer } = spread(one, other);
    one.acknowledges(3);
    other.ends();
    expect(await answer()).toEqual({ acknowledged: [voice('a')], outOfDate: [] });
  });
});

it('those are behind that declared a variable and have another version', () => {
  const bodies = [
    body({ has: 2 }),
    body({ agentId: 'b', has: 3 }),
    body({ agentId: 'c', has: 0, variables: ['size'] }),
  ];
  expect(behind(bodies as never, { name: 'rate', version: 3 })).toEqual([{ ...voice('a'), version: 2 }]);
});

describe('a vote', () => {
  const proposal = { roundId: 'r', variable: 'rate', value: 7 };
  function ask(bodies: readonly Body[], electorate = bodies.map(({ agentId }) => voice(agentId))) {
    const clock = simulatedClock();
    const answer = askVotes(bodies as never, { proposal, electorate, timeoutMs: 100 }, steadyClock(clock));
    return { clock, answer: fate(answer) };
  }

  it('is asked of the voters that are here, in the life in which they may vote', async () => {
    const [one, again, no] = [body(), body({ agentId: 'b', incarnation: 2 }), body({ agentId: 'c' })];
    const { answer } = ask([one, again, no], [voice('a'), voice('b'), voice('d')]);
    expect([one.asked, again.asked, no.asked]).toEqual([[{ type: 'vote.asked', proposal }], [], []]);
    one.votes('accept');
    expect(await answer()).toEqual({
      ballots: [{ ...voice('a'), answer: 'accept', error: undefined }],
      left: [voice('b'), voice('d')],
    });
    expect(one.heldBy()).toBe(0);
  });

  it('is that of its round, and the first', async () => {
    const [one, other] = [body(), body({ agentId: 'b' })];
    const { answer } = ask([one, other]);
    one.votes('reject', { roundId: 'other' });
    one.tells({ type: 'log', roundId: 'r', vote: 'reject' });
    one.votes('accept');
    one.votes('reject');
    expect(await answer()).toBe(undefined);
    other.votes('reject', { error: { name: 'Error', message: 'no' } });
    expect(await answer()).toEqual({
      ballots: [
        { ...voice('a'), answer: 'accept', error: undefined },
        { ...voice('b'), answer: 'failed', error: { name: 'Error', message: 'no' } },
      ],
      left: [],
    });
  });

  it('of nobody is over at once, and so is one of a body that has ended before', async () => {
    expect(await ask([], [voice('x')]).answer()).toEqual({ ballots: [], left: [voice('x')] });
    expect(await ask([body({ isServing: false })]).answer()).toEqual({ ballots: [], left: [voice('a')] });
  });

  it('of a body that ends meanwhile is not waited for; what it has cast counts, and it is no voter any more', async () => {
    const [one, other] = [body(), body({ agentId: 'b' })];
    const { answer, clock } = ask([one, other]);
    one.votes('accept');
    one.ends();
    expect(await answer()).toBe(undefined);
    other.ends();
    expect(await answer()).toMatchObject({ ballots: [voice('a')], left: [voice('a'), voice('b')] });
    expect([clock.pending(), one.heldBy(), other.heldBy()]).toEqual([[], 0, 0]);
  });

  it('is waited for no longer than its time: who has not answered is still a voter', async () => {
    const [one, other] = [body(), body({ agentId: 'b' })];
    const { answer, clock } = ask([one, other]);
    one.votes('accept');
    await clock.advance(99);
    expect(await answer()).toBe(undefined);
    await clock.advance(1);
    expect(await answer()).toMatchObject({ ballots: [voice('a')], left: [] });
  });
});
