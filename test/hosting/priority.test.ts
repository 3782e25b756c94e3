/** Laws of who may raise priorities where the system does not say it. */
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { priorityRefusal } from '../../src/runtime/hosting/hosts/priority.ts';

vi.mock(import('node:fs'), async (original) => ({ ...(await original()), readFileSync: vi.fn() }));

const platform = Object.getOwnPropertyDescriptor(process, 'platform')!;
afterEach(() => {
  Object.defineProperty(process, 'platform', platform);
  vi.restoreAllMocks();
});

const isRefused = () => priorityRefusal('high') !== undefined;
function on(name: NodeJS.Platform, uid: number): void {
  Object.defineProperty(process, 'platform', { ...platform, value: name });
  vi.spyOn(process as { getuid: () => number }, 'getuid').mockReturnValue(uid);
}

describe('a program', () => {
  it.each(['linux', 'darwin'] as const)(
    'that is told nothing by %s may where it is the superuser',
    (name) => {
      vi.mocked(readFileSync).mockImplementation(() => {
        throw new Error('no /proc');
      });
      on(name, 0);
      expect(isRefused()).toBe(false);
      on(name, 1_000);
      expect(isRefused()).toBe(true);
    },
  );

  it('on Linux goes by its capabilities and its limit, whoever it is', () => {
    const says = { capabilities: '0000000000800000' };
    vi.mocked(readFileSync).mockImplementation((path) =>
      path === '/proc/self/status' ? `CapEff:\t${says.capabilities}\n` : 'Max nice priority  0  0\n',
    );
    on('linux', 1_000);
    expect(isRefused()).toBe(false);
    says.capabilities = '0000000000000000';
    on('linux', 0);
    expect(isRefused()).toBe(true);
  });

  it('on Windows always may', () => {
    on('win32', 1_000);
    expect(isRefused()).toBe(false);
  });
});
