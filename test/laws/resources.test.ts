/** What an agent connects to: made at each life, never saved, closed at every end that its body lives to see. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createAgentSystem, type Isolation, memoryStore } from '../../src/index.ts';
import { sqliteStore } from '../../src/sqlite.ts';
import { refusal } from '../kit/rig.ts';

const module = new URL('../fixtures/agents/connected.ts', import.meta.url);
const isolations = ['in-process', 'thread', 'process'] as const satisfies readonly Isolation[];
const cases = isolations.flatMap((isolation) =>
  (['memory', 'sqlite'] as const).map((store) => ({ isolation, store })),
);

describe.each(cases)('the resources of an agent, $isolation, $store', ({ isolation, store }) => {
  async function started(fails: 'connect' | 'init' | 'disconnect' | 'none' = 'none') {
    const folder = await mkdtemp(join(tmpdir(), 'mabeam-resources-'));
    const lines: { msg: string; agentId?: string }[] = [];
    const logger = pino({ level: 'warn' }, { write: (line) => void lines.push(JSON.parse(line)) });
    const system = await createAgentSystem({
      logger,
      store: store === 'memory' ? memoryStore() : sqliteStore(join(folder, 'fleet.db')),
    });
    onTestFinished(async () => {
      await system.close();
      await rm(folder, { recursive: true });
    });
    const notes = join(folder, 'notes');
    const { agents, events } = system;
    await agents.register({ id: 'ada', module, isolation, initArgs: { notes, fails } });
    const noted = async () => (await readFile(notes, 'utf8').catch(() => '')).split('\n').slice(0, -1);
    return { agents, events, noted, lines };
  }

  it('are made anew at each life, before its init, and closed after its terminate; they are not saved', async () => {
    const { agents, events, noted } = await started();
    await agents.start('ada');
    expect(await agents.execute('ada', { type: 'ask' })).toBe('ada 1 true 1');
    expect((await agents.checkHealth('ada')).detail).toEqual({ isOpen: true });
    expect((await agents.stop('ada')).status).toBe('stopped');
    expect(await noted()).toEqual(['connect 1', 'init 1', 'terminate 1', 'disconnect 1']);
    expect(await agents.savedState('ada')).toEqual({ n: 1 });
    await agents.start('ada');
    expect(await agents.execute('ada', { type: 'ask' })).toBe('ada 2 true 2');
    const completed = new Promise((resolve) => {
      events.subscribe(({ type }) => type === 'agent.completed' && resolve(type));
    });
    await agents.execute('ada', { type: 'finish' });
    await completed;
    expect(agents.get('ada').status).toBe('completed');
    expect((await noted()).slice(4)).toEqual(['connect 2', 'init 2', 'terminate 2', 'disconnect 2']);
  });

  it('that cannot be had are a failed start, which may be tried again', async () => {
    const { agents, noted } = await started('connect');
    for (let attempt = 1; attempt <= 2; attempt++) {
      const { code, message } = await refusal(agents.start('ada'));
      expect(code).toBe('AGENT_START_FAILED');
      expect(message).toContain('no line');
      expect(agents.get('ada').status).toBe('registered');
    }
    expect(await noted()).toEqual([]);
  });

  it('are closed when the init fails, before its caller is told', async () => {
    const { agents, noted } = await started('init');
    const { code, message } = await refusal(agents.start('ada'));
    expect([code, message]).toEqual(['AGENT_START_FAILED', expect.stringContaining('no init')]);
    expect(await noted()).toEqual(['connect 1', 'init 1', 'disconnect 1']);
  });

  it('that do not close are logged, and the end is an orderly one', async () => {
    const { agents, lines } = await started('disconnect');
    await agents.start('ada');
    expect((await agents.stop('ada')).status).toBe('stopped');
    expect(lines.map(({ msg, agentId }) => [msg, agentId])).toContainEqual(['disconnect threw', 'ada']);
  });
});
