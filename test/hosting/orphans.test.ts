import { expect, test } from 'vitest';
import { gone, isAgentProcess, isAlive } from './hosts.ts';
import { childrenOf, startProgram } from './programs.ts';

test.for(['with-setpriv', 'without-setpriv'])(
  'no agent outlives a program that is killed with -9, not even one that spins (%s)',
  async (how) => {
    const program = startProgram(new URL('../fixtures/programs/parent.ts', import.meta.url), [how]);
    expect(await program.line()).toBe('ready');
    const agents = childrenOf(program.pid).filter(isAgentProcess);
    expect(agents).toHaveLength(3);
    expect(agents.every(isAlive)).toBe(true);
    program.process.kill('SIGKILL');
    await Promise.all(agents.map(gone));
  },
);

test.for([
  ['with-setpriv', 'startTool'],
  ['without-setpriv', 'startTool'],
  ['with-setpriv', 'startJob'],
  ['without-setpriv', 'startJob'],
] as const)(
  'what an agent has started does not outlive a program that is killed with -9 (%s, %s)',
  async ([how, task]) => {
    const program = startProgram(new URL('../fixtures/programs/tools.ts', import.meta.url), [how, task]);
    const tools = JSON.parse(await program.line()) as number[];
    expect(tools.map(isAlive)).toEqual([true, true]);
    program.process.kill('SIGKILL');
    await Promise.all(tools.map(gone));
  },
);

test.for(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  'a %s to the whole group of a program lets it drain its agents: their work is done, their states are saved',
  async (signal) => {
    const program = startProgram(new URL('../fixtures/programs/draining.ts', import.meta.url), [], [], {
      leadsGroup: true,
    });
    expect(await program.line()).toBe('working');
    process.kill(-program.pid, signal);
    expect(await program.ended()).toMatchObject({ code: 0, stderr: '' });
    expect(program.lines).toEqual(['{"stopped":["worker"],"abandoned":[]}', '{"done":1}']);
  },
);

test('a program ends by itself although what described a module for it is kept', async () => {
  const program = startProgram(new URL('../fixtures/programs/describing.ts', import.meta.url));
  expect(await program.ended()).toMatchObject({ code: 0, stderr: '' });
  expect(program.lines).toEqual(['faulty', 'faulty']);
});
