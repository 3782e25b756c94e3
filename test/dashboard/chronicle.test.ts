import { expect, it } from 'vitest';
import { Chronicle } from '../../src/dashboard/chronicle.ts';
import { type SystemEvent, variable } from '../../src/index.ts';
import { running, system } from '../kit/dashboard.ts';

const told = ({ order: _, ...mark }: { order: number }) => mark;
const all = () => true;
const shown = (_: string, value: unknown) => value;

const alert = (sequence: number): SystemEvent => ({
  type: 'alert.raised',
  sequence,
  at: sequence,
  alert: 'restart_storm',
  message: `number ${sequence}`,
});

it('a dashboard that comes late knows what one that was there from the beginning knows', async () => {
  const fleet = await system();
  const early = new Chronicle();
  const unsubscribe = fleet.events.subscribe((event) => early.note(event));
  await running(fleet, 'ada', 'bob');
  await fleet.agents.kill('ada');
  await fleet.variables.define('rate', variable.float({ min: 0, max: 1, default: 0.5 }));
  await fleet.consensus.propose({ variable: 'rate', value: 0.7 });
  const late = new Chronicle();
  const alsoUnsubscribe = fleet.events.subscribe((event) => late.note(event));
  await fleet.agents.stop('bob');
  await late.readEarlier(fleet.events);
  expect(late.marks(all).map(told)).toEqual(early.marks(all).map(told));
  expect(late.marks(all).map(({ order }) => order - late.marks(all)[0]!.order)).toEqual(
    late.marks(all).map((_, place) => place),
  );
  expect([...late.closedRounds(shown)]).toEqual([...early.closedRounds(shown)]);
  expect([...late.closedRounds(shown)]).toHaveLength(1);
  unsubscribe();
  alsoUnsubscribe();
});

it('what came before is read once, and numbered before what came since', async () => {
  const fleet = await system();
  await running(fleet, 'ada');
  await fleet.agents.kill('ada');
  const chronicle = new Chronicle();
  await Promise.all([chronicle.readEarlier(fleet.events), chronicle.readEarlier(fleet.events)]);
  expect(chronicle.marks(all).map(({ type }) => type)).toEqual(['agent.crashed', 'agent.restart_scheduled']);
  expect(chronicle.last).toBe(0);
  expect(chronicle.reaches(-2)).toBe(true);
  expect(chronicle.reaches(-3)).toBe(false);
});

const opened = (sequence: number, roundId: string): SystemEvent =>
  ({
    type: 'round.opened',
    sequence,
    at: sequence,
    roundId,
    variable: 'rate',
    value: 1,
    by: 'ada',
    electorate: [],
  }) as unknown as SystemEvent;
const closed = (sequence: number, roundId: string): SystemEvent =>
  ({
    type: 'round.closed',
    sequence,
    at: sequence,
    roundId,
    variable: 'rate',
    outcome: 'accepted',
  }) as SystemEvent;
/** The events of an earlier program. */
const earlierOf = (events: readonly SystemEvent[]) => ({
  async *read({ after = 0, limit = Infinity }: { after?: number; limit?: number } = {}) {
    yield* events.filter(({ sequence }) => sequence > after).slice(0, limit);
  },
  subscribe: () => () => {},
  replay: async () => [],
});

it('of rounds the newest hundred that are closed stay, with those of an earlier program', async () => {
  const chronicle = new Chronicle();
  const earlier = Array.from({ length: 80 }, (_, at) => closed(at + 1, `early-${at}`));
  chronicle.note(opened(100, 'open'));
  for (let at = 0; at < 70; at += 1) chronicle.note(closed(101 + at, `late-${at}`));
  await chronicle.readEarlier(earlierOf(earlier));
  const ids = [...chronicle.closedRounds(shown)].map(({ roundId }) => roundId);
  expect(ids.toSorted()).toEqual(
    [
      ...Array.from({ length: 29 }, (_, at) => `early-${51 + at}`),
      ...Array.from({ length: 70 }, (_, at) => `late-${at}`),
    ].toSorted(),
  );
});

it('of marks as many of an earlier program are kept as have room, the newest of them', async () => {
  const chronicle = new Chronicle();
  for (let at = 1; at <= 19_998; at += 1) chronicle.note(alert(100 + at));
  await chronicle.readEarlier(earlierOf([1, 2, 3, 4].map(alert)));
  const kept = chronicle.marks(all);
  expect(kept).toHaveLength(20_000);
  expect(kept.slice(0, 3).map(({ order, at }) => [order, at])).toEqual([
    [-1, 3],
    [0, 4],
    [1, 101],
  ]);
});

it('keeps a bounded number of marks, the newest, and says when one comes too late for them', () => {
  const chronicle = new Chronicle();
  for (let sequence = 1; sequence <= 100_000; sequence++) chronicle.note(alert(sequence));
  const kept = chronicle.marks(all);
  expect(kept.length).toBeLessThanOrEqual(22_000);
  expect(kept.at(-1)).toMatchObject({ order: 100_000, text: 'number 100000' });
  expect(chronicle.reaches(50_000)).toBe(false);
  expect(chronicle.reaches(99_000)).toBe(true);
  expect(chronicle.after(99_998, 10).map(({ order }) => order)).toEqual([99_999, 100_000]);
  expect(chronicle.after(100_000, 10)).toEqual([]);
  expect(chronicle.after(Number.NEGATIVE_INFINITY, 2).map(({ order }) => order)).toEqual(
    kept.slice(0, 2).map(({ order }) => order),
  );
});

it('keeps a bounded number of rounds and votes, and every round that is open', () => {
  const chronicle = new Chronicle();
  const terms = { rule: 'majority', tie: 'reject', deadlineMs: 1_000, fallback: 'keep' } as const;
  const open = (sequence: number, roundId: string): SystemEvent => ({
    type: 'round.opened',
    sequence,
    at: sequence,
    roundId,
    variable: 'rate',
    value: 1,
    by: 'ada',
    terms,
    electorate: ['a'],
    deadlineAt: 9,
  });
  for (let n = 0; n < 300; n++) {
    chronicle.note(open(n, `open-${n}`));
    chronicle.note(open(n, `closed-${n}`));
    chronicle.note({
      type: 'round.closed',
      sequence: n,
      at: n,
      roundId: `closed-${n}`,
      variable: 'rate',
      outcome: 'accepted',
      tally: null,
      decidedBy: 'voters',
    });
  }
  for (let n = 0; n < 1_000; n++) {
    chronicle.note({
      type: 'round.voted',
      sequence: n,
      at: n,
      roundId: 'open-299',
      agentId: `a${n}`,
      incarnation: 1,
      vote: 'accept',
    });
  }
  expect(chronicle.round('open-0').opened?.by).toBe('ada');
  const { votes } = chronicle.round('open-299');
  expect(votes.length).toBeLessThanOrEqual(400);
  expect(votes.at(-1)?.agentId).toBe('a999');
  expect([...chronicle.closedRounds(() => 1)].length).toBeLessThanOrEqual(100);
});

const crashed = (agent: number): SystemEvent =>
  ({
    type: 'agent.crashed',
    sequence: agent + 1,
    at: agent + 1,
    agentId: `agent-${agent}`,
    incarnation: 1,
    reason: 'killed',
    life: { startedAt: 1 },
  }) as unknown as SystemEvent;

it('of 20,000 agents it is known what was noted last, and of the oldest beyond them no more', () => {
  const chronicle = new Chronicle();
  for (let agent = 0; agent < 20_000; agent += 1) chronicle.note(crashed(agent));
  expect(chronicle.noted('agent-0')).toBeDefined();
  chronicle.note(crashed(0));
  chronicle.note(crashed(20_000));
  const known = [0, 1, 2, 20_000].map((agent) => chronicle.noted(`agent-${agent}`) !== undefined);
  expect(known).toEqual([true, false, true, true]);
});

it('22,000 marks become 20,000 again, and their numbers go on', () => {
  const chronicle = new Chronicle();
  for (let sequence = 1; sequence < 22_000; sequence += 1) chronicle.note(alert(sequence));
  expect(chronicle.marks(all)).toHaveLength(21_999);
  expect([-1, 0, 21_999, 22_000].map((order) => chronicle.reaches(order))).toEqual([
    false,
    true,
    true,
    false,
  ]);
  chronicle.note(alert(22_000));
  expect(chronicle.marks(all)).toHaveLength(20_000);
  expect([1_999, 2_000, 22_000].map((order) => chronicle.reaches(order))).toEqual([false, true, true]);
  chronicle.note(alert(22_001));
  const numbers = Array.from({ length: 20_001 }, (_, place) => 2_001 + place);
  expect(chronicle.marks(all).map(({ at }) => at)).toEqual(numbers);
  expect(chronicle.marks(all).map(({ order }) => order)).toEqual(numbers);
});

it('a full chronicle takes no mark of an earlier program', async () => {
  const chronicle = new Chronicle();
  for (let at = 1; at <= 20_000; at += 1) chronicle.note(alert(100 + at));
  await chronicle.readEarlier(earlierOf([1, 2].map(alert)));
  expect(chronicle.marks(all).map(({ at }) => at)).toEqual(
    Array.from({ length: 20_000 }, (_, at) => 101 + at),
  );
  expect(chronicle.marks(all)[0]!.order).toBe(1);
});

it('of an earlier program so many events are read, the newest of them, each once', async () => {
  const earlier = Array.from({ length: 10 }, (_, at) => alert(at + 1));
  const read = async (most: number, ...noted: readonly SystemEvent[]) => {
    const chronicle = new Chronicle();
    for (const event of noted) chronicle.note(event);
    await chronicle.readEarlier(earlierOf([...earlier, ...noted]), most);
    return chronicle.marks(all).map(({ at }) => at);
  };
  expect(await read(3, alert(11), alert(12))).toEqual([8, 9, 10, 11, 12]);
  expect(await read(3)).toEqual([8, 9, 10]);
  expect(await read(50, alert(11))).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
});

it('a long history leaves the loop its turns while it is read', async () => {
  const earlier = Array.from({ length: 3_000 }, (_, at) => alert(at + 1));
  const turns: number[] = [];
  let looked = 0;
  const counted = {
    ...earlierOf([]),
    async *read() {
      for (const event of earlier) {
        looked += 1;
        yield event;
      }
    },
  };
  const chronicle = new Chronicle();
  chronicle.note(alert(5_000));
  const reading = chronicle.readEarlier(counted);
  for (let isRead = false; !isRead; turns.push(looked))
    isRead = await Promise.race([
      reading.then(() => true),
      new Promise<false>((resolve) => setImmediate(() => resolve(false))),
    ]);
  expect([...new Set(turns)]).toEqual([1_000, 2_000, 3_000]);
});

it('votes of a round are kept up to 400, of which the newest 200 stay', () => {
  const chronicle = new Chronicle();
  chronicle.note(opened(1, 'open'));
  const vote = (sequence: number) =>
    chronicle.note({
      type: 'round.voted',
      sequence,
      at: sequence,
      roundId: 'open',
      agentId: 'ada',
      incarnation: 1,
      vote: 'accept',
      ...(sequence === 401 ? { refused: 'double' } : {}),
    });
  const votesAt = () => chronicle.round('open').votes.map(({ at }) => at);
  for (let sequence = 1; sequence <= 400; sequence += 1) vote(sequence);
  expect(votesAt()).toHaveLength(400);
  vote(401);
  expect(votesAt()).toEqual(Array.from({ length: 200 }, (_, at) => 202 + at));
  expect(chronicle.round('open').votes.slice(-2)).toEqual([
    { at: 400, agentId: 'ada', vote: 'accept' },
    { at: 401, agentId: 'ada', vote: 'accept', refused: 'double' },
  ]);
  vote(402);
  expect(votesAt()).toHaveLength(201);
});

const ofAda = (sequence: number, type: string, rest: object) =>
  ({ sequence, at: sequence, type, agentId: 'ada', incarnation: 1, ...rest }) as unknown as SystemEvent;

it('of what went wrong with an agent the newest counts, and the number of its restarts stays; a forgotten one is not known', async () => {
  const restart = (sequence: number, recent: number) =>
    ofAda(sequence, 'agent.restart_scheduled', {
      restartAt: 9,
      life: { history: { recent: Array(recent) } },
    });
  const fail = (sequence: number, message: string) =>
    ofAda(sequence, 'task.failed', { task: 'add', error: { name: 'Error', message } });
  const chronicle = new Chronicle();
  chronicle.note(fail(11, 'late'));
  const earlier = [fail(1, 'early'), restart(2, 2), ofAda(3, 'agent.recovered', {})];
  await chronicle.readEarlier(earlierOf(earlier));
  expect(chronicle.noted('ada')).toEqual({
    lastError: { at: 11, text: 'add: Error: late' },
    recentRestarts: 2,
  });
  chronicle.note(restart(12, 3));
  chronicle.note({ ...restart(12, 3), type: 'agent.recovered', agentId: 'bob' } as SystemEvent);
  expect(chronicle.noted('bob')).toBeUndefined();
  expect(chronicle.noted('ada')).toMatchObject({ lastError: { at: 11 }, recentRestarts: 3 });
  chronicle.note(ofAda(13, 'agent.forgotten', {}));
  expect(chronicle.noted('ada')).toBeUndefined();
});

it('a closed round is told with all that is known of it, and with what its end says where its opening was not seen', () => {
  const chronicle = new Chronicle();
  const tally = { voters: { total: 3 } };
  const end = { type: 'round.closed', variable: 'rate', outcome: 'no_quorum', decidedBy: 'voters', at: 5 };
  const note = (event: object) => chronicle.note(event as SystemEvent);
  const terms = { rule: 'majority' };
  const opening = {
    type: 'round.opened',
    variable: 'rate',
    value: 7,
    by: 'ada',
    terms,
    deadlineAt: 9,
    at: 1,
  };
  note({ ...opening, sequence: 1, roundId: 'seen', electorate: ['a', 'b'], why: 'cheaper' });
  note({ ...opening, sequence: 2, roundId: 'silent', electorate: ['a'] });
  note({ ...end, sequence: 3, roundId: 'seen', tally });
  note({ ...end, sequence: 4, roundId: 'silent', tally, cut: 'lost' });
  note({ ...end, sequence: 5, roundId: 'unseen', tally });
  note({ ...end, sequence: 6, roundId: 'without tally', tally: null });
  const told = { variable: 'rate', value: 'shown 7', phase: 'closed', votes: [], stillOut: [], closedAt: 5 };
  const ended = { ...told, tally, outcome: 'no_quorum', decidedBy: 'voters' };
  const begun = { ...ended, by: 'ada', terms, openedAt: 1, deadlineAt: 9 };
  const late = { ...ended, value: 'shown undefined', by: '', terms: null, openedAt: 5 };
  expect([...chronicle.closedRounds((_, value) => `shown ${String(value)}`)]).toEqual([
    { ...late, roundId: 'without tally', tally: null, electorate: 0 },
    { ...late, roundId: 'unseen', electorate: 3 },
    { ...begun, roundId: 'silent', electorate: 1, cut: 'lost' },
    { ...begun, roundId: 'seen', electorate: 2, why: 'cheaper' },
  ]);
});

it.each([
  [
    {
      type: 'agent.stopped',
      incarnation: 2,
      reason: { shutdown: 'manual' },
      life: { startedAt: 3 },
      by: 'ann',
    },
    { incarnation: 2, text: 'shutdown: manual', startedAt: 3, by: 'ann' },
  ],
  [
    { type: 'agent.start_failed', incarnation: 2, reason: 'killed', life: {} },
    { incarnation: 2, text: 'killed' },
  ],
  [
    { type: 'agent.restart_scheduled', incarnation: 2, restartAt: 9, life: { history: { recent: [1, 2] } } },
    { incarnation: 2, restartAt: 9, attempt: 2 },
  ],
  [
    { type: 'agent.updated', incarnation: 2, changes: [{ field: 'a' }, { field: 'b' }], by: 'ann' },
    { incarnation: 2, text: 'a, b', by: 'ann' },
  ],
  [
    { type: 'alert.raised', alert: 'gave_up', message: 'so  it\nis', pool: 'crew' },
    { alert: 'gave_up', text: 'so it is', pool: 'crew' },
  ],
  [
    { type: 'alert.cleared', alert: 'gave_up', pool: 'crew' },
    { alert: 'gave_up', pool: 'crew' },
  ],
  [
    { type: 'variable.changed', name: 'rate', version: 4, by: 'ann', why: 'cheaper' },
    { variable: 'rate', by: 'ann', text: 'v4: cheaper' },
  ],
  [
    { type: 'variable.changed', name: 'rate', version: 4, by: 'ann' },
    { variable: 'rate', by: 'ann', text: 'v4' },
  ],
  [
    { type: 'pool.scaled', pool: 'crew', from: 1, to: 2, why: 'busy' },
    { pool: 'crew', text: '1 → 2: busy' },
  ],
])('%o is a mark with what it says', (event, mark) => {
  const chronicle = new Chronicle();
  const isOfAgent = /^(agent|alert)\./.test(event.type);
  const agent = isOfAgent ? { agentId: 'ada' } : {};
  chronicle.note({ ...event, ...agent, sequence: 1, at: 7 } as unknown as SystemEvent);
  expect(chronicle.marks(all)).toEqual([{ order: 1, at: 7, type: event.type, ...agent, ...mark }]);
});

it('of the store 50,000 events are read, and the newest is looked for beyond what is known', async () => {
  const reads: unknown[] = [];
  const events = {
    ...earlierOf([]),
    async *read(query: object) {
      reads.push(query);
      yield* [];
    },
  };
  const chronicle = new Chronicle();
  expect(await chronicle.newest(earlierOf([]))).toBe(0);
  chronicle.note(alert(60_002));
  chronicle.note(alert(60_001));
  await chronicle.readEarlier(events);
  expect(await chronicle.newest(events)).toBe(60_002);
  expect(reads).toEqual([{ after: 10_001 }, { after: 60_002, limit: 1 }]);
});

it('what somebody did is a mark like any other', () => {
  const chronicle = new Chronicle();
  chronicle.note(alert(1));
  chronicle.add({ at: 2, type: 'operator.act', text: 'stop' });
  expect(chronicle.marks(all).map(told)).toMatchObject([
    { type: 'alert.raised' },
    { at: 2, type: 'operator.act', text: 'stop' },
  ]);
  expect(chronicle.last).toBe(2);
});

it('rounds that were closed last are told first, whichever was opened first; what exceeds a hundred goes when one is opened', () => {
  const chronicle = new Chronicle();
  const note = (event: SystemEvent) => chronicle.note(event);
  const ids = () => [...chronicle.closedRounds(shown)].map(({ roundId }) => roundId);
  note({ ...closed(1, 'unknown'), type: 'round.voted', agentId: 'ada', vote: 'accept' } as SystemEvent);
  for (const event of [opened(1, 'one'), opened(2, 'two'), closed(3, 'two'), closed(4, 'one')]) note(event);
  expect(ids()).toEqual(['one', 'two']);
  for (let at = 0; at < 150; at += 1) note(closed(5 + at, `n${at}`));
  note(opened(200, 'open'));
  expect(ids()).toHaveLength(99);
});
