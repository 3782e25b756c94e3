/** Whether this program may raise priorities; lowering is everybody's right. */
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';

const CAP_SYS_NICE = 23n;

/** Why a priority cannot be given, as one line; `undefined` when it can. */
export function priorityRefusal(
  cpuPriority: 'low' | 'normal' | 'high',
  canRaise: () => boolean = canRaisePriority,
): string | undefined {
  if (cpuPriority !== 'high' || canRaise()) return undefined;
  return 'resources.cpuPriority: "high" needs the right to raise priorities (on Linux CAP_SYS_NICE), which this program does not have';
}

function canRaisePriority(): boolean {
  if (process.platform === 'win32') return true;
  if (process.platform !== 'linux') return process.getuid?.() === 0;
  try {
    return mayRaise(readFileSync('/proc/self/status', 'latin1'), readFileSync('/proc/self/limits', 'latin1'));
  } catch {
    return process.getuid?.() === 0;
  }
}

/** From what Linux says of a process: by its capabilities, or by its limit of niceness. Pure. */
export function mayRaise(status: string, limits: string): boolean {
  const capabilities = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`);
  if ((capabilities >> CAP_SYS_NICE) & 1n) return true;
  const softLimit = Number(/^Max nice priority\s+(\d+)/m.exec(limits)?.[1] ?? 0);
  return 20 - softLimit <= constants.priority.PRIORITY_HIGH;
}
