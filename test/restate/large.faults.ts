/** Messages that are as large as the real server takes them. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { defineAgent } from '../../src/index.ts';
import { hasEngine } from './engine.ts';
import { fleetRig, fresh, sharedEngine } from './fleet-rig.ts';

/** In one call. */
const TAKEN_BYTES = 32 * 1_048_576;
/** What else is in the call of a task. */
const AROUND_BYTES = 300;

const bulky = defineAgent({
  type: 'bulky',
  init: () => ({}),
  tasks: {
    give: { run: () => 'x'.repeat(15_000_000) },
    size: { run: ({ input }) => (input as string).length },
  },
});

describe.runIf(hasEngine())('large messages', () => {
  // Each attempt of a call that fails stands in its log.
  const engine = sharedEngine({ logFilter: 'error,restate_invoker_impl=warn' });

  test('an input just under what the engine takes is answered', async () => {
    const { fleet, node } = await fleetRig(engine(), [bulky]);
    const { agents } = fleet;
    await node(fresh('bulky'));
    const id = await agents.register({ module: bulky });
    await agents.start(id);
    const input = 'x'.repeat(TAKEN_BYTES - AROUND_BYTES);
    expect(await agents.execute(id, { type: 'size', input })).toBe(input.length);
  });

  test('large outputs hold up no other call: a node refuses the engine none', async () => {
    const { fleet, node } = await fleetRig(engine(), [bulky]);
    const { agents } = fleet;
    await node(fresh('bulky'));
    const ids = await Promise.all(Array.from({ length: 4 }, () => agents.register({ module: bulky })));
    await Promise.all(ids.map((id) => agents.start(id)));
    await Promise.all(ids.map((id) => agents.execute(id, { type: 'give' })));
    const log = await readFile(join(engine().folder, 'log'), 'utf8');
    expect(log.match(/.*excessive load.*/g)).toBeNull();
  });
});
