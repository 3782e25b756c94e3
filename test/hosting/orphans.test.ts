import { expect, test } from 'vitest';
import { gone, isAlive, keepCompiledSources } from './hosts.ts';
import { childrenOf, startProgram } from './programs.ts';

keepCompiledSources();

test.for(['with-setpriv', 'without-setpriv'])(
  'no agent outlives a program that is killed with -9, not even one that spins (%s)',
  async (how) => {
    const program = startProgram(new URL('../fixtures/programs/parent.ts', import.meta.url), [how]);
    expect(await program.line()).toBe('ready');
    const agents = childrenOf(program.pid);
    expect(agents).toHaveLength(3);
    expect(agents.every(isAlive)).toBe(true);
    program.process.kill('SIGKILL');
    await Promise.all(agents.map(gone));
  },
);

test('a program ends by itself although what described a module for it is kept', async () => {
  const program = startProgram(new URL('../fixtures/programs/describing.ts', import.meta.url));
  expect(await program.ended()).toMatchObject({ code: 0, stderr: '' });
  expect(program.lines).toEqual(['faulty', 'faulty']);
});
