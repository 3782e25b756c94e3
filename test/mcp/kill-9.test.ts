/** A program with MCP servers that is killed with SIGKILL: nothing of them is left over, and they come back with it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { gone, isAlive } from '../hosting/hosts.ts';
import { startProgram } from '../hosting/programs.ts';

interface Said {
  readonly pids: readonly [server: number, helper: number];
  readonly incarnation: number;
}

test.each([
  ['in-process', 2],
  ['process', 1],
] as const)(
  'no server, and nothing that it has started, outlives its program; the next program starts it again (%s, %i programs)',
  async (isolation, programs) => {
    const folder = await mkdtemp(join(tmpdir(), 'mabeam-mcp-'));
    const program = () =>
      startProgram(new URL('./mortal-server-program.ts', import.meta.url), [
        join(folder, 'fleet.db'),
        isolation,
      ]);
    try {
      const seen: number[] = [];
      for (let incarnation = 1; incarnation <= programs; incarnation++) {
        const running = program();
        const said = JSON.parse(await running.line()) as Said;
        expect(said.incarnation).toBe(incarnation);
        expect(said.pids.map(isAlive)).toEqual([true, true]);
        seen.push(...said.pids);
        running.process.kill('SIGKILL');
        await Promise.all(said.pids.map(gone));
      }
      expect(new Set(seen).size).toBe(2 * programs);
    } finally {
      await rm(folder, { recursive: true });
    }
  },
);
