/** Hosts with one fault each: the laws of the life of bodies find it. */
import { expect, it } from 'vitest';
import type { ExitReason } from '../../../src/index.ts';
import type { Host } from '../../../src/runtime/hosting/host.ts';
import { inProcessHost } from '../../../src/runtime/hosting/hosts/in-process.ts';
import { lifeLaws } from '../../../src/testing/host-laws/life-laws.ts';

/** A host that tells one end as another. */
function telling(as: (reason: ExitReason) => ExitReason): Host {
  const host = inProcessHost();
  return {
    isolation: host.isolation,
    refusal: (spec) => host.refusal(spec),
    describe: (...given) => host.describe(...given),
    open: (start, listener) =>
      host.open(start, {
        report: (report) => listener.report(report),
        exited: (reason, thrown) => listener.exited(as(reason), thrown),
        stuck: () => listener.stuck?.(),
      }),
    close: () => host.close(),
  };
}

/** Names of the laws that a host keeps. */
async function keptBy(host: Host): Promise<string[]> {
  const kept: string[] = [];
  for (const { name, keep } of lifeLaws) {
    await keep(host).then(
      () => kept.push(name),
      () => {},
    );
  }
  await host.close();
  return kept;
}

it('a host that tells every end as it was keeps all of them', async () => {
  expect(await keptBy(telling((reason) => reason))).toEqual(lifeLaws.map(({ name }) => name));
});

it('a host that tells an end in order as a kill keeps only those that end no body so', async () => {
  expect(await keptBy(telling((reason) => (reason === 'shutdown' ? 'killed' : reason)))).toEqual([
    'a saved state of a version that the agent does not know is the end of its start',
    'a body can be killed at once',
    'a body can be killed in the midst of a task, and hears nothing more',
    'an init that throws is the end, with the error',
    'initArgs that are not as defined are the end of a start',
    'a change that its listener cannot bear is the end of the agent',
    'a module can be described without being started',
  ]);
});

it('a host that tells a kill as an end in order breaks every law that kills a body', async () => {
  const kept = await keptBy(telling((reason) => (reason === 'killed' ? 'shutdown' : reason)));
  expect(lifeLaws.map(({ name }) => name).filter((name) => !kept.includes(name))).toEqual(
    expect.arrayContaining([
      'a body can be killed at once',
      'a body can be killed while it initializes',
      'a body can be killed in the midst of a task, and hears nothing more',
    ]),
  );
});
