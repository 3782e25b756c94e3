/** Numbers and times as people read them, short enough for a column. Pure. */

const UNITS: readonly (readonly [name: string, ms: number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
];

/** `850 ms`, `12 s`, `3 m 5 s`, `2 h 14 m`, `5 d 3 h`. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  const largest = UNITS.findIndex(([, unit]) => ms >= unit);
  const parts: string[] = [];
  let left = ms;
  for (const [name, unit] of UNITS.slice(largest, largest + 2)) {
    const count = Math.floor(left / unit);
    left -= count * unit;
    if (count > 0) parts.push(`${count} ${name}`);
  }
  return parts.join(' ');
}

/** `0.4 ms`, `12 ms`, `1.3 s`, then as `duration`. */
export function latency(ms: number): string {
  if (ms < 10) return `${Math.round(ms * 10) / 10} ms`;
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  return ms < 60_000 ? `${(ms / 1_000).toFixed(1)} s` : duration(ms);
}

/** `512 B`, `82 MB`, `1.4 GB`; 1 MB is 1,048,576 bytes. */
export function bytes(count: number): string {
  let [amount, unit] = [count, 'B'];
  for (const next of ['kB', 'MB', 'GB', 'TB']) {
    if (amount < 1_024) break;
    [amount, unit] = [amount / 1_024, next];
  }
  return `${amount < 10 && unit !== 'B' ? amount.toFixed(1) : Math.round(amount)} ${unit}`;
}

/** `7 %`; of one processor. */
export function share(of: number): string {
  return `${Math.round(of * 100)} %`;
}

/** `1,234`. */
export function count(of: number): string {
  return of.toLocaleString('en');
}

/** `1 task`, `1,234 tasks`. */
export function counted(of: number, what: string): string {
  return `${count(of)} ${what}${of === 1 ? '' : 's'}`;
}

/** `2026-03-01 12:00:05.123`, in this machine's zone. @param at epoch ms */
export function moment(at: number): string {
  const date = new Date(at);
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${clockTime(at)}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

/** `12:00:05`, in this machine's zone. @param at epoch ms */
export function clockTime(at: number): string {
  const date = new Date(at);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':');
}

function two(part: number): string {
  return String(part).padStart(2, '0');
}

/** The ms that `10s`, `500ms`, `2m`, `1h` or a number of ms stand for; `undefined` for anything else. */
export function durationFrom(text: string): number | undefined {
  const [, amount, unit = 'ms'] = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?$/.exec(text) ?? [];
  if (amount === undefined) return undefined;
  const factor = unit === 'ms' ? 1 : UNITS.find(([name]) => name === unit)![1];
  return Number(amount) * factor;
}
