import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { constants, getPriority, setPriority } from 'node:os';
import { expect, onTestFinished, test } from 'vitest';
import { lowerOf, setSessionPriority } from '../../src/runtime/hosting/hosts/session-priority.ts';

const { PRIORITY_BELOW_NORMAL, PRIORITY_HIGH, PRIORITY_LOW } = constants.priority;

/** A process that leads a session. @returns its number */
function sleeping(): number {
  const child = spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child.pid!;
}

/** What counts against other sessions; `undefined` where the kernel does not schedule them as groups. */
function ofSession(pid: number): string | undefined {
  const file = `/proc/${pid}/autogroup`;
  return existsSync(file) ? /nice (-?\d+)/.exec(readFileSync(file, 'latin1'))?.[1] : undefined;
}

test('a process that is lower already, as its program was made, is not raised', () => {
  const pid = sleeping();
  setPriority(pid, PRIORITY_LOW);
  setSessionPriority(pid, PRIORITY_BELOW_NORMAL, () => true);
  expect(getPriority(pid)).toBe(PRIORITY_LOW);
  expect(lowerOf(PRIORITY_BELOW_NORMAL, pid)).toBe(PRIORITY_LOW);
  expect(lowerOf(PRIORITY_HIGH, pid)).toBe(PRIORITY_HIGH);
});

test('nothing is written for the session of a process that has ended: its number may be another’s', () => {
  const pid = sleeping();
  const before = ofSession(pid);
  setSessionPriority(pid, PRIORITY_BELOW_NORMAL, () => false);
  expect(ofSession(pid)).toBe(before);
  expect(getPriority(pid)).toBe(PRIORITY_BELOW_NORMAL);
});
