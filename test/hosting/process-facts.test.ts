import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { constants, endianness, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  heapFlags,
  inheritedFlags,
  permissionFlags,
  withoutHeapFlags,
} from '../../src/runtime/hosting/hosts/node-flags.ts';
import { PrintedLines } from '../../src/runtime/hosting/hosts/printed-lines.ts';
import { mayRaise, priorityRefusal } from '../../src/runtime/hosting/hosts/priority.ts';
import { processExitReason } from '../../src/runtime/hosting/hosts/process-exit.ts';
import { processMeter } from '../../src/runtime/hosting/hosts/process-meter.ts';
import { OUT_OF_MEMORY_LINE } from '../../src/runtime/hosting/hosts/protocol.ts';
import { simulatedClock } from '../../src/testing/simulated-clock.ts';
import { specOf } from './hosts.ts';

test.for([
  [{ code: 0, signal: null, stderr: '' }, { exitCode: 0 }],
  [{ code: 7, signal: null, stderr: '' }, { exitCode: 7 }],
  [{ code: 1, signal: null, stderr: 'FATAL ERROR: out of memory' }, { exitCode: 1 }],
  [{ code: 0, signal: null, stderr: 'FATAL ERROR: out of memory' }, { exitCode: 0 }],
  [{ code: null, signal: 'SIGTERM', stderr: 'FATAL ERROR: out of memory' }, { signal: 'SIGTERM' }],
  [{ code: 3_221_226_505, signal: null, stderr: 'FATAL ERROR: out of memory' }, 'out_of_memory'],
  [{ code: null, signal: 'SIGTERM', stderr: OUT_OF_MEMORY_LINE }, { signal: 'SIGTERM' }],
  [{ code: null, signal: null, stderr: '' }, { exitCode: 0 }],
  [{ code: 76, signal: null, stderr: '' }, 'disconnected'],
  [{ code: null, signal: 'SIGTERM', stderr: '' }, { signal: 'SIGTERM' }],
  [{ code: null, signal: 'SIGABRT', stderr: 'Assertion failed' }, { signal: 'SIGABRT' }],
  [
    {
      code: null,
      signal: 'SIGABRT',
      stderr: 'FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory',
    },
    'out_of_memory',
  ],
  [
    { code: null, signal: 'SIGTRAP', stderr: 'FATAL ERROR: invalid table size Allocation failed' },
    'out_of_memory',
  ],
  [
    {
      code: 134,
      signal: null,
      stderr:
        'FATAL ERROR: NewSpace::EnsureCurrentCapacity Allocation failed - JavaScript heap out of memory',
    },
    'out_of_memory',
  ],
  [{ code: null, signal: 'SIGKILL', stderr: `${OUT_OF_MEMORY_LINE}\n` }, 'out_of_memory'],
  [{ code: null, signal: 'SIGKILL', stderr: 'FATAL ERROR: out of memory' }, { signal: 'SIGKILL' }],
] as const)('the end %j means %j', ([end, reason]) => {
  expect(processExitReason(end)).toEqual(reason);
});

describe('flags', () => {
  test('of the run itself are not inherited, nor are limits of its heap', () => {
    const flags = [
      '--max-old-space-size=99',
      '--max_semi_space_size=1',
      '-e',
      'code',
      '--inspect-brk=1',
      '--test',
      '--watch-path',
      './x',
      '--import',
      './hook.mjs',
      '--conditions=a',
      '--permission',
      '--allow-fs-read=/x',
      '--expose-gc',
    ];
    expect(inheritedFlags(flags)).toEqual(['--import', './hook.mjs', '--conditions=a', '--expose-gc']);
    expect(withoutHeapFlags('--no-warnings --max-old-space-size=99')).toBe('--no-warnings');
  });
  test('keep the heap below the limit, with room for the rest', () => {
    expect(heapFlags(undefined)).toEqual([]);
    expect(heapFlags(256 * 1_048_576)).toEqual(['--max-old-space-size=192', '--max-semi-space-size=8']);
  });
  test('permit what a sandbox names, and the folders that code is loaded from', () => {
    const { sandbox } = specOf({
      sandbox: { fs: { read: ['data'], write: ['/tmp/out'] }, wasi: true },
    }).resources;
    const flags = permissionFlags(sandbox, new URL('file:///agents/mine/agent.ts'));
    expect(flags[0]).toBe('--permission');
    expect(flags).toContain('--allow-fs-read=/agents/mine');
    expect(flags).toContain(`--allow-fs-read=${process.cwd()}/data`);
    expect(flags).toContain(`--allow-fs-read=${process.cwd()}/node_modules`);
    expect(flags.filter((flag) => flag.startsWith('--allow-fs-write'))).toEqual([
      '--allow-fs-write=/tmp/out',
    ]);
    expect(flags).toContain('--allow-wasi');
    expect(flags).not.toContain('--allow-worker');
    expect(permissionFlags(undefined, new URL('file:///agent.ts'))).toEqual([]);
  });
});

const limits = (nice: number) => `Max nice priority         ${nice}                    ${nice}\n`;

describe('a priority may be raised', () => {
  test('with the capability, or within the limit of niceness', () => {
    expect(mayRaise('CapEff:\t0000000000800000\n', limits(0))).toBe(true);
    expect(mayRaise('CapEff:\t00000000a80425fb\n', limits(0))).toBe(false);
    expect(mayRaise('CapEff:\t0000000000000000\n', limits(20 - constants.priority.PRIORITY_HIGH))).toBe(true);
    expect(mayRaise('CapEff:\t0000000000000000\n', limits(20))).toBe(false);
  });
  test('else it is refused by name', () => {
    expect(priorityRefusal('high', () => false)).toMatch(/^resources\.cpuPriority: /);
    expect(priorityRefusal('high', () => true)).toBeUndefined();
    expect(priorityRefusal('low', () => false)).toBeUndefined();
  });
});

describe.runIf(process.platform === 'linux')('a process', () => {
  test('is measured from outside', () => {
    const usage = processMeter()?.measure(process.pid);
    const { user, system } = process.cpuUsage();
    expect(usage?.memoryBytes).toBeGreaterThan(process.memoryUsage().heapUsed / 2);
    expect(usage?.memoryBytes).toBeLessThanOrEqual(process.memoryUsage.rss() * 1.2);
    expect(Math.abs((usage?.cpuMs ?? 0) - (user + system) / 1_000)).toBeLessThan(1_000);
  });
  test.each([
    [4_096, 100, { memoryBytes: 1_200 * 4_096, cpuMs: 1_570 }],
    [16_384, 250, { memoryBytes: 1_200 * 16_384, cpuMs: 628 }],
  ])(
    'is measured in bytes and ms, whatever the units of its kernel: pages of %i bytes, %i ticks a second',
    (pageBytes, ticksPerSecond, usage) => {
      const folder = mkdtempSync(join(tmpdir(), 'mabeam-proc-'));
      onTestFinished(() => rmSync(folder, { recursive: true }));
      // What it gives last counts, too.
      const vector = Buffer.alloc(32);
      const word = (value: number, at: number) =>
        endianness() === 'LE'
          ? vector.writeBigUInt64LE(BigInt(value), at)
          : vector.writeBigUInt64BE(BigInt(value), at);
      for (const [place, value] of [17, ticksPerSecond, 6, pageBytes].entries()) word(value, 8 * place);
      for (const one of ['self', '7']) mkdirSync(join(folder, one));
      writeFileSync(join(folder, 'self/auxv'), vector);
      writeFileSync(join(folder, '7/statm'), '90000 1500 300 10 0 800 0\n');
      // 123 ticks of its own and 34 of the kernel for it; those of its children, 1000 and 2000, are not its own.
      writeFileSync(
        join(folder, '7/stat'),
        '7 (a (b) c) S 1 7 7 0 -1 0 1 2 3 4 123 34 1000 2000 20 0 9 0 5\n',
      );
      expect(processMeter(folder)?.measure(7)).toEqual(usage);
      // One whose program is over, and of which a kernel says no more than this.
      writeFileSync(join(folder, '7/statm'), '0');
      writeFileSync(join(folder, '7/stat'), '7 (over) Z 1 7 7 0 -1 0 1 2 3 4');
      expect(processMeter(folder)?.measure(7)).toEqual({ memoryBytes: 0, cpuMs: 0 });
    },
  );
  test('that is gone gives no measurement', () => {
    expect(processMeter()?.measure(2 ** 30)).toBeUndefined();
    expect(processMeter('/no/such/folder')).toBeUndefined();
  });
});

function printed(options = {}) {
  const clock = simulatedClock();
  const lines: string[] = [];
  const printer = new PrintedLines({ clock, tell: (line) => lines.push(line), ...options });
  return {
    clock,
    lines,
    print: (text: string | Buffer) => printer.take(Buffer.from(text)),
    end: () => printer.end(),
  };
}

describe('printed lines', () => {
  test('are whole however they come', () => {
    const { lines, print, end } = printed();
    const text = Buffer.from('grün\r\n\nblau\nrest');
    for (const byte of text) print(Buffer.from([byte]));
    expect(lines).toEqual(['grün', 'blau']);
    end();
    expect(lines).toEqual(['grün', 'blau', 'rest']);
  });
  test('are cut where they are too long', () => {
    const { lines, print } = printed({ maxLength: 4 });
    print('abcdefghij\nk\n');
    expect(lines).toEqual(['abcd', 'efgh', 'ij', 'k']);
  });
  test('are told so many a second, then how many were not, and the last of them', async () => {
    const { clock, lines, print } = printed({ maxLines: 2, maxLast: 1 });
    print('1\n2\n3\n4\n5\n');
    await clock.advance(999);
    expect(lines).toEqual(['1', '2']);
    await clock.advance(1);
    expect(lines).toEqual(['1', '2', '2 printed lines were dropped', '5']);
    print('6\n7\n8\n');
    await clock.advance(1_000);
    expect(lines.slice(4)).toEqual(['6', '7', '8']);
  });
  test('past the limit are told once it ends, and those before only once', async () => {
    const { clock, lines, print, end } = printed({ maxLines: 1, maxLast: 2 });
    print('1\n2\n3\n4\nwhy');
    end();
    const all = ['1', '2 printed lines were dropped', '4', 'why'];
    expect(lines).toEqual(all);
    end();
    await clock.advance(1_000);
    expect(lines).toEqual(all);
  });
});
