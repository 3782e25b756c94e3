/** Hosts with one fault each: the laws of the life of bodies find it. */
import { expect, it } from 'vitest';
import type { ExitReason } from '../../../src/index.ts';
import type { BodyReport, Host } from '../../../src/runtime/hosting/host.ts';
import { inProcessHost } from '../../../src/runtime/hosting/hosts/in-process.ts';
import { lifeLaws } from '../../../src/testing/host-laws/life-laws.ts';

/** A host like the one in process, but for what a fault puts in the place of its ends, reports and descriptions. */
function telling(
  as: (reason: ExitReason) => ExitReason,
  {
    report: asReport = () => (report) => report,
    describe,
  }: {
    /** One for each body. */
    readonly report?: () => (report: BodyReport) => BodyReport;
    readonly describe?: Host['describe'];
  } = {},
): Host {
  const host = inProcessHost();
  return {
    isolation: host.isolation,
    refusal: (spec) => host.refusal(spec),
    describe: describe ?? ((...given) => host.describe(...given)),
    open: (start, listener) => {
      const changed = asReport();
      return host.open(start, {
        report: (report) => listener.report(changed(report)),
        exited: (reason, thrown) => listener.exited(as(reason), thrown),
        stuck: () => listener.stuck?.(),
      });
    },
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

async function brokenBy(host: Host): Promise<string[]> {
  const kept = await keptBy(host);
  return lifeLaws.map(({ name }) => name).filter((name) => !kept.includes(name));
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
  expect(await brokenBy(telling((reason) => (reason === 'killed' ? 'shutdown' : reason)))).toEqual(
    expect.arrayContaining([
      'a body can be killed at once',
      'a body can be killed while it initializes',
      'a body can be killed in the midst of a task, and hears nothing more',
    ]),
  );
});

it('a host that fails the task after one whose state cannot be saved breaks that law', async () => {
  const broken = await brokenBy(
    telling((reason) => reason, {
      report() {
        let hasFailed = false;
        return (report) => {
          const failsNow = hasFailed && report.type === 'task.completed';
          hasFailed = report.type === 'task.failed' && report.error.message.includes('BigInt');
          return failsNow
            ? {
                type: 'task.failed',
                taskId: report.taskId,
                code: 'TASK_FAILED',
                error: { name: 'Error', message: 'no reason' },
              }
            : report;
        };
      },
    }),
  );
  expect(broken).toContain('a state that cannot be saved fails its task and its save, and nothing else');
});

it('a host that describes a module otherwise with other arguments breaks the law of descriptions', async () => {
  const host = inProcessHost();
  const broken = await brokenBy(
    telling((reason) => reason, {
      async describe(module, initArgs) {
        const manifest = await host.describe(module, initArgs);
        return (initArgs as { from?: unknown }).from === undefined
          ? { ...manifest, capabilities: [] }
          : manifest;
      },
    }),
  );
  await host.close();
  expect(broken).toContain('a module can be described without being started');
});
