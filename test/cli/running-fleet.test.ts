/** The commands that ask a running system over its dashboard's API: on loopback, at a free port. */
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createDashboard, type DashboardOptions } from '../../src/dashboard.ts';
import {
  type AgentSystem,
  createAgentSystem,
  defineAgent,
  type SystemEvent,
  variable,
} from '../../src/index.ts';
import { widthOf } from '../../src/cli/table.ts';
import { begin, mabeam as mabeamAsChild, mabeamHere } from '../kit/command-line.ts';
import { gate, silent } from '../kit/rig.ts';
import { workingFleet } from '../kit/working-fleet.ts';
import { eventually } from '../kit/eventually.ts';

const worker = defineAgent({
  type: 'worker',
  capabilities: ['work'],
  variables: ['rate'],
  init: ({ restored }) => restored ?? { n: 0 },
  vote: ({ proposal: { value } }) => (value === 8 ? 'abstain' : Number(value) <= 5 ? 'accept' : 'reject'),
  tasks: {
    add: { run: ({ state }) => (state.n += 1) },
    fail: {
      run: () => {
        throw new Error('no luck');
      },
    },
    hang: { run: ({ input }) => input },
  },
});

const limited = defineAgent({
  type: 'limited',
  init: () => ({}),
  tasks: { ask: { run: ({ park }) => park({ afterMs: 90_000, why: 'too many' }) } },
});

const asking = defineAgent({
  type: 'asking',
  init: () => ({}),
  tasks: { send: { run: ({ ask }) => ask({ question: 'Send?' }) } },
});

const COLOURS: Readonly<Record<string, string>> = { 2: 'dim', 31: 'red', 32: 'green', 33: 'yellow' };

const UNKNOWN = {
  exitCode: 1,
  stdout: '',
  stderr: 'mabeam: no agent "nobody" is registered (AGENT_NOT_FOUND)\n',
};

interface Fleet {
  readonly system: AgentSystem;
  readonly env: Readonly<Record<string, string>>;
  readonly mabeam: (...args: string[]) => ReturnType<typeof mabeamHere>;
  readonly json: (...args: string[]) => Promise<never>;
}

/** Three agents: ada runs, bob has crashed and waits for an operator, eve was never started. */
async function fleet(options: DashboardOptions = { control: true }): Promise<Fleet> {
  const system = await createAgentSystem({ logger: silent });
  const dashboard = await createDashboard(system, { logger: silent, ...options });
  onTestFinished(async () => {
    await dashboard.close();
    await system.close({ timeoutMs: 0 });
  });
  await system.variables.define('rate', variable.integer({ min: 0, max: 9, default: 1 }));
  for (const id of ['ada', 'bob', 'eve']) {
    await system.agents.register({ id, module: worker, restart: { policy: 'manual' }, shutdownMs: 100 });
  }
  await system.agents.start('ada');
  await system.agents.start('bob');
  await system.agents.execute('ada', { type: 'add' });
  await system.agents.execute('ada', { type: 'fail' }).catch(() => undefined);
  await system.agents.kill('bob');
  const env = {
    MABEAM_URL: dashboard.url,
    ...(dashboard.controlToken === undefined ? {} : { MABEAM_CONTROL_TOKEN: dashboard.controlToken }),
  };
  const mabeam = (...args: string[]) => mabeamHere(args, env);
  const json = async (...args: string[]) => {
    const { exitCode, stdout, stderr } = await mabeam(...args, '--json');
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
    return JSON.parse(stdout) as never;
  };
  return { system, env, mabeam, json };
}

describe('watching', () => {
  it('agents: as a table, as JSON, as ids; chosen and sorted', async () => {
    const { mabeam, json } = await fleet();
    const { exitCode, stdout, stderr } = await mabeam('agents');
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '3 agents\n' });
    const [titles, ...rows] = stdout.trimEnd().split('\n');
    expect(titles).toMatch(/^ID +TYPE +STATUS +INC +RESTARTS +QUEUE +DONE +FAILED +LATENCY +UP +NOTE$/);
    expect(rows[0]).toMatch(/^ada +worker +running +1 +0 +0 +1 +1 +\S+ ms +\d+ m?s +fail: Error: no luck$/);
    expect(rows[1]).toMatch(/^bob +worker +crashed .* restart required · killed$/);
    expect(rows[2]).toMatch(/^eve +worker +registered +0/);
    expect(await json('agents', '--status', 'crashed')).toMatchObject([
      { id: 'bob', restartPolicy: 'manual' },
    ]);
    const sorted = await mabeam('agents', '--ids', '--sort', 'id', '--desc', '--limit', '2');
    expect(sorted.stdout).toBe('eve\nbob\n');
    expect((await mabeam('agents', '--search', 'nobody')).stderr).toBe('0 agents\n');
  });

  it('agents: that one is paused, parked by a limit, or asks a person, is in its note', async () => {
    const { system, mabeam } = await fleet();
    expect((await mabeam('pause', 'ada', '--by', 'eva')).stdout).toBe('ada  running  paused\n');
    expect((await mabeam('agents', '--search', 'ada')).stdout).toMatch(
      / paused by eva · fail: Error: no luck$/m,
    );
    expect((await mabeam('resume', 'ada')).stdout).toBe('ada  running\n');
    await system.agents.register({ id: 'max', module: limited });
    await system.agents.start('max');
    await system.tasks.submit('max', { type: 'ask' });
    await eventually(
      () => system.agents.get('max').parked,
      (parked) => parked !== undefined,
    );
    expect((await mabeam('agents', '--search', 'max')).stdout).toMatch(
      / parked for \d+ m( \d+ s)?: too many$/m,
    );
    await system.agents.register({ id: 'dot', module: asking });
    await system.agents.start('dot');
    await system.tasks.submit('dot', { type: 'send' });
    await eventually(
      () => system.questions.list().length,
      (open) => open === 1,
    );
    expect((await mabeam('agents', '--search', 'dot')).stdout).toMatch(/ asks a person: 1 question$/m);
  });

  it.each([
    ['agents', '--status', 'runing'],
    ['agents', '--store', 'fleet.db', '--status', 'crashed,'],
    ['tasks', '--status', 'done,nothing'],
  ])('%s %s %s: a status that there is not is wrong usage, and what there is is named', async (...args) => {
    const { mabeam } = await fleet();
    const { exitCode, stdout, stderr } = await mabeam(...args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(/'--status <list>'.* is invalid\. Expected some of .*, joined by commas\./);
  });

  it.each(['agents', 'tasks', 'questions', 'replay bob'])(
    '%s: in 80 columns no line is broken, as what is needed least is left out',
    async (command) => {
      const { system, env } = await fleet();
      await workingFleet(system);
      await system.agents.start(
        await system.agents.register({ id: 'an-agent-with-a-name-of-thirty', module: worker }),
      );
      const { stdout } = await mabeamHere(command.split(' '), env, 80);
      const lines = stripVTControlCharacters(stdout).trimEnd().split('\n');
      expect(lines.length).toBeGreaterThan(1);
      expect(lines.filter((line) => widthOf(line) > 80)).toEqual([]);
    },
  );

  it('one agent: what its check of its health has said', async () => {
    const { system, mabeam } = await fleet();
    const module = defineAgent({
      type: 'checked',
      init: () => ({}),
      tasks: {},
      health: () => ({ queue: 3 }),
    });
    await system.agents.start(await system.agents.register({ id: 'cy', module }));
    await system.agents.checkHealth('cy');
    expect((await mabeam('agent', 'cy')).stdout).toMatch(/^health +healthy: \{"queue":3\}$/m);
  });

  it('one agent: what is known of it, what it may be asked, its last events', async () => {
    const { mabeam, json } = await fleet();
    const { stdout } = await mabeam('agent', 'ada', '--state');
    for (const line of [
      /^status +running$/m,
      /^health +\w+$/m,
      /^chart +alive\.serving/m,
      /^restarts +0 \(manual\)$/m,
      /^up +\d+ m?s$/m,
      /^capabilities +work$/m,
      /^tasks +1 done, 1 failed, 0 running, 0 waiting$/m,
      /^may be asked +stop, kill, pause, execute$/m,
      /^saved state\n\{\n {2}"n": 1\n\}$/m,
      /task\.failed {2}ada {2}fail: Error: no luck$/m,
    ]) {
      expect(stdout).toMatch(line);
    }
    expect(await json('agent', 'bob')).toMatchObject({
      agent: { id: 'bob' },
      legal: expect.arrayContaining(['start', 'restart']),
      reason: { text: 'killed' },
    });
    expect(await mabeam('agent', 'nobody')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('(AGENT_NOT_FOUND)'),
    });
  });

  it('events: the newest, those beyond a place, those of a type', async () => {
    const { system, mabeam } = await fleet();
    const all: SystemEvent[] = [];
    for await (const event of system.events.read()) all.push(event);
    const sequencesOf = async (...args: string[]) => {
      const { stdout } = await mabeam('events', '--json', ...args);
      return stdout
        .split('\n')
        .filter(Boolean)
        .map((line) => (JSON.parse(line) as SystemEvent).sequence);
    };
    const sequences = all.map(({ sequence }) => sequence);
    expect(await sequencesOf()).toEqual(sequences);
    expect(await sequencesOf('--limit', '2')).toEqual(sequences.slice(-2));
    expect(await sequencesOf('--after', '3')).toEqual(sequences.slice(3));
    expect(await sequencesOf('--after', '3', '--limit', '2')).toEqual(sequences.slice(3, 5));
    expect(await sequencesOf('--agent', 'bob')).toEqual(
      all.filter(({ agentId }) => agentId === 'bob').map(({ sequence }) => sequence),
    );
    expect(await sequencesOf('--type', 'alert', '--limit', '1')).toHaveLength(1);
  });

  it('events --follow tells all that happens, in order, until it is interrupted', async () => {
    const { system, env } = await fleet();
    const following = begin(['events', '--follow', '--type', 'task.completed', '--json'], { env });
    await following.said(/"task.completed"/);
    for (let round = 0; round < 20; round += 1) await system.agents.execute('ada', { type: 'add' });
    const newest: number[] = [];
    for await (const { sequence, type } of system.events.read()) {
      if (type === 'task.completed') newest.push(sequence);
    }
    await following.said(new RegExp(`"sequence":${newest.at(-1)},`));
    following.child.kill('SIGINT');
    const { exitCode, stdout, stderr } = await following.ended;
    expect({ exitCode, stderr }).toEqual({ exitCode: 130, stderr: '' });
    const told = stdout
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as SystemEvent).sequence);
    expect(told).toEqual(newest);
  });

  it('events --follow ends with 1 when the program has gone', async () => {
    const { system, env } = await fleet();
    const dashboard = await createDashboard(system, { logger: silent });
    const following = begin(['events', '--follow'], { env: { ...env, MABEAM_URL: dashboard.url } });
    await following.said(/alert\.raised/);
    await dashboard.close();
    expect(await following.ended).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('nothing answers'),
    });
  });

  it('work: tasks, one of them, schedules; cancelled, done again, dropped, unscheduled', async () => {
    const { system, mabeam, json } = await fleet();
    const work = await workingFleet(system);
    const { stdout, stderr } = await mabeam('tasks');
    const row = (id: string) => stdout.split('\n').find((line) => line.startsWith(`${id} `)) ?? '';
    expect(stdout).toMatch(/^ID +TASK +AGENT +STATUS +TRIES +SINCE +WHY$/m);
    expect(row(work.failed)).toMatch(/break +breaker +failed +1 +\S+ \S+ +Error: the handle broke$/);
    expect(row(work.stalled)).toMatch(/stall +sleeper +running, stalled/);
    expect(row(work.parked)).toMatch(/call +caller +parked .*out of tokens for this minute, in 9 m/);
    expect(stderr).toContain('1 waiting, 2 running, 1 parked, 1 waiting for input');
    expect((await mabeam('tasks', '--agent', 'digger', '--ids')).stdout).toBe(
      `${work.waiting}\n${work.running}\n`,
    );
    expect(await json('tasks', '--status', 'parked')).toMatchObject({ tasks: [{ id: work.parked }] });
    expect((await mabeam('task', work.failed)).stdout).toMatch(
      /^status +failed$[^]*^may be asked +retry, drop$[^]*"message": "the handle broke"/m,
    );
    expect((await mabeam('task', work.asking)).stdout).toMatch(
      /^asks .*: Send the invoice\? \{"amount":120,"apiKey":"\[redacted\]"\}$/m,
    );
    expect(await json('task', work.asking)).toMatchObject({ questions: [{ id: work.question }] });
    expect((await mabeam('schedules')).stdout).toMatch(/^nightly +read +clerk +every 1 h +in 59 m/m);
    expect(await mabeam('cancel', work.running)).toMatchObject({ exitCode: 2 });
    expect((await mabeam('cancel', work.running, '--yes', '--why', 'it hangs')).stdout).toContain(
      work.running,
    );
    const cancelled = await eventually(
      () => system.tasks.get(work.running),
      ({ status }) => status === 'cancelled',
    );
    expect(cancelled).toMatchObject({ error: { message: 'it hangs' } });
    expect((await mabeam('retry', work.failed)).stdout).toMatch(/waiting|running/);
    expect(await mabeam('drop', work.done, 'none', '--yes')).toMatchObject({
      exitCode: 1,
      stdout: `${work.done}  forgotten\n`,
      stderr: expect.stringContaining('(TASK_UNKNOWN)'),
    });
    expect((await mabeam('unschedule', 'nightly', '--yes')).stdout).toBe('nightly  removed\n');
    expect((await mabeam('schedules')).stderr).toBe('nothing is scheduled\n');
    expect((await mabeam('top')).stdout).toMatch(/1 question {2}1 limit reached/);
    expect((await mabeam('tasks', '--status', 'lost')).exitCode).toBe(2);
  });

  it('tasks: at a terminal the status has the colour of what is to be done about it', async () => {
    const { system, env } = await fleet();
    const work = await workingFleet(system);
    const lines = (await mabeamHere(['tasks'], env, 200)).stdout.split('\n');
    const looks = Object.entries(work).flatMap(([name, id]) => {
      const line = lines.find((one) => stripVTControlCharacters(one).startsWith(`${id} `));
      // oxlint-disable-next-line no-control-regex -- what begins a style is one
      const style = line && /\u001B\[(\d+)m(?:running|waiting|parked|failed|done)/.exec(line)?.[1];
      return style === undefined ? [] : [[name, COLOURS[style]]];
    });
    expect(Object.fromEntries(looks)).toEqual({
      running: 'green',
      waiting: 'dim',
      stalled: 'yellow',
      asking: 'yellow',
      parked: 'yellow',
      failed: 'red',
      done: 'green',
    });
  });

  it('submit: work for an agent, or for the least loaded of a type or a pool', async () => {
    const { system, mabeam, json } = await fleet();
    const reader = defineAgent({
      type: 'reader',
      init: () => ({}),
      tasks: { read: { run: ({ input }) => input } },
    });
    await system.agents.start(await system.agents.register({ id: 'eva', module: reader }));
    const { stdout } = await mabeam('submit', 'eva', 'read', 'a page');
    expect(stdout).toMatch(/^task-\S+ {2}(waiting|running|done)\n$/);
    expect(await system.tasks.result(stdout.split(' ')[0]!)).toBe('a page');
    const once = ['submit', 'reader', 'read', '{"page":7}', '--to', 'type', '--key', 'once'];
    const { id } = (await json(...once)) as { readonly id: string };
    expect(await system.tasks.result(id)).toEqual({ page: 7 });
    expect((await mabeam(...once)).stdout).toBe(`${id}  done\n`);
    expect(await mabeam('submit', 'none', 'read', '--to', 'pool')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('(POOL_UNKNOWN)'),
    });
  });

  it('submit --wait: prints the output once the task is done, and fails where there is none', async () => {
    const { system, mabeam, json } = await fleet();
    const held = gate();
    const reader = defineAgent({
      type: 'reader',
      init: () => ({}),
      tasks: {
        read: { run: ({ input }) => input },
        slow: { run: () => held.promise.then(() => ({ pages: 7 })) },
        torn: {
          run: () => {
            throw new Error('a page is torn');
          },
        },
      },
    });
    await system.agents.start(await system.agents.register({ id: 'eva', module: reader }));
    expect(await mabeam('submit', 'eva', 'read', 'a page', '--wait')).toMatchObject({
      exitCode: 0,
      stdout: 'a page\n',
      stderr: expect.stringMatching(/^(task-\S+) {2}\w+\nmabeam task \1 shows what becomes of it\n$/),
    });
    const begun = new Promise<void>((resolve) => {
      system.events.subscribe(({ type }) => type === 'task.started' && resolve());
    });
    const slow = mabeam('submit', 'eva', 'slow', '--wait');
    await begun;
    held.resolve();
    expect(JSON.parse((await slow).stdout)).toEqual({ pages: 7 });
    expect(await json('submit', 'eva', 'read', '[7]', '--wait')).toMatchObject({
      task: { status: 'done', task: 'read' },
      output: [7],
    });
    expect(await mabeam('submit', 'eva', 'torn', '--wait')).toMatchObject({
      exitCode: 1,
      stdout: '',
      stderr: expect.stringMatching(/^mabeam: task-\S+: failed: Error: a page is torn$/m),
    });
  });

  it('replay: the same life as the system tells', async () => {
    const { system, json } = await fleet();
    const life = JSON.parse(JSON.stringify(await system.events.replay('bob'))) as unknown;
    expect(await json('replay', 'bob')).toEqual(life);
  });

  it('events and replay know an agent that is forgotten, and refuse one that never was', async () => {
    const { system, mabeam } = await fleet();
    await system.agents.forget('eve');
    for (const args of [
      ['events', '--agent', 'eve'],
      ['replay', 'eve'],
    ]) {
      const { exitCode, stdout } = await mabeam(...args);
      expect({ exitCode, stdout }).toEqual({
        exitCode: 0,
        stdout: expect.stringContaining('agent.forgotten'),
      });
    }
    expect(await mabeam('events', '--agent', 'eve', '--after', '999')).toMatchObject({
      exitCode: 0,
      stdout: '',
    });
    for (const args of [['events'], ['events', '--after', '0'], ['events', '--follow']]) {
      expect(await mabeam(...args, '--agent', 'nobody')).toMatchObject(UNKNOWN);
    }
    expect(await mabeam('replay', 'nobody')).toMatchObject(UNKNOWN);
  });

  it('variables, rounds, pools, alerts', async () => {
    const { system, mabeam, json } = await fleet();
    await system.pools.create({ name: 'crew', spec: { module: worker }, min: 2, max: 4 });
    await system.consensus.propose({ variable: 'rate', value: 9 });
    expect((await mabeam('variables')).stdout).toMatch(/^rate +1 +1 +integer +\S+ \S+ +0$/m);
    expect((await mabeam('variables', 'rate')).stdout).toMatch(/^ *1 +1 +\S+ \S+ +definition +its default$/m);
    expect((await mabeam('rounds')).stdout).toMatch(/rate +9 +operator +rejected +0 for, 3 against, of 3/);
    const undecided = defineAgent({
      type: 'undecided',
      variables: ['rate'],
      init: () => ({}),
      vote: () => new Promise<never>(() => {}),
      tasks: {},
    });
    await system.agents.start(await system.agents.register({ module: undecided }));
    const ended = system.consensus.propose({ variable: 'rate', value: 2, quorum: 1, deadlineMs: 600_000 });
    ended.catch(() => undefined);
    expect((await mabeam('rounds')).stdout).toMatch(/rate +2 +operator +\S+ +.* +in (10 m|9 m \d+ s)$/m);
    expect((await mabeam('pools')).stdout).toMatch(/^crew +worker +steady +2 to 4 +2 +2 +0 +0 +0$/m);
    expect((await mabeam('pools', 'crew')).stdout).toMatch(/^members: crew-1, crew-2$/m);
    expect((await mabeam('alerts')).stdout).toMatch(/restart_required +bob +\S/);
    expect(await json('variables', 'rate')).toMatchObject({ value: 1, history: [{ version: 1 }] });
    expect(await json('pools', 'crew')).toMatchObject({ memberIds: ['crew-1', 'crew-2'] });
    expect(await json('alerts')).toMatchObject([{ alert: 'restart_required', agentId: 'bob' }]);
  });
});

describe('control', () => {
  it('start, stop, kill and forget do what they say', async () => {
    const { system, mabeam } = await fleet();
    const statusOf = (id: string) => system.agents.get(id).status;
    expect(await mabeam('start', 'bob', 'eve')).toEqual({
      exitCode: 0,
      stdout: 'bob  running  incarnation 2\neve  running  incarnation 1\n',
      stderr: '',
    });
    expect((await mabeam('pause', 'ada')).stdout).toBe('ada  running  paused\n');
    expect(system.agents.get('ada').paused).toMatchObject({ by: expect.any(String) });
    expect((await mabeam('resume', 'ada')).stdout).toBe('ada  running\n');
    expect((await mabeam('stop', '--yes', 'ada')).stdout).toBe('ada  stopped  incarnation 1  shutdown\n');
    expect((await mabeam('kill', '--yes', 'bob')).stdout).toBe('bob  crashed  incarnation 2  killed\n');
    expect((await mabeam('forget', '--yes', 'ada')).stdout).toBe('ada  forgotten\n');
    expect([statusOf('bob'), statusOf('eve')]).toEqual(['crashed', 'running']);
    expect(system.agents.list().map(({ id }) => id)).toEqual(['bob', 'eve']);
  });

  it('restart begins anew what has ended, and what runs, after a stop', async () => {
    const { system, mabeam, json } = await fleet();
    expect((await mabeam('restart', '--yes', 'ada', 'bob')).stdout).toBe(
      'ada  running  incarnation 2\nbob  running  incarnation 2\n',
    );
    expect(await system.agents.savedState('ada')).toEqual({ n: 1 });
    expect(await json('restart', '-y', 'ada')).toMatchObject([
      { agentId: 'ada', result: { incarnation: 3 } },
    ]);
  });

  it('a stop keeps its deadline', async () => {
    const { system, mabeam } = await fleet();
    const never = gate();
    void system.agents.execute('ada', { type: 'hang', input: never.promise }).catch(() => undefined);
    const { exitCode } = await mabeam('stop', '--yes', 'ada', '--timeout', '20ms');
    expect(exitCode).toBe(0);
    expect(system.agents.get('ada').abandoned).toHaveLength(1);
  });

  it('what one refuses keeps nobody from the others, names what is legal, and ends with 1', async () => {
    const { system, mabeam, env } = await fleet();
    const { exitCode, stdout, stderr } = await mabeam('start', 'ada', 'eve', 'nobody');
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: 'eve  running  incarnation 1\n' });
    expect(stderr.match(/stop, kill, pause, execute/g)).toHaveLength(1);
    expect(stderr).toContain('(AGENT_NOT_FOUND)');
    expect(stderr).toMatch(/mabeam: start: refused for 2 of 3\n$/);
    const asJson = await mabeamHere(['start', 'ada', '--json'], env);
    expect(JSON.parse(asJson.stdout)).toMatchObject([{ agentId: 'ada', refused: expect.any(String) }]);
    expect(system.agents.get('eve').status).toBe('running');
  });

  it.each(['stop', 'kill', 'forget', 'restart'])(
    '%s is not done where nobody can be asked',
    async (command) => {
      const { system, mabeam } = await fleet();
      expect(await mabeam(command, 'ada')).toMatchObject({
        exitCode: 2,
        stderr: expect.stringContaining('add --yes'),
      });
      expect(system.agents.get('ada')).toMatchObject({ status: 'running', incarnation: 1 });
    },
  );

  it('set, propose and resize', async () => {
    const { system, mabeam } = await fleet();
    await system.pools.create({ name: 'crew', spec: { module: worker }, min: 1, max: 4 });
    expect((await mabeam('set', 'rate', '3', '--why', 'a test', '--by', 'grace')).stdout).toBe(
      'rate  version 2\n',
    );
    expect(system.variables.history('rate').at(-1)).toMatchObject({ value: 3, by: 'grace', why: 'a test' });
    expect(await mabeam('propose', 'rate', '5', '--rule', 'unanimous', '--deadline', '5s')).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/^round-\S+ {2}accepted {2}2 for, 0 against\n$/),
    });
    expect(await mabeam('propose', 'rate', '8')).toMatchObject({
      exitCode: 1,
      stdout: expect.stringMatching(/^round-\S+ {2}\S+ {2}0 for, 0 against, 2 abstained\n$/),
    });
    expect(await mabeam('propose', 'rate', '9')).toMatchObject({
      exitCode: 1,
      stderr: 'mabeam: rate stays as it was: rejected\n',
    });
    expect(await mabeam('set', 'rate', 'fast')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('(VARIABLE_INVALID)'),
    });
    expect((await mabeam('resize', 'crew', '3')).stdout).toMatch(/^crew +worker +steady +1 to 4 +3 +3/m);
    expect(system.pools.get('crew').live).toBe(3);
    expect(system.variables.get('rate').value).toBe(5);
  });

  it('wants the control token, which a dashboard without control does not have', async () => {
    const { mabeam, env } = await fleet({});
    expect(await mabeam('start', 'eve')).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('set MABEAM_CONTROL_TOKEN'),
    });
    const given = { ...env, MABEAM_CONTROL_TOKEN: 'no-such-secret-at-all' };
    expect(await mabeamHere(['start', 'eve'], given)).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('(FORBIDDEN)'),
    });
    const other = await fleet();
    const wrong = { ...other.env, MABEAM_CONTROL_TOKEN: 'no-such-secret-at-all' };
    expect(await mabeamHere(['start', 'eve'], wrong)).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('(UNAUTHORIZED)'),
    });
  });
});

describe('who is asked', () => {
  it('an address without its token takes it from the environment; a wrong one is refused', async () => {
    const { env } = await fleet();
    const { origin, searchParams } = new URL(env['MABEAM_URL']!);
    const token = searchParams.get('token')!;
    expect(await mabeamHere(['agents', '--ids', '--url', origin], { MABEAM_TOKEN: token })).toMatchObject({
      exitCode: 0,
    });
    const refused = await mabeamHere(['agents', '--url', origin], { MABEAM_TOKEN: 'not-the-token-at-all' });
    expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('(UNAUTHORIZED)') });
    expect(refused.stderr).not.toContain('not-the-token-at-all');
  });

  it('ids that need to be written otherwise in an address are asked for as they are', async () => {
    const { system, mabeam } = await fleet();
    for (const id of ['a/b', 'ü %20', '?x=1#y', '__proto__', '..']) {
      await system.agents.register({ id, module: worker });
      if (id === '..') continue;
      expect((await mabeam('start', id)).exitCode).toBe(0);
      expect(system.agents.get(id).status).toBe('running');
    }
  });

  it('in a process of its own it ends at once when it is done, and colours nothing', async () => {
    const { env } = await fleet();
    const { exitCode, stdout } = await mabeamAsChild(['agents'], { env });
    expect(exitCode).toBe(0);
    expect(stdout).not.toContain('\u001B');
    const { stdout: coloured } = await mabeamAsChild(['agents'], { env: { ...env, FORCE_COLOR: '1' } });
    expect(coloured).toContain('\u001B[32mrunning');
  });
});

describe('limits', () => {
  it('keep to the width of a terminal: what was spent is cut, and when it is filled again is not', async () => {
    const { system, env } = await fleet();
    const limits = { tokens: 1_000_000, money: 1_000, calls: 10_000, wallMs: 3_600_000 };
    system.budgets.define({ name: 'today', limits });
    const { stdout } = await mabeamHere(['budgets'], env, 60);
    const lines = stripVTControlCharacters(stdout).trimEnd().split('\n');
    expect(lines.filter((line) => widthOf(line) > 60)).toEqual([]);
    expect(lines[1]).toMatch(/^today +ample +0 of 1000000 tokens.*… +0 % +by hand$/);
  });

  it('quotas and budgets are listed; a limit is lifted, and a budget refilled, by somebody', async () => {
    const { system, mabeam, json } = await fleet();
    const limited = { isShut: true };
    const client = defineAgent({
      type: 'client',
      quota: 'provider',
      init: () => ({}),
      tasks: {
        call: {
          run: async ({ budget, park }) => {
            if (limited.isShut) park({ afterMs: 3_600_000, why: 'too many requests' });
            await (await budget.reserve({ calls: 2 })).settle();
            return 'called';
          },
        },
      },
    });
    system.budgets.define({ name: 'today', limits: { calls: 2 } });
    await system.agents.start(await system.agents.register({ id: 'cli', module: client }));
    const called = system.agents.execute('cli', { type: 'call' });
    await eventually(
      () => system.agents.get('cli').parked,
      (now) => now !== undefined,
    );
    expect((await mabeam('quotas')).stdout).toMatch(
      /^provider +a group +parked +1 +in .* +too many requests$/m,
    );
    limited.isShut = false;
    expect((await mabeam('lift', 'provider', '--by', 'grace')).stdout).toMatch(
      /^provider {2}(releasing|open), 0/,
    );
    expect(await called).toBe('called');
    expect((await mabeam('budgets')).stdout).toMatch(/^today +exhausted +2 of 2 calls +100 % +by hand$/m);
    expect(await json('refill', 'today', '--by', 'grace')).toMatchObject({ status: 'ample', spent: {} });
    expect(await mabeam('lift', 'nobody')).toMatchObject({ exitCode: 1 });
    const told: (string | undefined)[] = [];
    for await (const event of system.events.read()) {
      if (event.type === 'quota.lifted' || event.type === 'budget.refilled') told.push(event.by);
    }
    expect(told).toEqual(['grace', 'grace']);
  });
});
