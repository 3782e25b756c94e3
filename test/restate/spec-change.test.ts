/** Laws of a change of a spec in a fleet, as the program works it out from what is kept. */
import { expect, it, onTestFinished } from 'vitest';
import { defineAgent } from '../../src/index.ts';
import { FleetSpecs, keptSpecOf, placedSpec } from '../../src/restate/client/fleet-specs.ts';
import { changeSpec } from '../../src/restate/client/spec-change.ts';
import { manifestOf } from '../../src/runtime/definition/manifest.ts';
import { codeByType } from '../../src/runtime/definition/module-binding.ts';
import { inProcessHost } from '../../src/runtime/hosting/hosts/in-process.ts';

const worker = defineAgent({ type: 'worker', init: () => ({}), tasks: {} });
const other = defineAgent({ type: 'worker', init: () => ({}), tasks: { more: { run: () => 1 } } });

/** An agent that was registered with `worker`, changed by a program that knows this code. */
async function changed(code: readonly (typeof worker)[], fields: object): Promise<unknown> {
  const spec = keptSpecOf(placedSpec({ id: 'ada', module: worker }), 'ada', 'worker');
  const host = inProcessHost();
  const asked: unknown[] = [];
  const commands = {
    look: async () => ({
      record: { id: 'ada', type: 'worker', spec },
      manifest: manifestOf(worker),
      revision: 1,
    }),
    give: async (_: string, { changes }: { changes: readonly { field: string }[] }) => {
      asked.push(...changes.map(({ field }) => field));
      return true;
    },
  };
  const specs = new FleetSpecs({ code: codeByType(code), hosts: new Map([['in-process', host]]) });
  const wanted = placedSpec({ id: 'ada', module: worker, ...fields });
  const options = { commands: commands as never, specs, wantedOf: () => wanted, by: undefined };
  onTestFinished(() => host.close());
  return [await changeSpec('ada', options), asked];
}

it.each([
  ['knows its definition', [worker]],
  ['knows no definition', []],
])('the same spec, of a program that %s, changes nothing; another changes what differs', async (_, code) => {
  expect(await changed(code, {})).toEqual(['none', []]);
  expect(await changed(code, { shutdownMs: 7_000 })).toEqual(['updated', ['shutdownMs']]);
});

it('another definition than the one that the program knows is a change', async () => {
  expect(await changed([worker], { module: other })).toEqual(['updated', ['module']]);
});
