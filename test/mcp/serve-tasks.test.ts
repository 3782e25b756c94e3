/** Laws of a fleet's tasks as tools of an MCP server, asked for by the SDK's own client. */
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createAgentSystem, defineAgent } from '../../src/index.ts';
import { serveTasks, type ServeTasksOptions, tasksOf } from '../../src/mcp.ts';
import { silent } from '../kit/rig.ts';

const begun = Promise.withResolvers<AbortSignal>();
const writer = defineAgent({
  type: 'writer',
  init: () => ({ n: 0 }),
  tasks: {
    draft: {
      input: z.object({ topic: z.string().min(1) }),
      output: z.object({ title: z.string() }),
      run: ({ input, progress }) => {
        progress('thinking');
        progress({ half: true });
        return { title: `On ${input.topic}` };
      },
    },
    double: { input: z.number(), run: ({ input }) => input * 2 },
    date: { input: z.object({ at: z.coerce.date() }), run: ({ input }) => input.at.getTime() },
    fail: {
      run: () => {
        throw new Error('no ink for sk-1234567890 at https://ada:pass@example.com');
      },
    },
    hang: {
      run: ({ signal }) => {
        begun.resolve(signal);
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      },
    },
  },
});

const described = {
  draft: 'Drafts a text.',
  double: 'Doubles.',
  date: 'Dates.',
  fail: 'Fails.',
  hang: 'Hangs.',
};

async function served(tools: ServeTasksOptions['tools'] = tasksOf(writer, described)) {
  const system = await createAgentSystem({ logger: silent });
  await system.agents.start(await system.agents.register({ id: 'ada', module: writer }));
  const server = serveTasks(system, { name: 'newsroom', version: '1.0.0', tools });
  const client = new Client({ name: 'test', version: '1' });
  const [theirs, ours] = InMemoryTransport.createLinkedPair();
  await Promise.all([server.connect(ours), client.connect(theirs)]);
  return {
    system,
    client,
    [Symbol.asyncDispose]: async () => {
      await client.close();
      await system.close();
    },
  };
}

describe('served tasks', () => {
  test('are listed with what they do and what goes in; an input that is no object is a field', async () => {
    await using fleet = await served();
    const { tools } = await fleet.client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(Object.keys(described).map((task) => `writer.${task}`));
    expect(tools[0]).toMatchObject({
      description: 'Drafts a text.',
      inputSchema: { type: 'object', required: ['topic'] },
    });
    expect(tools[1]!.inputSchema).toMatchObject({
      properties: { input: { type: 'number' } },
      required: ['input'],
    });
  });

  test('are done by an agent; an object is given as data, too', async () => {
    await using fleet = await served();
    expect(await fleet.client.callTool({ name: 'writer.draft', arguments: { topic: 'tea' } })).toMatchObject({
      content: [{ type: 'text', text: '{"title":"On tea"}' }],
      structuredContent: { title: 'On tea' },
    });
    expect(await fleet.client.callTool({ name: 'writer.double', arguments: { input: 4 } })).toMatchObject({
      content: [{ text: '8' }],
    });
  });

  test('report their progress to clients that asked for it', async () => {
    await using fleet = await served();
    const told: unknown[] = [];
    await fleet.client.callTool({ name: 'writer.draft', arguments: { topic: 'tea' } }, undefined, {
      onprogress: ({ progress, message }) => told.push([progress, message]),
    });
    expect(told).toEqual([
      [1, 'thinking'],
      [2, '{"half":true}'],
    ]);
  });

  test.each([
    ['writer.fail', {}, 'TASK_FAILED'],
    ['writer.draft', { topic: '' }, 'TASK_INPUT_INVALID'],
    ['writer.more', {}, 'no tool "writer.more"'],
  ])('a refusal is an error result with its code: %s', async (name, args, said) => {
    await using fleet = await served();
    expect(await fleet.client.callTool({ name, arguments: args })).toMatchObject({
      isError: true,
      content: [{ text: expect.stringContaining(said) }],
    });
  });

  test('an input that JSON Schema cannot say is any', async () => {
    await using fleet = await served();
    const { tools } = await fleet.client.listTools();
    expect(tools[2]!.inputSchema).toEqual({ type: 'object', properties: { input: {} }, required: ['input'] });
    const args = { name: 'writer.date', arguments: { input: { at: '1970-01-01T00:00:01Z' } } };
    expect(await fleet.client.callTool(args)).toMatchObject({ content: [{ text: '1000' }] });
  });

  test('a task that fails is told without keys of providers', async () => {
    await using fleet = await served();
    const { content } = await fleet.client.callTool({ name: 'writer.fail' });
    expect(content).toMatchObject([
      { text: expect.stringMatching(/no ink for \[redacted\] at https:\/\/\[redacted\]@example\.com$/) },
    ]);
  });

  test('an agent that does not run is told as that', async () => {
    await using fleet = await served();
    await fleet.system.agents.stop('ada');
    expect(await fleet.client.callTool({ name: 'writer.fail' })).toMatchObject({
      isError: true,
      content: [{ text: expect.stringContaining('AGENT_NOT_RUNNING') }],
    });
  });

  test('a call that is cancelled cancels its task', async () => {
    await using fleet = await served();
    const caller = new AbortController();
    const calling = fleet.client.callTool({ name: 'writer.hang' }, undefined, { signal: caller.signal });
    const signal = await begun.promise;
    const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    caller.abort(new Error('enough'));
    await expect(calling).rejects.toThrow('enough');
    await aborted;
    const { id } = fleet.system.tasks.list()[0]!;
    await expect(fleet.system.tasks.result(id)).rejects.toMatchObject({ code: 'TASK_ABANDONED' });
    expect(fleet.system.tasks.get(id)).toMatchObject({ status: 'cancelled' });
  });

  test('a task that a definition does not have is refused by name', () => {
    expect(() => tasksOf(writer, { paint: 'Paints.' })).toThrow(
      expect.objectContaining({
        code: 'AGENT_SPEC_INVALID',
        message: expect.stringContaining('no task "paint", expected draft, double, date, fail, hang'),
      }),
    );
  });
});
