/** Laws of one child process, whose command is what the test says: how its end is told, and what it keeps alive. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import type { ExitReason } from '../../src/index.ts';
import { ProcessChild } from '../../src/runtime/hosting/hosts/process-child.ts';
import { type Clock, steadyClock, systemClock } from '../../src/runtime/time/clock.ts';
import { simulatedClock } from '../../src/testing/index.ts';
import { eventually } from '../kit/eventually.ts';
import { faultyAgent, livingChildren } from './hosts.ts';

const folder = mkdtempSync(join(tmpdir(), 'mabeam-child-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
  expect(livingChildren()).toEqual([]);
});

/** A child whose process is this script, as if it were the command that ties it. */
function child(script: string, clock: Clock) {
  const setpriv = join(folder, 'command');
  writeFileSync(setpriv, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const untied = Promise.withResolvers<string>();
  const ended = Promise.withResolvers<ExitReason>();
  const one = new ProcessChild(
    {
      clock: steadyClock(clock),
      name: 'subject',
      module: faultyAgent,
      resources: { cpuPriority: 'normal' },
      setpriv,
      untied: untied.resolve,
      guard: { watch: () => {}, release: () => {} } as never,
      sessions: undefined,
      meter: undefined,
      watchEveryMs: 1_000,
      env: {},
      execArgv: undefined,
    },
    { message: () => {}, printed: () => {}, ended: ended.resolve },
  );
  onTestFinished(async () => {
    one.kill('killed');
    await ended.promise;
  });
  return { one, untied: untied.promise, ended: ended.promise };
}

/** Processes that keep this program alive. */
const keptProcesses = () => process.getActiveResourcesInfo().filter((name) => name === 'ProcessWrap').length;

describe.runIf(process.platform === 'linux')('a child process', () => {
  test('that has closed its channel has a second to leave, and is killed then', async () => {
    const clock = simulatedClock();
    const { ended } = child('exec 3>&-; exec sleep 60', clock);
    await eventually(
      () => clock.pending(),
      (pending) => pending.length === 1,
    );
    let isOver = false;
    void ended.then(() => (isOver = true));
    const [{ dueAt }] = clock.pending() as [{ dueAt: number }];
    expect(dueAt - clock.now()).toBe(1_000);
    await clock.advance(999);
    expect(isOver).toBe(false);
    await clock.advance(1);
    expect(await ended).toBe('disconnected');
  });

  test('that is killed has ended once it is gone, whoever else still holds its output', async () => {
    const holder = join(folder, 'holder');
    const clock = simulatedClock();
    const { one, ended } = child(
      `setsid sh -c 'echo $$ > ${holder}.new; mv ${holder}.new ${holder}; exec sleep 60' & exec sleep 60`,
      clock,
    );
    const pid = await eventually(
      () => {
        try {
          return Number(readFileSync(holder, 'utf8'));
        } catch {
          return 0;
        }
      },
      (known) => known > 0,
    );
    onTestFinished(() => void process.kill(pid, 'SIGKILL'));
    one.kill('killed');
    expect(await ended).toBe('killed');
    expect(clock.pending()).toEqual([]);
  });

  test('that is made again keeps its program alive no more than the first one did', async () => {
    const { one, untied, ended } = child('echo "setpriv: not today" >&2; exit 1', systemClock());
    one.ref(false);
    expect(await untied).toBe('setpriv: not today');
    await eventually(keptProcesses, (count) => count === 0);
    one.kill('killed');
    expect(await ended).toBe('killed');
  });
});
