/** How strained this machine is, as its operating system tells. */
import { readFile } from 'node:fs/promises';
import { availableParallelism, loadavg, totalmem } from 'node:os';
import type { MachineStrain } from '../../machines/index.ts';

/**
 * Memory and processors, as far as the system tells of them: pressure where Linux has it (`/proc/pressure`), the
 * memory that is left to this program (its cgroup's limit counts), and the load average.
 *
 * @param pressureFolder where pressure is told of
 */
export async function machineSignal(pressureFolder = '/proc/pressure'): Promise<MachineStrain> {
  const [memoryPressure, cpuPressure] = await Promise.all([
    pressureIn(`${pressureFolder}/memory`),
    pressureIn(`${pressureFolder}/cpu`),
  ]);
  const [load = 0] = loadavg();
  return {
    ...(memoryPressure === undefined ? {} : { memoryPressure }),
    ...(cpuPressure === undefined ? {} : { cpuPressure }),
    memoryUsed: memoryUsed(),
    loadPerCpu: load / availableParallelism(),
  };
}

/** The share of the last ten seconds in which something stalled, or `undefined` if that is unknown. */
async function pressureIn(path: string): Promise<number | undefined> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const [, percent] = /^some avg10=([\d.]+)/m.exec(text) ?? [];
  return percent === undefined ? undefined : Number(percent) / 100;
}

function memoryUsed(): number {
  // Without a limit the constraint is 0, or larger than the machine.
  const constrained = process.constrainedMemory();
  const total = constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
  return Math.min(1, Math.max(0, 1 - process.availableMemory() / total));
}
