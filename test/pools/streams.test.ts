/** Laws of a pool's task that is read as a stream. */
import { describe, expect, it } from 'vitest';
import { defineAgent } from '../../src/index.ts';
import { settled } from '../../src/testing/index.ts';
import { awaited, codeOf, fateOf, rig } from '../kit/rig.ts';

async function pool(spec: object = {}) {
  const seen = { given: 0, begun: 0, cleanedUp: 0 };
  const module = defineAgent({
    type: 'counter',
    init: () => ({}),
    tasks: {
      count: {
        retry: 'on_host_loss',
        run: async function* ({ input, signal }: { readonly input: unknown; readonly signal: AbortSignal }) {
          seen.begun += 1;
          try {
            for (let chunk = 0; chunk < Number(input); chunk += 1) {
              seen.given = chunk + 1;
              yield chunk;
            }
            return `${String(input)} in all`;
          } finally {
            seen.cleanedUp += signal.aborted ? 1 : 0;
          }
        },
      },
    },
  });
  const made = await rig();
  await made.system.pools.create({ name: 'p', min: 1, max: 1, ...spec, spec: { module } });
  const stream = (input: number, more: object = {}) =>
    made.system.pools.stream('p', { type: 'count', input, ...more });
  return { ...made, stream, seen };
}

describe('a stream of a pool', () => {
  it('gives all chunks in order, and then the output', async () => {
    const { stream } = await pool();
    const chunks: unknown[] = [];
    const read = stream(40);
    for await (const chunk of read) chunks.push(chunk);
    expect(chunks).toEqual(Array.from({ length: 40 }, (_, chunk) => chunk));
    expect(await read.output).toBe('40 in all');
  });

  it('holds its task back, and is cancelled by its reader, in the line, too', async () => {
    const { stream, seen, system } = await pool();
    const first = stream(100);
    const second = stream(100);
    void awaited(first.output);
    void awaited(second.output);
    await first.next();
    await settled();
    expect(seen.given).toBeLessThanOrEqual(18);
    expect(system.pools.get('p').waiting).toBe(1);
    await second.return();
    expect(system.pools.get('p').waiting).toBe(0);
    expect(await codeOf(second.output)).toBe('TASK_ABANDONED');
    await first.return();
    expect(seen).toMatchObject({ begun: 1, cleanedUp: 1 });
    expect(await first.next()).toEqual({ done: true, value: undefined });
  });

  it('is refused as execute is, where it is read and by its output', async () => {
    const { stream, system } = await pool();
    const wrong = system.pools.stream('p', { type: 'nothing' });
    expect(await codeOf(wrong.next())).toBe('TASK_INCOMPATIBLE');
    expect(await codeOf(wrong.output)).toBe('TASK_INCOMPATIBLE');
    expect(await codeOf(system.pools.stream('none', { type: 'count' }).output)).toBe('POOL_UNKNOWN');
    expect(await codeOf(stream(1, { signal: 'now' }).output)).toBe('TASK_INPUT_INVALID');
    expect(await codeOf(system.pools.stream('p', null as never).output)).toBe('TASK_INPUT_INVALID');
  });

  it('that has given a chunk is not given to another member', async () => {
    const { stream, seen, agents, clock } = await pool({ retryAbandoned: 3 });
    const read = stream(100);
    void awaited(read.output);
    await read.next();
    await agents.kill('p-1');
    await clock.advance(2_000);
    expect(await fateOf(read.output)).toBe('TASK_ABANDONED');
    expect(seen.begun).toBe(1);
  });
});
