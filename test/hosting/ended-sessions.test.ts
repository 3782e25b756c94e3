/** What is left of sessions once their leaders have ended: it is found, killed, and waited for, at little cost. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { endedSessions } from '../../src/runtime/hosting/hosts/ended-sessions.ts';
import { type SteadyClock, steadyClock, systemClock } from '../../src/runtime/time/clock.ts';
import { simulatedClock } from '../../src/testing/index.ts';
import { temporaryDirectory } from '../journal/stores/temporary-directory.ts';
import { isAlive, isOdd, oddSleep } from './hosts.ts';

vi.mock('node:fs', { spy: true });

/** How often it was looked which processes there are. */
const looks = () => vi.mocked(readdirSync).mock.calls.filter(([folder]) => folder === '/proc').length;

/** A shell that leads a session of its own, once it has printed as many numbers of processes. */
async function leader(script: string, count: number): Promise<{ shell: ChildProcess; pids: number[] }> {
  const shell = spawn('bash', ['-c', script], { detached: true, stdio: ['ignore', 'pipe', 'ignore'] });
  const pids: number[] = [];
  onTestFinished(() => {
    for (const pid of pids) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
  });
  for await (const line of createInterface(shell.stdout)) if (pids.push(Number(line)) === count) break;
  return { shell, pids };
}

/** A session whose leader has ended, and what it has left. */
async function ended(script: string, count = 0): Promise<{ session: number; pids: number[] }> {
  const { shell, pids } = await leader(script, count);
  if (shell.exitCode === null) await once(shell, 'exit');
  return { session: shell.pid!, pids };
}

/** A command, started by a shell with job control in a group of its own, that holds nothing of its parent's open. */
const job = (command = 'sleep 600') => `set -m; ${command} >/dev/null 2>&1 & echo $!;`;

/** One that says its number once it leads a session of its own. */
const IN_ITS_OWN_SESSION = `setsid sh -c 'echo $$; exec sleep 600 >/dev/null 2>&1' &`;

const failing = (): never => {
  throw new Error('EMFILE');
};

/** The next look finds so many processes, of which none is there any more. */
function findsGone(count: number): void {
  const names = Array.from({ length: count }, (_, n) => `${2 ** 30 + n}`);
  vi.mocked(readdirSync).mockReturnValueOnce(names as never);
}

/** How many turns the loop has during a look at 1,000 processes. */
async function turnsOfLook(clock: SteadyClock): Promise<number> {
  const { session } = await ended(':');
  let turns = 0;
  let tick = setImmediate(function again() {
    turns += 1;
    tick = setImmediate(again);
  });
  findsGone(1_000);
  await endedSessions(clock)!.end(session);
  clearImmediate(tick);
  return turns;
}

/** A clock on which each question for the time takes 1 ms, and each timer is due at once. */
function countingClock(): { clock: SteadyClock; delays: number[] } {
  const delays: number[] = [];
  let ms = 0;
  const elapsed = () => (ms += 1);
  const setTimeout = (run: () => void, delayMs: number) => {
    delays.push(delayMs);
    ms += delayMs;
    return setImmediate(run);
  };
  const clock = steadyClock({ now: elapsed, elapsed, setTimeout, clearTimeout: () => {} });
  return { clock, delays };
}

describe.runIf(process.platform === 'linux')('sessions whose leaders have ended', () => {
  test('are ended: all jobs that their leader has left are killed, and gone, and nothing else is', async () => {
    const other = await ended(job(), 1);
    const { session, pids } = await ended(`${job()} ${job()} ${IN_ITS_OWN_SESSION}`, 3);
    await endedSessions(systemClock())!.end(session);
    expect(pids.map(isAlive)).toEqual([false, false, true]);
    expect(other.pids.map(isAlive)).toEqual([true]);
  });

  test('are found whatever a program is called', async () => {
    const { session, pids } = await ended(job(`'${oddSleep()}' 600`), 1);
    await isOdd(pids[0]!);
    await endedSessions(systemClock())!.end(session);
    expect(pids.map(isAlive)).toEqual([false]);
  });

  test('that are asked for in the same moment take one look, and none is taken later', async () => {
    const left = await Promise.all(Array.from({ length: 20 }, () => ended(':')));
    const clock = simulatedClock();
    const sessions = endedSessions(clock)!;
    const before = looks();
    await Promise.all(left.map(({ session }) => sessions.end(session)));
    for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
    expect(looks() - before).toBe(1);
    expect(clock.pending()).toEqual([]);
  });

  test('are answered each, also where two bear the same number', async () => {
    const { session } = await ended(':');
    const sessions = endedSessions(systemClock())!;
    await Promise.all([sessions.end(session), sessions.end(session)]);
  });

  test('a look is followed by a rest, four times as long as it took, but of 100 ms at most', async () => {
    const { clock, delays } = countingClock();
    const sessions = endedSessions(clock)!;
    const { session } = await ended(':');
    findsGone(9);
    await sessions.end(session);
    expect(delays).toEqual([]);
    findsGone(1_000);
    await sessions.end(session);
    // A question for the time for each process, and one at the end; since then two more.
    expect(delays).toEqual([4 * 10 - 2]);
    await sessions.end(session);
    expect(delays[1]).toBe(100 - 2);
  });

  test('of a rest that is asked for at its end no more is waited than is left of it', async () => {
    const { session } = await ended(':');
    for (const [questions, delay] of [
      [37, [1]],
      [38, []],
    ] as const) {
      const { clock, delays } = countingClock();
      const sessions = endedSessions(clock)!;
      findsGone(9);
      await sessions.end(session);
      for (let asked = 0; asked < questions; asked += 1) clock.elapsed();
      await sessions.end(session);
      expect(delays).toEqual(delay);
    }
  });

  test('a look that takes no time needs no turn', async () => {
    expect(await turnsOfLook(simulatedClock())).toBeLessThan(5);
  });

  test('what has ended is not waited for, though nobody has reaped it; what has not is for 250 ms', async () => {
    const folder = temporaryDirectory();
    symlinkSync(String(process.pid), join(folder, 'self'));
    // Numbers that no process has.
    const [pid, session] = [2 ** 30, 2 ** 30 + 1];
    mkdirSync(join(folder, String(pid)));
    const isAnsweredAt = async (state: string, times: readonly number[]) => {
      writeFileSync(join(folder, String(pid), 'stat'), `${pid} (a) b) ${state} 1 ${pid} ${session} 0 -1`);
      const clock = simulatedClock();
      const beganAt = clock.elapsed();
      let isAnswered = false;
      void endedSessions(clock, folder)!
        .end(session)
        .then(() => (isAnswered = true));
      const answers: boolean[] = [];
      for (const at of times) {
        await clock.advance(beganAt + at - clock.elapsed());
        for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
        answers.push(isAnswered);
      }
      return answers;
    };
    expect(await isAnsweredAt('Z', [0])).toEqual([true]);
    expect(await isAnsweredAt('S', [0, 249, 250])).toEqual([false, false, true]);
  });

  test('a look gives the loop its turns', async () => {
    expect(await turnsOfLook(countingClock().clock)).toBeGreaterThan(100);
  });

  test('another’s session that bears the number now is left alone', async () => {
    const { shell, pids } = await leader(`${job()} wait`, 1);
    onTestFinished(() => void shell.kill('SIGKILL'));
    await endedSessions(systemClock())!.end(shell.pid!);
    expect(isAlive(shell.pid!)).toBe(true);
    expect(pids.map(isAlive)).toEqual([true]);
  });

  test('are looked at again as long as something is left of them', async () => {
    const { session, pids } = await ended(job(), 1);
    const kill = vi.spyOn(process, 'kill').mockReturnValueOnce(true);
    await endedSessions(simulatedClock())!.end(session);
    kill.mockRestore();
    expect(pids.map(isAlive)).toEqual([false]);
  });

  test('what cannot be killed is given up', async () => {
    const { session, pids } = await ended(job(), 1);
    const kill = vi.spyOn(process, 'kill').mockReturnValue(true);
    await endedSessions(countingClock().clock)!.end(session);
    expect(kill).toHaveBeenCalledWith(-pids[0]!, 'SIGKILL');
    kill.mockRestore();
    expect(pids.map(isAlive)).toEqual([true]);
  });

  test('are answered where nothing can be read, for want of descriptors say', async () => {
    const { session, pids } = await ended(job(), 1);
    vi.mocked(readdirSync).mockImplementationOnce(failing);
    await endedSessions(systemClock())!.end(session);
    expect(pids.map(isAlive)).toEqual([true]);
  });
});

test('a system that tells nothing of processes, or of others than the program sees, has nobody who looks', () => {
  expect(endedSessions(systemClock(), '/no/such/folder')).toBeUndefined();
  const foreign = temporaryDirectory();
  symlinkSync(String(process.pid + 1), join(foreign, 'self'));
  expect(endedSessions(systemClock(), foreign)).toBeUndefined();
});
