/** Hosts as these tests make them, and what they ask of the system about processes. */
import { existsSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ProcessHostOptions, processHost } from '../../src/runtime/hosts/process.ts';

/** Compiled sources are kept between children: they start twice as fast. */
const NODE_COMPILE_CACHE = join(tmpdir(), 'mabeam-test-compile-cache');

export function quickProcessHost(options: ProcessHostOptions = {}) {
  return processHost({ ...options, env: { NODE_COMPILE_CACHE, ...options.env } });
}

/** Whether a process is there and not merely waiting to be reaped. */
export function isAlive(pid: number): boolean {
  if (!existsSync(`/proc/${pid}/stat`)) return false;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) !== 'Z';
  } catch {
    return false;
  }
}
