/**
 * Laws of bodies in every host there is, by what they do: the same text on one program and on a node of a fleet.
 */
import { fileURLToPath } from 'node:url';
import { threadId } from 'node:worker_threads';
import { expect, test } from 'vitest';
import type { AgentRecord } from '../../src/index.ts';
import { eventually } from '../kit/eventually.ts';
import type { Subject } from './laws.ts';

const MEBIBYTE = 1024 * 1024;
const module = new URL('./bodily.ts', import.meta.url);

interface Whereabouts {
  readonly pid: number;
  readonly threadId: number;
}

/** @param subjectOf the fleet that all laws are tried on; each has agents of its own */
export function bodyLaws(subjectOf: () => Subject): void {
  const agents = () => subjectOf().agents;
  const started = async (spec: object): Promise<string> => {
    const id = await agents().register({ module, restart: { policy: 'never' }, ...spec });
    await agents().start(id);
    return id;
  };
  const where = async (id: string) => (await agents().execute(id, { type: 'where' })) as Whereabouts;
  const ended = (id: string): Promise<AgentRecord> =>
    eventually(
      () => agents().get(id),
      ({ status }) => status === 'crashed',
    );

  test('a body runs in a thread, or in a process, as its spec says, and is saved and brought back in either', async () => {
    const restart = { policy: 'immediate', delayMs: 10 } as const;
    const here = { pid: process.pid, threadId };
    for (const isolation of ['thread', 'process'] as const) {
      const id = await started({ isolation, restart });
      const { pid, threadId: thread } = await where(id);
      expect([pid === here.pid, thread === here.threadId]).toEqual(
        isolation === 'thread' ? [true, false] : [false, true],
      );
      expect(await agents().execute(id, { type: 'count' })).toBe(1);
      await agents().kill(id);
      await eventually(
        () => agents().get(id),
        ({ status, incarnation }) => status === 'running' && incarnation === 2,
      );
      expect(await agents().execute(id, { type: 'count' })).toBe(2);
      await agents().stop(id);
    }
  });

  test('a process that exits is a crash, and its record says with what', async () => {
    const id = await started({ isolation: 'process' });
    const gone = agents().execute(id, { type: 'exit' });
    await expect(gone).rejects.toMatchObject({ code: 'TASK_ABANDONED' });
    expect(await ended(id)).toMatchObject({ reason: { exitCode: 3 } });
  });

  test('agents of a group share one process, its limit, and its end', async () => {
    const group = `group-${crypto.randomUUID()}`;
    const spec = { isolation: 'process', resources: { group, maxMemoryBytes: 256 * MEBIBYTE } };
    const [one, other] = [await started(spec), await started(spec)];
    const alone = await started({ isolation: 'process' });
    const { pid } = await where(one);
    expect(await where(other)).toMatchObject({ pid });
    expect((await where(alone)).pid).not.toBe(pid);
    await expect(agents().execute(one, { type: 'exit' })).rejects.toMatchObject({ code: 'TASK_ABANDONED' });
    for (const id of [one, other]) expect(await ended(id)).toMatchObject({ reason: { exitCode: 3 } });
    expect((await agents().get(alone)).status).toBe('running');
    const odd = { ...spec, resources: { group, maxMemoryBytes: 300 * MEBIBYTE } };
    await started(spec);
    // One program knows the members of a group when one more is registered; on machines only its node does.
    await expect(started(odd)).rejects.toMatchObject({
      code: expect.stringMatching(/^AGENT_(SPEC_INVALID|START_FAILED)$/),
      message: expect.stringContaining('maxMemoryBytes'),
    });
  });

  test('a process that takes more memory than it may is ended, and comes back', async () => {
    const id = await started({
      isolation: 'process',
      resources: { maxMemoryBytes: 128 * MEBIBYTE },
      restart: { policy: 'immediate', delayMs: 10 },
    });
    expect(await agents().execute(id, { type: 'count' })).toBe(1);
    await expect(agents().execute(id, { type: 'exhaust' })).rejects.toMatchObject({ code: 'TASK_ABANDONED' });
    const back = await eventually(
      () => agents().get(id),
      ({ status, incarnation }) => status === 'running' && incarnation === 2,
    );
    expect(back).toMatchObject({ restarts: 1 });
    const crashes: unknown[] = [];
    for await (const event of subjectOf().events.read({ agentId: id })) {
      if (event.type === 'agent.crashed') crashes.push((event as unknown as { reason: unknown }).reason);
    }
    expect(crashes).toEqual(['out_of_memory']);
    expect(await agents().execute(id, { type: 'count' })).toBe(2);
  });

  test('a process in a sandbox reads what it may, and nothing else; of the environment it has what is named', async () => {
    const readable = fileURLToPath(module);
    const id = await started({
      isolation: 'process',
      resources: { sandbox: { fs: { read: [readable] } }, env: ['PATH'] },
    });
    expect(await agents().execute(id, { type: 'read', input: readable })).toBeGreaterThan(0);
    await expect(agents().execute(id, { type: 'read', input: '/etc/passwd' })).rejects.toMatchObject({
      code: 'TASK_FAILED',
      cause: { code: 'ERR_ACCESS_DENIED' },
    });
    expect(await agents().execute(id, { type: 'variable', input: 'PATH' })).toBe(process.env['PATH']);
    expect(await agents().execute(id, { type: 'variable', input: 'HOME' })).toBe(null);
  });

  test('limits that a host cannot keep are refused before anything runs, and the field is named', async () => {
    for (const [isolation, resources, field] of [
      ['thread', { sandbox: {} }, 'sandbox'],
      ['thread', { group: 'g' }, 'group'],
      ['in-process', { maxMemoryBytes: 128 * MEBIBYTE }, 'maxMemoryBytes'],
    ] as const) {
      const registering = agents().register({ module, isolation, resources });
      await expect(registering).rejects.toMatchObject({
        code: 'AGENT_SPEC_INVALID',
        message: expect.stringContaining(field),
      });
    }
  });
}
