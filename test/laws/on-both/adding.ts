/** Laws of supervision: an agent is made known, and started. */
import { expect, test } from 'vitest';
import type { AgentCode, AgentFilter, AgentPage } from '../../../src/index.ts';
import { careful, mortal } from '../../restate/law-agents.ts';
import { refusal } from '../../kit/rig.ts';
import { type PlayedSubject, SOON } from './subject.ts';

export function addingLaws(subjectOf: () => PlayedSubject): void {
  const agents = () => subjectOf().agents;

  test('a spec without an id gets one of its own, and agents are listed in the order in which they were added', async () => {
    const first = await agents().register({ module: mortal });
    const second = await agents().register({ module: mortal });
    expect(first).not.toBe(second);
    const listed = (await agents().list()).map(({ id }) => id);
    expect(listed.filter((id) => id === first || id === second)).toEqual([first, second]);
  });

  test('a list has those that fit all of its filter, and no others', async () => {
    const able = await agents().register({ module: careful });
    const idle = await agents().register({ module: mortal });
    const paused = await agents().register({ module: mortal });
    const gone = await agents().register({ module: mortal });
    for (const id of [able, paused, gone]) await agents().start(id);
    await agents().pause(paused);
    await agents().stop(gone);
    const own = [able, idle, paused, gone];
    const listed = async (filter: AgentFilter) =>
      (await agents().list(filter)).map(({ id }) => id).filter((id) => own.includes(id));
    const cases: readonly (readonly [AgentFilter, readonly string[]])[] = [
      [{}, own],
      [{ type: 'mortal' }, [idle, paused, gone]],
      [{ status: 'running' }, [able, paused]],
      [{ status: 'registered' }, [idle]],
      [{ type: 'mortal', status: 'stopped' }, [gone]],
      [{ capability: 'count' }, [able]],
      [{ isPaused: true }, [paused]],
      [{ isPaused: false, status: 'running' }, [able]],
      [{ isParked: true }, []],
      [{ type: 'nothing' }, []],
      [{ capability: 'count', status: 'stopped' }, []],
    ];
    for (const [filter, ids] of cases) expect([filter, await listed(filter)]).toEqual([filter, ids]);
    await agents().resume(paused);
    expect(await listed({ isPaused: true })).toEqual([]);
    expect((await refusal((async () => agents().list({ typ: 'mortal' } as never))())).code).toBe(
      'AGENT_SPEC_INVALID',
    );
  });

  test('a page has the first so many after an id, in the order of the ids, whoever came and went meanwhile', async () => {
    const prefix = `page-${crypto.randomUUID()}-`;
    const own = (letters: string) => letters.split('').map((letter) => prefix + letter);
    const add = async (letters: string, module: AgentCode = mortal) => {
      for (const id of own(letters)) await agents().register({ id, module });
    };
    await add('ecag');
    await add('f', careful);
    // Between these are the agents of this law alone.
    const [from, to] = [prefix, `${prefix}z`];
    const page = async (asked: AgentPage & AgentFilter) => {
      const listed = (await agents().list({ after: from, ...asked })).map(({ id }) => id);
      return listed.filter((id) => id < to);
    };
    const pages: readonly (readonly [AgentPage & AgentFilter, string])[] = [
      [{}, 'acefg'],
      [{ limit: 2 }, 'ac'],
      [{ limit: 2, after: `${prefix}c` }, 'ef'],
      [{ limit: 1, after: `${prefix}f` }, 'g'],
      [{ limit: 5 }, 'acefg'],
      [{ limit: 1_000 }, 'acefg'],
      [{ limit: 0 }, ''],
      [{ limit: 2, after: `${prefix}b` }, 'ce'],
      [{ limit: 2, type: 'mortal', after: `${prefix}c` }, 'eg'],
      [{ limit: 1, status: 'running' }, ''],
      [{ after: `${prefix}g` }, ''],
    ];
    for (const [asked, letters] of pages) expect([asked, await page(asked)]).toEqual([asked, own(letters)]);
    const ids = async (asked: AgentPage) => (await agents().ids(asked)).filter((id) => id < to);
    expect(await ids({ after: from, limit: 3 })).toEqual(own('ace'));
    expect(await ids({ after: `${prefix}e` })).toEqual(own('fg'));
    expect(await ids({ after: from, limit: 0 })).toEqual([]);
    await agents().forget(`${prefix}c`);
    await add('bd');
    expect(await page({ limit: 3, after: `${prefix}c` })).toEqual(own('def'));
    expect(await ids({ limit: 4, after: from })).toEqual(own('abde'));
    // A list without a page keeps its own order.
    const listed = (await agents().list({ type: 'mortal' })).map(({ id }) => id);
    expect(listed.filter((id) => id.startsWith(prefix))).toEqual(own('eagbd'));
    const wrong = [{ limit: -1 }, { limit: 1.5 }, { limit: '2' }, { after: 7 }, { after: null }];
    for (const asked of wrong as never[]) {
      const [field] = Object.keys(asked);
      for (const read of [() => agents().list(asked), () => agents().ids(asked)]) {
        const { code, message } = await refusal((async () => read())());
        expect([code, message]).toEqual(['AGENT_SPEC_INVALID', expect.stringContaining(field!)]);
      }
    }
    expect((await refusal((async () => agents().ids({ type: 'mortal' } as never))())).code).toBe(
      'AGENT_SPEC_INVALID',
    );
    expect((await refusal(agents().startAll({ limit: 1 } as never))).code).toBe('AGENT_SPEC_INVALID');
  });

  test('a start that fails leaves the rest of the fleet alone, and it works on', async () => {
    const broken = await agents().register({ module: mortal });
    subjectOf().bodies.play(broken, (body) => body.exit({ error: { name: 'Error', message: 'broken' } }));
    const sound = await agents().register({ module: mortal });
    await agents().start(sound);
    expect((await refusal(agents().start(broken))).code).toBe('AGENT_START_FAILED');
    expect(await agents().execute(sound, { type: 'count' })).toBe(1);
  });

  test('a start whose body ends before it is ready, even normally, is a start that failed: no body is left over', async () => {
    const { bodies } = subjectOf();
    const id = await agents().register({ module: mortal });
    bodies.play(id, (body) => body.exit('normal'));
    expect(await refusal(agents().start(id))).toMatchObject({ code: 'AGENT_START_FAILED', agentId: id });
    expect(await agents().get(id)).toMatchObject({ status: 'registered' });
    expect(bodies.bodiesOf(id).map(({ isLive }) => isLive)).toEqual([false]);
  });

  test('a start of an agent that runs is refused, and it runs on in its incarnation', async () => {
    const id = await agents().register({ module: mortal });
    await agents().start(id);
    expect((await refusal(agents().start(id))).code).toBe('AGENT_ALREADY_RUNNING');
    expect(await agents().get(id)).toMatchObject({ status: 'running', incarnation: 1 });
  });

  test('of two starts at the same moment one is refused, and there is one body', async () => {
    const { bodies } = subjectOf();
    const id = await agents().register({ module: mortal, restart: SOON });
    bodies.play(id, (body) => body.ready());
    const starts = await Promise.allSettled([agents().start(id), agents().start(id)]);
    expect(starts.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    expect(bodies.bodiesOf(id)).toHaveLength(1);
    expect(await agents().get(id)).toMatchObject({ status: 'running', incarnation: 1 });
  });
}
