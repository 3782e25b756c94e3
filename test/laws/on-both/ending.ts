/** Laws of supervision: what follows when an agent ends, in every way there is. */
import { expect, test } from 'vitest';
import type { ExitReason } from '../../../src/index.ts';
import { eventually } from '../../kit/eventually.ts';
import { mortal } from '../../restate/law-agents.ts';
import { refusal } from '../../kit/rig.ts';
import { type PlayedSubject, SOON } from './subject.ts';

/** Ways for a body to end, and what each makes of its agent. */
const ends: readonly { readonly reason: ExitReason; readonly status: string }[] = [
  { reason: 'normal', status: 'completed' },
  { reason: 'shutdown', status: 'stopped' },
  { reason: { shutdown: 'moved' }, status: 'stopped' },
  { reason: 'killed', status: 'crashed' },
  { reason: 'out_of_memory', status: 'crashed' },
  { reason: 'disconnected', status: 'crashed' },
  { reason: { exitCode: 1 }, status: 'crashed' },
  { reason: { signal: 'SIGSEGV' }, status: 'crashed' },
  { reason: { error: { name: 'RangeError', message: 'out of range' } }, status: 'crashed' },
];

export function endingLaws(subjectOf: () => PlayedSubject): void {
  const agents = () => subjectOf().agents;
  /** One whose bodies are the test's to end. */
  const played = async (spec: object): Promise<string> => {
    const id = await agents().register({ module: mortal, ...spec });
    subjectOf().bodies.play(id, (body) => body.ready());
    await agents().start(id);
    return id;
  };
  const exit = (id: string, reason: ExitReason): void => subjectOf().bodies.bodiesOf(id).at(-1)!.exit(reason);
  const at = (id: string, status: string, incarnation: number) =>
    eventually(
      () => agents().get(id),
      (record) => record.status === status && record.incarnation === incarnation,
    );

  test('an agent that is never to be restarted stays listed as it ended, and can be started again under its id', async () => {
    await Promise.all(
      ends.map(async ({ reason, status }) => {
        const id = await played({ restart: { policy: 'never' } });
        exit(id, reason);
        expect(await at(id, status, 1)).toMatchObject({ reason });
        expect(await agents().start(id)).toMatchObject({ id, incarnation: 2 });
        expect(subjectOf().bodies.bodiesOf(id)).toHaveLength(2);
      }),
    );
  });

  test('an agent that is to be restarted is so only after a crash', async () => {
    await Promise.all(
      ends.map(async ({ reason, status }) => {
        const id = await played({ restart: SOON });
        exit(id, reason);
        const isBack = status === 'crashed';
        await at(id, isBack ? 'running' : status, isBack ? 2 : 1);
        expect(await agents().get(id)).toMatchObject({ restarts: isBack ? 1 : 0 });
      }),
    );
  });

  test('an agent is restarted alone: its siblings keep their incarnations and their work', async () => {
    const ids: string[] = [];
    for (let index = 0; index < 3; index++) {
      const id = await agents().register({ module: mortal, restart: SOON });
      await agents().start(id);
      await agents().execute(id, { type: 'count' });
      ids.push(id);
    }
    expect((await refusal(agents().execute(ids[1]!, { type: 'crash' }))).code).toBe('TASK_FAILED');
    await at(ids[1]!, 'running', 2);
    for (const id of [ids[0]!, ids[2]!]) {
      expect(await agents().get(id)).toMatchObject({ status: 'running', incarnation: 1 });
      expect(await agents().execute(id, { type: 'count' })).toBe(2);
    }
  });

  test('an agent that fails to start on the way back is tried again, and each try counts', async () => {
    const { bodies } = subjectOf();
    const id = await agents().register({ module: mortal, restart: SOON });
    bodies.play(id, (body) => {
      const { incarnation } = body.start;
      if (incarnation === 2 || incarnation === 3) body.exit('normal');
      else body.ready();
    });
    await agents().start(id);
    exit(id, 'killed');
    expect(await at(id, 'running', 4)).toMatchObject({ restarts: 3 });
  });

  test('an agent ends normally by its own word alone: the end of another is nothing to it', async () => {
    const [one, other] = [await played({ restart: SOON }), await played({ restart: SOON })];
    exit(one, 'normal');
    await at(one, 'completed', 1);
    expect(await agents().get(other)).toMatchObject({ status: 'running', incarnation: 1 });
  });

  test('what a body says after its end changes nothing', async () => {
    const id = await played({ restart: SOON });
    const [first] = subjectOf().bodies.bodiesOf(id);
    first!.exit('killed');
    await at(id, 'running', 2);
    first!.report({ type: 'finished' });
    first!.exit('normal');
    exit(id, 'killed');
    expect(await at(id, 'running', 3)).toMatchObject({ restarts: 2 });
  });
}
