import { afterAll, describe, test } from 'vitest';
import type { Host } from '../../src/runtime/host.ts';
import { inProcessHost } from '../../src/runtime/hosts/in-process.ts';
import { threadHost } from '../../src/runtime/hosts/thread.ts';
import { hostLaws } from '../../src/testing/host-laws.ts';
import { quickProcessHost } from './hosts.ts';

/** The process host with all its agents in one group. */
function groupHost(): Host {
  const host = quickProcessHost();
  return {
    isolation: host.isolation,
    refusal: (spec) => host.refusal(spec),
    describe: (module, initArgs) => host.describe(module, initArgs),
    open: (start, listener) =>
      host.open({ ...start, resources: { ...start.resources, group: 'all' } }, listener),
    close: () => host.close(),
  };
}

const hosts = {
  'in-process': inProcessHost,
  thread: threadHost,
  process: quickProcessHost,
  'process, in a group,': groupHost,
};

for (const [name, create] of Object.entries(hosts)) {
  describe(`the ${name} host`, () => {
    const host = create();
    afterAll(() => host.close());
    for (const { name: law, keep } of hostLaws) test(law, () => keep(host));
  });
}
