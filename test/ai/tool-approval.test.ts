/** Laws of what people are asked about the tools of a model: each call by itself, once, and its answer is not another's. */
import { tool, type ToolSet } from 'ai';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { defineModelAgent, type ToolApproval, toolCallOf } from '../../src/ai.ts';
import { approvalBy } from '../../src/ai/tool-approval.ts';
import { Redaction } from '../../src/dashboard/redaction.ts';
import { WorkReports } from '../../src/dashboard/work-reports.ts';
import { disks, diskOf } from '../fleet/program.ts';
import { awaited, type Rig, rig } from '../kit/rig.ts';
import { calls, says, scripted, scriptedStreams, streams, streamsCall, type Turn } from './scripted.ts';

const paid: number[] = [];
const pay = tool({
  description: 'Pays.',
  inputSchema: z.object({ cents: z.number() }),
  execute: ({ cents }) => {
    paid.push(cents);
    return `paid ${cents}`;
  },
});

function payer(
  { toolApproval, tools = { pay } }: { readonly toolApproval?: ToolApproval; readonly tools?: ToolSet },
  ...turns: Turn[]
) {
  paid.length = 0;
  const model = scripted(...turns);
  const agent = defineModelAgent({
    type: 'payer',
    model,
    tools,
    conversation: true,
    ...(toolApproval === undefined ? {} : { toolApproval }),
    tasks: { settle: { prompt: () => 'settle' } },
  });
  return { agent, model };
}

async function asking(given: { readonly agent: ReturnType<typeof payer>['agent'] }) {
  const made = await rig();
  await made.agents.register({ id: 'ada', module: given.agent });
  await made.agents.start('ada');
  const done = awaited(made.agents.execute('ada', { type: 'settle' }));
  return { ...made, done };
}

async function openQuestion({ system, clock }: Rig) {
  while (system.questions.list().length === 0) await clock.advance(0);
  return system.questions.list()[0]!;
}

const shownOf = ({ question, details }: { readonly question: string; readonly details?: unknown }) =>
  JSON.stringify({ question, details });

describe('a call of a tool that needs approval', () => {
  test.each<[string, { readonly toolApproval?: ToolApproval; readonly tools?: ToolSet }]>([
    ['a status', { toolApproval: { pay: 'user-approval' } }],
    [
      'a function of the input',
      { toolApproval: { pay: ({ cents }) => (cents > 5 ? 'user-approval' : undefined) } },
    ],
    [
      'a function of the call',
      { toolApproval: ({ toolCall }) => (toolCall.toolName === 'pay' ? 'user-approval' : undefined) },
    ],
    ['the tool itself', { tools: { pay: { ...pay, needsApproval: true } } }],
    [
      'a function of the tool',
      { tools: { pay: { ...pay, needsApproval: ({ cents }: { cents: number }) => cents > 5 } } },
    ],
  ])('by %s is made once a person has said yes', async (_, needs) => {
    const { agent, model } = payer(needs, calls('pay', { cents: 7 }), says('settled'));
    const made = await asking({ agent });
    const { id, question, details } = await openQuestion(made);
    expect({ question, details, paid: [...paid] }).toEqual({
      question: 'Call pay?',
      details: { tool: 'pay', input: { cents: 7 } },
      paid: [],
    });
    await made.system.questions.answer(id, { approved: true });
    expect(await made.done).toBe('settled');
    expect(paid).toEqual([7]);
    expect(model.prompts[1]!.at(-1)).toMatchObject({
      role: 'tool',
      content: [{ output: { value: 'paid 7' } }],
    });
  });

  test('has its input in the details of its question alone, where redact can hide it', async () => {
    const toolApproval: ToolApproval = { login: 'user-approval' };
    const login = tool({ inputSchema: z.object({ password: z.string() }), execute: () => 'in' });
    const { agent } = payer(
      { toolApproval, tools: { login } },
      calls('login', { password: 'swordfish' }),
      says('in'),
    );
    const made = await asking({ agent });
    await openQuestion(made);
    const reports = new WorkReports(made.system, new Redaction(['details.input']));
    expect(JSON.stringify(reports.questions())).toContain('login');
    expect(JSON.stringify(reports.questions())).not.toContain('swordfish');
    await made.system.questions.answer(reports.questions()[0]!.id, { approved: true });
    expect(await made.done).toBe('in');
  });

  test('is not made where a person says no: the model is told why, also in the next task', async () => {
    const toolApproval: ToolApproval = { pay: { type: 'user-approval', reason: 'it is money' } };
    const { agent, model } = payer(
      { toolApproval },
      calls('pay', { cents: 7 }),
      says('I may not'),
      says('still'),
    );
    const made = await asking({ agent });
    const { id, details } = await openQuestion(made);
    expect(details).toMatchObject({ why: 'it is money' });
    await made.system.questions.answer(id, { approved: false, reason: 'too much' });
    expect(await made.done).toBe('I may not');
    expect(await made.agents.execute('ada', { type: 'settle' })).toBe('still');
    expect(paid).toEqual([]);
    const denied = { content: [{ output: { type: 'execution-denied', reason: 'too much' } }] };
    expect(model.prompts[1]!.at(-1)).toMatchObject(denied);
    expect(model.prompts[2]!.at(-3)).toMatchObject(denied);
  });

  test('that was denied is denied again without a question, for the same reason, until the input changes', async () => {
    const { agent, model } = payer(
      { toolApproval: { pay: 'user-approval' } },
      calls('pay', { cents: 7 }),
      calls('pay', { cents: 7 }),
      calls('pay', { cents: 6 }),
      says('settled'),
      calls('pay', { cents: 7 }),
      says('settled again'),
    );
    const made = await asking({ agent });
    const answered = async (answer: unknown) => {
      const { id, details } = await openQuestion(made);
      await made.system.questions.answer(id, answer);
      return (details as { readonly input: unknown }).input;
    };
    expect(await answered({ approved: false, reason: 'too much' })).toEqual({ cents: 7 });
    expect(await answered({ approved: true })).toEqual({ cents: 6 });
    expect(await made.done).toBe('settled');
    const denied = { content: [{ output: { type: 'execution-denied', reason: 'too much' } }] };
    expect([1, 2].map((call) => model.prompts[call]!.at(-1))).toMatchObject([denied, denied]);
    // Another task is asked about by itself.
    const next = awaited(made.agents.execute('ada', { type: 'settle' }));
    expect(await answered({ approved: true })).toEqual({ cents: 7 });
    expect([await next, ...paid]).toEqual(['settled again', 6, 7]);
  });

  test('is made with the input that a person gives instead, and the model is told so', async () => {
    const { agent, model } = payer(
      { toolApproval: { pay: 'user-approval' } },
      calls('pay', { cents: 7 }),
      says('settled'),
      says('again'),
    );
    const made = await asking({ agent });
    await made.system.questions.answer((await openQuestion(made)).id, {
      approved: true,
      input: { cents: 5 },
    });
    expect([await made.done, ...paid]).toEqual(['settled', 5]);
    const told = { note: expect.stringContaining('changed'), input: { cents: 5 }, output: 'paid 5' };
    expect(model.prompts[1]!.at(-1)).toMatchObject({ content: [{ output: { value: told } }] });
    // What the model said stays, and what came of it is remembered.
    expect(await made.agents.execute('ada', { type: 'settle' })).toBe('again');
    expect(JSON.stringify(model.prompts[2])).toContain('{"cents":7}');
    expect(JSON.stringify(model.prompts[2])).toContain('paid 5');
  });

  test('is not made with an input that is not as its tool expects: the question stays open, and says why', async () => {
    const { agent } = payer(
      { toolApproval: { pay: 'user-approval' } },
      calls('pay', { cents: 7 }),
      says('settled'),
    );
    const made = await asking({ agent });
    const { id, schema } = await openQuestion(made);
    const answer = (value: unknown) => made.system.questions.answer(id, value);
    expect(schema).toMatchObject({ properties: { input: { properties: { cents: { type: 'number' } } } } });
    await expect(answer({ approved: true, input: { cents: 'five' } })).rejects.toMatchObject({
      code: 'ANSWER_INVALID',
    });
    // That a call which is denied has no input only the task knows: it asks again.
    await answer({ approved: false, input: { cents: 5 } });
    let open = await openQuestion(made);
    while (open.refused === undefined) {
      await made.clock.advance(0);
      open = await openQuestion(made);
    }
    expect(open.refused).toContain('a call that is denied has no input');
    await answer({ approved: true });
    expect([await made.done, ...paid]).toEqual(['settled', 7]);
  });

  test('whose input nests inputs like itself may be given another one: the form for it says so, too', async () => {
    interface Part {
      readonly name: string;
      readonly parts: readonly Part[];
    }
    const part: z.ZodType<Part> = z.lazy(() => z.object({ name: z.string(), parts: z.array(part) }));
    const box = z.object({ part });
    const order = tool({ inputSchema: part, execute: ({ parts }) => `${parts.length} parts` });
    const pack = tool({ inputSchema: box, execute: (given) => `packed ${given.part.name}` });
    const toolApproval: ToolApproval = { order: 'user-approval', pack: 'user-approval' };
    const given = { tools: { order, pack }, toolApproval };
    const [bolt, nut] = [
      { name: 'bolt', parts: [] },
      { name: 'nut', parts: [{ name: 'thread', parts: [] }] },
    ];
    const { agent, model } = payer(given, calls('order', bolt), calls('pack', { part: bolt }), says('done'));
    const made = await asking({ agent });
    const answered = async (input: unknown) => {
      const { id, schema } = await openQuestion(made);
      await made.system.questions.answer(id, { approved: true, input });
      return schema;
    };
    expect(await answered(nut)).toMatchObject({
      properties: { input: { properties: { parts: { items: { $ref: '#/properties/input' } } } } },
    });
    const name = '__schema0';
    const leads = { $ref: `#/properties/input/definitions/${name}` };
    expect(await answered({ part: nut })).toMatchObject({
      properties: {
        input: {
          properties: { part: leads },
          definitions: { [name]: { properties: { parts: { items: leads } } } },
        },
      },
    });
    expect(await made.done).toBe('done');
    expect(JSON.stringify(model.prompts[2])).toMatch(/1 parts.*packed nut/);
  });

  test('is made with what the schema of its tool makes of the input that a person gives', async () => {
    const pause = tool({
      inputSchema: z.object({ minutes: z.number().transform((minutes) => minutes * 60) }),
      execute: ({ minutes: seconds }) => `${seconds} s`,
      toModelOutput: ({ output }) => ({ type: 'text', value: `paused for ${output}` }),
    });
    const given = { tools: { pause }, toolApproval: { pause: 'user-approval' } as const };
    const { agent, model } = payer(given, calls('pause', { minutes: 9 }), says('settled'));
    const made = await asking({ agent });
    await made.system.questions.answer((await openQuestion(made)).id, {
      approved: true,
      input: { minutes: 2 },
    });
    expect(await made.done).toBe('settled');
    expect(JSON.stringify(model.prompts[1]!.at(-1))).toContain('paused for 120 s');
  });

  test('that fails with the input of a person says so to the model, too', async () => {
    const pay = tool({
      inputSchema: z.object({ cents: z.number() }),
      execute: ({ cents }): string => {
        throw new Error(`no ${cents} there`);
      },
    });
    const given = { tools: { pay }, toolApproval: { pay: 'user-approval' } as const };
    const { agent, model } = payer(given, calls('pay', { cents: 7 }), says('settled'));
    const made = await asking({ agent });
    await made.system.questions.answer((await openQuestion(made)).id, {
      approved: true,
      input: { cents: 5 },
    });
    expect(await made.done).toBe('settled');
    const failure = JSON.stringify(model.prompts[1]!.at(-1));
    expect(failure).toMatch(/no 5 there .*changed the input/);
  });

  test('is asked about where its text is streamed, too', async () => {
    paid.length = 0;
    const agent = defineModelAgent({
      type: 'payer',
      model: scriptedStreams(streamsCall('pay', { cents: 7 }), streams('settled')),
      tools: { pay },
      toolApproval: { pay: 'user-approval' },
      tasks: { settle: { prompt: () => 'settle', stream: true } },
    });
    const made = await asking({ agent });
    await made.system.questions.answer((await openQuestion(made)).id, { approved: true });
    expect([await made.done, ...paid]).toEqual(['settled', 7]);
  });

  test('that needs none is made without a question', async () => {
    const toolApproval: ToolApproval = { pay: ({ cents }) => (cents > 5 ? 'user-approval' : undefined) };
    const { agent } = payer({ toolApproval }, calls('pay', { cents: 5 }), says('settled'));
    const made = await asking({ agent });
    expect([await made.done, ...paid]).toEqual(['settled', 5]);
    expect(made.eventsOf('question.asked')).toEqual([]);
  });
});

/** What the SDK is told of a call, and what a person was asked. */
async function judged(
  toolApproval: ToolApproval | undefined,
  {
    tools,
    input = { cents: 7 },
    toolName = 'pay',
    answer = { approved: true },
  }: { tools?: object; input?: unknown; toolName?: string; answer?: object } = {},
) {
  const asked: Readonly<Record<string, unknown>>[] = [];
  const task = {
    ask: (question: Readonly<Record<string, unknown>>) => {
      asked.push(question);
      return Promise.resolve(answer);
    },
  };
  const judge = approvalBy(toolApproval, task as never, {
    keyOf: (id) => `key of ${id}`,
    change: () => undefined,
  });
  const toolCall = { toolName, toolCallId: 'c1', input };
  return { status: await judge({ toolCall, tools, messages: [], runtimeContext: {} } as never), asked };
}

/** With approval by a person: what they are asked of this input, and what comes of their answer. */
const questionOf = async (input: unknown) => (await judged({ pay: 'user-approval' }, { input })).asked;
const answered = async (answer: object) => (await judged({ pay: 'user-approval' }, { answer })).status;

describe('whether a person is asked', () => {
  const needs = { pay: { needsApproval: true } };
  const denied = { type: 'denied', reason: 'never' } as const;

  test.each<[string, ToolApproval | undefined, object | undefined, unknown]>([
    ['there are no rules', undefined, undefined, undefined],
    ['the rules are of another tool', { other: 'user-approval' }, { other: needs.pay }, undefined],
    ['the agent has approved it, whatever the tool says', { pay: 'approved' }, needs, 'approved'],
    ['the agent has denied it', { pay: denied }, needs, denied],
    ['the agent decides on each call', { pay: () => undefined }, needs, undefined],
    ['the agent decides on all', () => 'approved', needs, 'approved'],
    ['the tool needs none', {}, { pay: { needsApproval: false } }, undefined],
    ['the tool needs none for this input', {}, { pay: { needsApproval: () => false } }, undefined],
  ])('nobody is, where %s', async (_, toolApproval, tools, status) => {
    const given = tools === undefined ? {} : { tools };
    expect(await judged(toolApproval, given)).toEqual({ status, asked: [] });
  });

  test('what every object has is no rule of a tool of that name', async () => {
    for (const toolName of ['toString', 'constructor'])
      expect(await judged({}, { toolName, tools: {} })).toEqual({ status: undefined, asked: [] });
  });

  test('a function has what it needs to decide', async () => {
    const seen: unknown[] = [];
    const needsApproval = (input: unknown, options: unknown) => void seen.push(['tool', input, options]);
    const pay = (input: unknown, options: unknown) => void seen.push(['agent', input, options]);
    await judged(undefined, { tools: { pay: { needsApproval } } });
    await judged({ pay }, { tools: needs });
    expect(seen).toMatchObject([
      ['tool', { cents: 7 }, { toolCallId: 'c1', messages: [] }],
      ['agent', { cents: 7 }, { toolCallId: 'c1', messages: [], runtimeContext: {} }],
    ]);
  });

  test('an input of theirs is taken for a call that this program makes, and for no other', async () => {
    const inputSchema = z.object({ cents: z.number() });
    const taken: boolean[] = [];
    for (const pay of [{ inputSchema, execute: () => 'paid' }, { inputSchema }]) {
      const { asked } = await judged({ pay: 'user-approval' }, { tools: { pay } });
      const schema = asked[0]!['schema'] as z.ZodType;
      taken.push((await schema.safeParseAsync({ approved: true, input: { cents: 5 } })).success);
    }
    expect(taken).toEqual([true, false]);
  });

  test('they see the tool in the question, and the whole input in the details alone', async () => {
    const input = { text: 'x'.repeat(5_000) };
    const [asked, ...others] = await questionOf(input);
    expect(others).toEqual([]);
    expect(asked).toMatchObject({ question: 'Call pay?', key: 'key of c1' });
    expect(asked!['details']).toStrictEqual({ tool: 'pay', input });
  });

  test('a yes lets the call be made, a no denies it, with a reason in any case', async () => {
    expect(await answered({ approved: true, reason: 'well' })).toBeUndefined();
    expect(await answered({ approved: false, reason: 'too much' })).toEqual({
      type: 'denied',
      reason: 'too much',
    });
    expect(await answered({ approved: false })).toEqual({ type: 'denied', reason: 'a person said no' });
  });
});

test('a tool that asks nothing is told what was expected', async () => {
  const asker = tool({
    inputSchema: z.object({}),
    execute: (_, options) =>
      toolCallOf(options)
        .task.ask(undefined as never)
        .catch(String),
  });
  const { agent, model } = payer({ tools: { asker } }, calls('asker', {}), says('settled'));
  const made = await asking({ agent });
  expect(await made.done).toBe('settled');
  expect(model.prompts[1]!.at(-1)).toMatchObject({
    content: [{ output: { value: 'AgentSystemError: ask: expected a question, got undefined' } }],
  });
});

describe.each(disks)('of a task that runs again in a second program on a %s', (kind) => {
  const asker = tool({
    description: 'Pays, if somebody lets it.',
    inputSchema: z.object({ cents: z.number() }),
    execute: async ({ cents }, options) => {
      const answer = await toolCallOf(options).task.ask({ question: `${cents}?`, schema: z.string() });
      if (answer === 'yes') paid.push(cents);
      return answer;
    },
  });

  test.each<[string, Parameters<typeof payer>[0], (isYes: boolean) => unknown]>([
    ['the tool asks', { tools: { pay: asker } }, (isYes) => (isYes ? 'yes' : 'no')],
    ['approval is needed', { toolApproval: { pay: 'user-approval' } }, (approved) => ({ approved })],
    [
      'an input is given',
      { toolApproval: { pay: 'user-approval' } },
      (approved) => (approved ? { approved, input: { cents: 9 } } : { approved }),
    ],
  ])('the second call waits for an answer of its own, where %s', async (_, needs, answer) => {
    const disk = await diskOf(kind);
    const first = payer(needs, calls('pay', { cents: 1 }), calls('pay', { cents: 2 }));
    const program = await disk.boot({ agents: [first.agent] });
    await program.agents.register({ id: 'ada', module: first.agent });
    await program.agents.start('ada');
    const { id } = await program.system.tasks.submit('ada', { type: 'settle' });
    await program.system.questions.answer((await openQuestion(program)).id, answer(true));
    expect(shownOf(await openQuestion(program))).toContain('2');

    const second = payer(needs, says('settled'));
    const next = await disk.boot({ agents: [second.agent] });
    const done = awaited(next.system.tasks.result(id));
    await next.clock.advance(1_000);
    const open = await openQuestion(next);
    expect([shownOf(open).includes('2'), ...paid]).toEqual([true]);
    await next.system.questions.answer(open.id, answer(false));
    expect([await done, ...paid]).toEqual(['settled']);
  });
});
