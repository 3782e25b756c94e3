/** The shell that ends process groups once their program is gone: whatever becomes of that shell meanwhile. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { GroupGuard } from '../../src/runtime/hosting/hosts/group-guard.ts';
import { eventually } from '../kit/eventually.ts';
import { gone, isAlive, isOdd, oddSleep } from './hosts.ts';
import { childrenOf } from './programs.ts';

const groups: ChildProcess[] = [];
afterEach(() => {
  for (const group of groups.splice(0)) group.kill('SIGKILL');
});

/** A process that leads a group of its own. */
function aGroup(): ChildProcess {
  const group = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' });
  groups.push(group);
  return group;
}

/** The shells of guards in this program. */
function shells(): number[] {
  return childrenOf(process.pid).filter((pid) => {
    try {
      return isAlive(pid) && readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('groups=');
    } catch {
      return false;
    }
  });
}

const shellOtherThan = async (gone: number | undefined): Promise<number> => {
  const other = (pids: readonly number[]) => pids.find((pid) => pid !== gone);
  return other(await eventually(shells, (pids) => other(pids) !== undefined))!;
};

describe.runIf(process.platform === 'linux')('a guard whose shell is killed', () => {
  test('watches what it has watched, and not what it has released, as often as that happens', async () => {
    const guard = new GroupGuard();
    const [kept, released, later] = [aGroup(), aGroup(), aGroup()];
    guard.watch(kept.pid!);
    guard.watch(released.pid!);
    guard.release(released.pid!);
    let shell = await shellOtherThan(undefined);
    for (let times = 0; times < 2; times += 1) {
      process.kill(shell, 'SIGKILL');
      shell = await shellOtherThan(shell);
    }
    guard.watch(later.pid!);
    guard.close();
    await Promise.all([once(kept, 'exit'), once(later, 'exit')]);
    expect(isAlive(released.pid!)).toBe(true);
    await eventually(shells, (pids) => pids.length === 0);
  });

  test('has no other one once it is closed, or while it watches nothing', async () => {
    const guard = new GroupGuard();
    const group = aGroup();
    guard.watch(group.pid!);
    guard.release(group.pid!);
    process.kill(await shellOtherThan(undefined), 'SIGKILL');
    await eventually(shells, (pids) => pids.length === 0);
    guard.watch(group.pid!);
    await shellOtherThan(undefined);
    guard.close();
    await once(group, 'exit');
    await eventually(shells, (pids) => pids.length === 0);
  });
});

test.runIf(process.platform === 'linux')(
  'a guard kills what has left a group and not its session, whatever it is called, and no other session',
  async () => {
    const jobs = `set -m; '${oddSleep()}' 600 & echo $!; setsid sh -c 'echo $$; exec sleep 600' & wait`;
    const shell = spawn('bash', ['-c', jobs], { detached: true, stdio: ['ignore', 'pipe', 'ignore'] });
    const other = aGroup();
    groups.push(shell);
    const pids: number[] = [];
    for await (const line of createInterface(shell.stdout)) if (pids.push(Number(line)) === 2) break;
    const [job, session] = pids as [number, number];
    onTestFinished(() => void process.kill(session, 'SIGKILL'));
    await isOdd(job);
    const guard = new GroupGuard();
    guard.watch(shell.pid!);
    guard.close();
    await gone(job);
    expect([session, other.pid!].map(isAlive)).toEqual([true, true]);
  },
);

test('a guard without a shell watches nothing, and nothing fails', async () => {
  const guard = new GroupGuard('/no/such/shell');
  const group = aGroup();
  guard.watch(group.pid!);
  await new Promise((resolve) => setImmediate(resolve));
  guard.watch(group.pid!);
  guard.release(group.pid!);
  guard.close();
  expect(isAlive(group.pid!)).toBe(true);
});
