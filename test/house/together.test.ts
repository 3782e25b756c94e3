/** Test files that share a process with others leave it as it was: nothing that they change in it outlives them. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { ALONE, TOGETHER } from '../kit/together.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Modules and globals in place of others, listeners of the process, its environment, what is set once for all, and guards. */
const LASTING =
  /\bvi\.(?:mock|doMock|hoisted|resetModules|useFakeTimers|stubGlobal|stubEnv|setConfig)\b|\bprocess\.(?:on|once|exit|chdir|umask|setUncaughtExceptionCaptureCallback)\(|\b(?:process\.env|globalThis)(?:\.\w+|\[[^\]]+\]) (?:\?\?)?= |\bdelete (?:process|globalThis)\b|\bspyOn\((?:process|globalThis|performance|Date|Math)\b|\.setGlobal\w+\(|\brecordedSpans\(|\bsyncBuiltinESMExports\b|\bchartCoverage\(/;

it('no file that shares its process mocks modules, patches what is global or listens to the process', () => {
  for (const line of ["vi.mock(import('node:fs'));", "process.on('exit', run);", "process.env['CI'] = '1';"])
    expect(line).toMatch(LASTING);
  expect("expect(process.env['CI']).toBe('1');").not.toMatch(LASTING);
  expect(TOGETHER.length).toBeGreaterThan(100);
  expect(TOGETHER.filter((file) => LASTING.test(readFileSync(`${ROOT}${file}`, 'utf8')))).toEqual([]);
});

it('files that are named are there', () => {
  expect([...ALONE, ...TOGETHER].filter((file) => !existsSync(`${ROOT}${file}`))).toEqual([]);
});
