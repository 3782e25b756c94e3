import { afterAll, beforeAll, describe, test } from 'vitest';
import type { BodyStart, Host } from '../../src/runtime/hosting/host.ts';
import { inProcessHost } from '../../src/runtime/hosting/hosts/in-process.ts';
import { processHost } from '../../src/runtime/hosting/hosts/process.ts';
import { threadHost } from '../../src/runtime/hosting/hosts/thread.ts';
import { hostLaws } from '../../src/testing/host-laws.ts';
import { openWitnessed } from '../../src/testing/host-laws/witness.ts';

const hosts = {
  'in-process': [inProcessHost, hostLaws],
  thread: [threadHost, hostLaws],
  // What one body does it does below as well, where it does not cost a process each time.
  process: [processHost, hostLaws.filter(({ about }) => about === 'life')],
} as const;

for (const [name, [create, laws]] of Object.entries(hosts)) {
  describe.concurrent(`the ${name} host`, () => {
    const host = create();
    afterAll(() => host.close());
    for (const law of laws) test(law.name, () => law.keep(host));
  });
}

const inGroup = (start: BodyStart): BodyStart => ({
  ...start,
  resources: { ...start.resources, group: 'all' },
});

describe('the process host, with all its agents in one group', () => {
  const host = processHost();
  const grouped: Host = {
    isolation: host.isolation,
    refusal: (spec) => host.refusal(spec),
    describe: (module, initArgs) => host.describe(module, initArgs),
    open: (start, listener) => host.open(inGroup(start), listener),
    close: () => host.close(),
  };
  beforeAll(async () => {
    // A member that stays keeps their process from ending with each law.
    await openWitnessed(grouped, { agentId: 'member' }).until('ready');
  });
  afterAll(() => grouped.close());
  for (const law of hostLaws) test(law.name, () => law.keep(grouped));
});
