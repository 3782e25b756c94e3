/** Laws of supervision: an agent is made known, and started. */
import { expect, test } from 'vitest';
import type { AgentFilter } from '../../../src/index.ts';
import { careful, mortal } from '../../restate/laws.ts';
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
