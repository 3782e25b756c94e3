/** Laws of coordination that goes and comes back, of open rounds, and of who is behind. As laws.ts, on one program and on machines. */
import { expect, onTestFinished, test } from 'vitest';
import {
  type AgentCode,
  type Confirmation,
  type CoordinationStatus,
  defineAgent,
  defineConstraint,
  type NamedConstraint,
  type OpenRound,
  type OutOfDate,
  variable,
  type VariableChange,
  type VariableVersion,
} from '../../src/index.ts';
import { eventually } from '../kit/eventually.ts';
import type { Subject } from './laws.ts';

type Either<Value> = Value | Promise<Value>;

/** What both have, as far as these laws use it. */
export interface CoordinatedSubject extends Subject {
  readonly coordination: {
    status(): Either<CoordinationStatus>;
    suspend(options?: object): Either<void>;
    resume(options?: object): Either<void>;
  };
  readonly consensus: Subject['consensus'] & { rounds(): Either<readonly OpenRound[]> };
  readonly variables: Subject['variables'] & {
    list(): Either<readonly { readonly name: string }[]>;
    outOfDate(name: string): Either<readonly OutOfDate[]>;
    rollback(name: string, version: number): Promise<Confirmation>;
    subscribe(
      name: string,
      listener: (change: Pick<VariableChange, 'name' | 'value' | 'version' | 'why'>) => void,
    ): () => void;
    history(name: string): Either<readonly VariableVersion[]>;
    constrain(constraint: NamedConstraint): Either<() => Either<void>>;
  };
}

/** What votes and acknowledgements wait for. */
let gate = Promise.withResolvers<void>();

const UNDECIDED = 7;
const SLOW = 8;

const citizen = defineAgent({
  type: 'deliberate',
  variables: ['limit'],
  init: () => ({}),
  onVariable: ({ value }) => (value === SLOW ? gate.promise : undefined),
  vote: async ({ proposal }) => {
    if (proposal.value === UNDECIDED) await gate.promise;
    return (proposal.value as number) > 50 ? 'reject' : 'accept';
  },
  tasks: { work: { run: ({ variables }) => variables['limit'] } },
});

export const coordinatedAgents: readonly AgentCode[] = [citizen];

const ordered = defineConstraint('ordered', ['least', 'most'], ({ least, most }) =>
  (least as number) <= (most as number) ? true : 'least is above most',
);
const capped = defineConstraint('capped', ['limit', 'cap'], ({ limit, cap }) => Number(limit) <= Number(cap));
/** What a rule may do that it should not, by the value that it is asked about. */
const moody = defineConstraint('moody', ['mood'], ({ mood }): boolean => {
  if (mood === 'throws') throw new Error('cannot say');
  if (mood === 'promises') return Promise.reject(new Error('later')) as never;
  return mood === 'odd' ? (7 as never) : mood !== 'bad';
});

export const lawConstraints: readonly NamedConstraint[] = [ordered, capped, moody];

async function refusedAs(work: Promise<unknown>): Promise<string> {
  return work.then(
    (value) => `no refusal, but ${JSON.stringify(value)}`,
    ({ code, message }: { code: string; message: string }) => `${code}: ${message}`,
  );
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    (value) => `no refusal, but ${JSON.stringify(value)}`,
    (thrown: { code: string }) => thrown.code,
  );
}

/** @param subjectOf the fleet that all laws are tried on; each has agents of its own */
export function coordinationLaws(subjectOf: () => CoordinatedSubject): void {
  async function citizens(count: number): Promise<string[]> {
    const { agents, coordination, variables } = subjectOf();
    const isKnown = (await variables.list()).some(({ name }) => name === 'limit');
    if (!isKnown) await variables.define('limit', variable.integer({ min: 0, max: 100, default: 1 }));
    gate = Promise.withResolvers<void>();
    const ids: string[] = [];
    onTestFinished(async () => {
      gate.resolve();
      await coordination.resume();
      for (const id of ids) await agents.stop(id, { timeoutMs: 0 }).catch(() => undefined);
    });
    for (let index = 0; index < count; index++) {
      ids.push(await agents.register({ module: citizen }));
      await agents.start(ids.at(-1)!);
    }
    return ids;
  }

  const stateOf = async (id: string) => (await subjectOf().agents.get(id)).state;
  const AWAY = 'alive.serving.running.fallback.idle';
  const THERE = 'alive.serving.running.coordinated.idle';
  const stands = (id: string, state: string) =>
    eventually(
      () => stateOf(id),
      (now) => now === state,
    );

  test('while coordination is suspended nothing changes and nothing is asked; agents work on, and those that start then, too', async () => {
    const { agents, variables, consensus, coordination, events } = subjectOf();
    const [id] = await citizens(1);
    await variables.set('limit', 3);
    const { version } = await variables.get('limit');
    expect(await coordination.status()).toBe('available');
    await coordination.suspend({ by: 'ada' });
    await coordination.suspend();
    expect(await coordination.status()).toBe('suspended');
    await stands(id!, AWAY);
    expect(await agents.execute(id!, { type: 'work' })).toBe(3);
    const refused = [
      variables.set('limit', 4),
      variables.rollback('limit', version),
      variables.define('another limit', variable.boolean({ default: true })),
      consensus.propose({ variable: 'limit', value: 4 }),
    ];
    expect(new Set(await Promise.all(refused.map(codeOf)))).toEqual(new Set(['COORDINATION_UNAVAILABLE']));
    const late = await agents.register({ module: citizen });
    await agents.start(late);
    await stands(late, AWAY);
    expect((await agents.list()).find((record) => record.id === id)?.state).toBe(AWAY);
    expect(await variables.get('limit')).toMatchObject({ value: 3, version });
    await coordination.resume({ by: 'grace' });
    expect(await coordination.status()).toBe('available');
    for (const one of [id!, late]) await stands(one, THERE);
    const { electorate, outcome } = await consensus.propose({ variable: 'limit', value: 5 });
    expect([outcome, [...electorate].toSorted()]).toEqual(['accepted', [id!, late].toSorted()]);
    await agents.stop(late, { timeoutMs: 0 });
    const told = await eventually(
      async () => {
        const found: object[] = [];
        for await (const event of events.read()) {
          if (!event.type.startsWith('coordination.')) continue;
          const { type, by, why } = event as { type: string; by?: string; why?: string };
          found.push({ type, by, why });
        }
        return found;
      },
      (found) => found.length >= 2,
    );
    expect(told.slice(0, 2)).toEqual([
      { type: 'coordination.lost', by: 'ada', why: 'suspended' },
      { type: 'coordination.restored', by: 'grace', why: undefined },
    ]);
    const by = '';
    expect(await codeOf((async () => coordination.suspend({ by }))())).toBe('REQUEST_INVALID');
  });

  test('a listener of one variable hears of that alone; a way back says so as its reason, and a wrong one is refused', async () => {
    const { variables } = subjectOf();
    for (const name of ['heard', 'unheard'])
      await variables.define(name, variable.boolean({ default: true }));
    const heard: object[] = [];
    const stop = variables.subscribe('heard', ({ name, value, version, why }) =>
      heard.push({ name, value, version, why }),
    );
    onTestFinished(stop);
    // A fleet's listeners hear what comes after their first look at the log.
    await eventually(
      async () => {
        await variables.set('unheard', false);
        await variables.set('heard', false);
        return heard;
      },
      ({ length }) => length > 0,
    );
    const [first] = heard as { version: number }[];
    const back = await variables.rollback('heard', first!.version);
    await eventually(
      () => heard.at(-1) as { version: number },
      (last) => last.version === back.version,
    );
    expect(heard.at(-1)).toMatchObject({ name: 'heard', why: `rollback to version ${first!.version}` });
    expect(new Set(heard.map((change) => (change as { name: string }).name))).toEqual(new Set(['heard']));
    for (const wrong of [['heard'], [1, () => undefined], ['heard', 'no function']] as unknown[][])
      expect(
        await codeOf((async () => (variables.subscribe as (...given: unknown[]) => unknown)(...wrong))()),
      ).toBe('VARIABLE_INVALID');
    expect(await codeOf(variables.rollback('heard', 10_000))).toBe('VARIABLE_INVALID');
    expect(
      await codeOf(
        (variables.rollback as (...given: unknown[]) => Promise<unknown>)('heard', 1, { bye: 'x' }),
      ),
    ).toBe('VARIABLE_INVALID');
  });

  test('a constraint refuses what would break it, and nothing else, until it is lifted', async () => {
    const { variables, consensus } = subjectOf();
    const about = 'VARIABLE_INVALID: the constraint "ordered" on least, most does not hold for';
    const lift = await variables.constrain(ordered);
    await variables.define('least', variable.integer({ default: 2 }));
    expect(await refusedAs(variables.define('most', variable.integer({ default: 1 })))).toBe(
      `${about} least = 2, most = 1: least is above most`,
    );
    expect((await variables.list()).map(({ name }) => name)).not.toContain('most');
    await variables.define('most', variable.integer({ default: 5 }));
    expect(await refusedAs(variables.set('least', 6))).toBe(
      `${about} least = 6, most = 5: least is above most`,
    );
    await variables.set('most', 7);
    await variables.set('least', 6);
    expect(await refusedAs(variables.rollback('most', 1))).toContain(`${about} least = 6, most = 5`);
    expect(await refusedAs(consensus.propose({ variable: 'most', value: 5 }))).toContain(
      `${about} least = 6, most = 5`,
    );
    expect((await variables.history('most')).map(({ value }) => value)).toEqual([5, 7]);
    expect((await variables.history('least')).map(({ value }) => value)).toEqual([2, 6]);
    await lift();
    await variables.set('least', 8);
    expect(await refusedAs((async () => variables.constrain(ordered))())).toContain(
      `${about} least = 8, most = 7`,
    );
    await variables.set('least', 9);
  });

  test('a constraint that throws, promises or answers nonsense refuses the change, and says so', async () => {
    const { variables } = subjectOf();
    const options = ['good', 'bad', 'throws', 'promises', 'odd', 'fine'];
    await variables.define('mood', variable.choice({ options, default: 'good' }));
    const lift = await variables.constrain(moody);
    const about = 'VARIABLE_INVALID: the constraint "moody" on mood';
    for (const [mood, why] of [
      ['bad', 'does not hold for mood = "bad"'],
      ['throws', 'threw: cannot say'],
      ['promises', 'gave a promise, expected true, or why not, at once'],
      ['odd', 'does not hold for mood = "odd"'],
    ] as const) {
      expect(await refusedAs(variables.set('mood', mood))).toBe(`${about} ${why}`);
    }
    expect(await variables.get('mood')).toMatchObject({ value: 'good', version: 1 });
    await variables.set('mood', 'fine');
    await lift();
    await variables.set('mood', 'bad');
  });

  test('a number without a bound takes any number on that side', async () => {
    const { variables } = subjectOf();
    await variables.define('drift', variable.float({ max: 1, default: 0 }));
    await variables.define('offset', variable.integer({ default: 0 }));
    for (const [name, value] of [
      ['drift', -1e300],
      ['offset', -7],
      ['offset', 2 ** 40],
    ] as const) {
      await variables.set(name, value);
      expect(await variables.get(name)).toMatchObject({ value });
    }
    expect((await variables.get('offset')).bounds).toEqual({ min: -Infinity, max: Infinity, step: 1 });
    expect(await codeOf((async () => variables.set('drift', 2))())).toBe('VARIABLE_INVALID');
  });

  test('a round that is open is listed; it expires when its variable changes, or coordination goes, and its end says why', async () => {
    const { variables, consensus, coordination, events } = subjectOf();
    const ids = await citizens(2);
    const open = () =>
      eventually(
        async () => consensus.rounds(),
        (rounds) => rounds.length === 1 && rounds[0]!.electorate.length === 2,
      );
    const asked = { variable: 'limit', value: UNDECIDED, fallback: { retry: 3 } } as const;
    const suspended = consensus.propose(asked);
    const [round] = await open();
    expect(round).toMatchObject({
      variable: 'limit',
      value: UNDECIDED,
      phase: 'voting',
      tally: { voters: { total: 2, accept: 0 } },
    });
    expect([...round!.electorate].toSorted()).toEqual(ids.toSorted());
    expect([...round!.stillOut].toSorted()).toEqual(ids.toSorted());
    expect(round!.deadlineAt - round!.openedAt).toBe(30_000);
    await coordination.suspend();
    expect(await suspended).toMatchObject({ outcome: 'expired', cut: 'coordination_lost', rounds: 1 });
    expect(await consensus.rounds()).toEqual([]);
    await coordination.resume();
    const overtaken = consensus.propose({ variable: 'limit', value: UNDECIDED });
    await open();
    await variables.set('limit', 9);
    expect(await overtaken).toMatchObject({ outcome: 'expired', cut: 'superseded', rounds: 1 });
    expect(await variables.get('limit')).toMatchObject({ value: 9 });
    const closed = await eventually(
      async () => {
        const found: object[] = [];
        for await (const event of events.read()) {
          const { type, roundId, cut } = event as { type: string; roundId?: string; cut?: string };
          if (type === 'round.closed' && cut !== undefined) found.push({ roundId, cut });
        }
        return found;
      },
      (found) => found.length === 2,
    );
    expect(closed[0]).toEqual({ roundId: round!.roundId, cut: 'coordination_lost' });
    expect(closed[1]).toMatchObject({ cut: 'superseded' });
  });

  test('a function as the fallback is asked with what failed; what it gives is put into force, unless it throws or does not fit', async () => {
    const { variables, consensus } = subjectOf();
    await citizens(1);
    await variables.set('limit', 20);
    const heard: object[] = [];
    const propose = (fallback: (failed: object) => unknown, deadlineMs = 30_000) =>
      consensus.propose({ variable: 'limit', value: 60, by: 'ada', deadlineMs, fallback });
    const decided = await propose((failed) => {
      heard.push(failed);
      return 30;
    });
    const { roundId } = decided;
    expect(heard).toEqual([{ roundId, variable: 'limit', value: 60, current: 20, outcome: 'rejected' }]);
    expect(decided).toMatchObject({ outcome: 'rejected', decidedBy: 'fallback' });
    expect(await variables.get('limit')).toMatchObject({ value: 30, version: decided.version });
    expect((await variables.history('limit')).at(-1)).toMatchObject({
      by: 'ada',
      why: `fallback of ${roundId}`,
    });
    expect(await propose(() => undefined)).not.toHaveProperty('version');
    expect((await propose(() => 1_000)).problem).toContain('limit');
    const thrown = await propose(() => Promise.reject(new Error('no idea')));
    expect(thrown).toMatchObject({ outcome: 'rejected', problem: 'no idea' });
    const late = await propose(() => new Promise(() => {}), 500);
    expect(late.problem).toContain('no answer within 500 ms');
    expect(await variables.get('limit')).toMatchObject({ value: 30 });
    const accepted = await consensus.propose({ variable: 'limit', value: 31, fallback: () => 1 });
    expect(accepted).toMatchObject({ outcome: 'accepted', version: decided.version! + 1 });
    expect((await variables.history('limit')).at(-1)?.why).toBe(`accepted in ${accepted.roundId}`);
  });

  test('who has not acknowledged a value is listed as out of date, with the version that it knows, until it has', async () => {
    const { agents, variables } = subjectOf();
    const [id] = await citizens(1);
    const { version } = await variables.set('limit', 2);
    expect(await variables.outOfDate('limit')).toEqual([]);
    await variables.set('limit', SLOW);
    expect(await variables.outOfDate('limit')).toEqual([{ agentId: id, incarnation: 1, version }]);
    gate.resolve();
    await eventually(
      async () => variables.outOfDate('limit'),
      (behind) => behind.length === 0,
    );
    await agents.stop(id!, { timeoutMs: 0 });
    expect(await codeOf((async () => variables.outOfDate('nothing'))())).toBe('VARIABLE_UNKNOWN');
  });

  test('a value that is accepted, and that a constraint rules out by then, does not come into force: the round says why', async () => {
    const { variables, consensus } = subjectOf();
    await citizens(2);
    await variables.set('limit', 1);
    await variables.define('cap', variable.integer({ default: 100 }));
    await variables.set('cap', 100);
    const lift = await variables.constrain(capped);
    onTestFinished(async () => lift());
    const { version } = await variables.get('limit');
    const deciding = consensus.propose({
      variable: 'limit',
      value: UNDECIDED,
      quorum: 1,
      fallback: { retry: 2 },
    });
    await eventually(
      async () => consensus.rounds(),
      (rounds) => rounds.length === 1,
    );
    await variables.set('cap', 5);
    gate.resolve();
    const decision = await deciding;
    expect(decision).toMatchObject({ outcome: 'expired', cut: 'superseded', rounds: 1 });
    expect(decision.problem).toContain(
      'the constraint "capped" on limit, cap does not hold for limit = 7, cap = 5',
    );
    expect(await variables.get('limit')).toMatchObject({ value: 1, version });
    expect(await consensus.rounds()).toEqual([]);
  });
}
