/** Events as log lines, at the level that the logger has when they happen. */
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { createAgentSystem, defineAgent, type SystemEvent } from '../../src/index.ts';
import type { SystemEventType } from '../../src/runtime/journal/system-event.ts';
import { logEvents } from '../../src/runtime/observability/log-lines.ts';

const module = defineAgent({ type: 'worker', init: () => ({}), tasks: { go: { run: () => 1 } } });

function lines() {
  const written: string[] = [];
  const stream = new Writable({
    write: (line, _, done) => {
      const { msg } = JSON.parse(String(line)) as { msg: string };
      if (msg.startsWith('task.')) written.push(msg);
      done();
    },
  });
  return { written, stream };
}

describe('the log of a system', () => {
  it('follows the level of its logger, that of each system', async () => {
    const { written, stream } = lines();
    const logger = pino({ level: 'warn' }, stream);
    await using one = await createAgentSystem({ logger });
    await using other = await createAgentSystem({ logger });
    for (const { agents } of [one, other]) await agents.start(await agents.register({ id: 'a', module }));
    const go = async () => {
      for (const { agents } of [one, other]) await agents.execute('a', { type: 'go' });
      return written.splice(0);
    };
    const told = ['task.accepted', 'task.started', 'task.completed'];
    expect(await go()).toEqual([]);
    logger.level = 'debug';
    expect(await go()).toEqual([...told, ...told]);
    logger.level = 'silent';
    expect(await go()).toEqual([]);
    expect(logger.listenerCount('level-change')).toBe(1);
  });

  it('asks a logger of another make each time', async () => {
    const said: string[] = [];
    let isOn = false;
    const say = (_: object, message: string) => void said.push(message);
    const logger = {
      isLevelEnabled: () => isOn,
      debug: say,
      info: say,
      warn: say,
      error: say,
      child: () => logger,
    };
    await using system = await createAgentSystem({ logger: logger as never });
    const { agents } = system;
    await agents.start(await agents.register({ id: 'a', module }));
    await agents.execute('a', { type: 'go' });
    expect(said).toEqual([]);
    isOn = true;
    await agents.execute('a', { type: 'go' });
    expect(said).toContain('task.completed');
  });

  it('warns of what may need a person: not of a limit that is reset, nor of a task that runs again', () => {
    const said: [string, unknown][] = [];
    const stream = { write: (line: string) => void said.push(lineOf(line)) };
    const log = logEvents(pino({ level: 'info', formatters: { level: (level) => ({ level }) } }, stream));
    const tell = (type: SystemEventType, fields: object) => log(type)({ type, ...fields } as SystemEvent);
    tell('agent.parked', { agentId: 'a', why: 'busy', quota: 'provider' });
    tell('task.unknown', { agentId: 'a', taskId: 'a/1', retry: true });
    tell('task.unknown', { agentId: 'a', taskId: 'a/2', retry: false });
    tell('task.stalled', { agentId: 'a', taskId: 'a/3' });
    expect(said).toEqual([
      ['info', 'agent.parked'],
      ['info', 'task.unknown'],
      ['warn', 'task.unknown'],
      ['warn', 'task.stalled'],
    ]);
  });

  it('has no input, output, answer or value of a spec in any line: only which fields of it have changed', () => {
    const said: string[] = [];
    const log = logEvents(pino({ level: 'debug' }, { write: (line: string) => void said.push(line) }));
    const tell = (type: SystemEventType, fields: object) => log(type)({ type, ...fields } as SystemEvent);
    const changes = [{ field: 'initArgs', from: { name: 'private' }, to: { name: 'private' } }];
    tell('task.accepted', { taskId: 'a/1', task: 'go', input: 'private' });
    tell('task.completed', { taskId: 'a/1', task: 'go', output: 'private' });
    tell('schedule.set', { name: 'nightly', task: { type: 'go', input: 'private' } });
    tell('question.answered', { questionId: 'a/1', answer: 'private' });
    tell('agent.updated', { agentId: 'a', spec: { initArgs: 'private' }, changes });
    expect(said.join('')).not.toContain('private');
    expect(said.map((line) => JSON.parse(line))).toMatchObject([
      { task: 'go' },
      { task: 'go' },
      { name: 'nightly', task: 'go' },
      { questionId: 'a/1' },
      { agentId: 'a', changes: ['initArgs'] },
    ]);
  });
});

function lineOf(line: string): [string, unknown] {
  const { level, msg } = JSON.parse(line) as { level: string; msg: string };
  return [level, msg];
}
