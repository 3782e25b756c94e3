import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { get, type IncomingMessage } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { SystemEvent } from '../../src/index.ts';
import { begin, cleanEnv, CLI, type CommandOptions, mabeam, ownFolder } from '../kit/command-line.ts';

const fleetFile = (name: string) => fileURLToPath(new URL(`../fixtures/fleets/${name}.ts`, import.meta.url));
const runs = (name: string, args: readonly string[] = [], options: CommandOptions = {}) =>
  begin(['run', fleetFile(name), ...args], options);
const STARTED = /^steady: 3 agents after /m;

describe('a fleet that serves', () => {
  it('ends in order at SIGTERM, with 0; what happened is on stdout, what is said about it on stderr', async () => {
    const running = runs('steady');
    await running.said(STARTED);
    running.child.kill('SIGTERM');
    const { exitCode, stdout, stderr } = await running.ended;
    expect({ exitCode, stdout, stderr }).toMatchObject({ exitCode: 0 });
    const types = stdout.split('\n').map((line) => line.split('  ')[1]);
    expect(types.filter((type) => type === 'agent.started')).toHaveLength(3);
    expect(types.filter((type) => type === 'agent.stopped')).toHaveLength(3);
    expect(stdout).toMatch(
      /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} {2}agent\.started {2}ada {2}incarnation 1$/m,
    );
    expect(stderr).toMatch(/^\S+ \S+ {2}info {2}ada {2}ready for work {2}\{"colour":"blue"\}$/m);
    expect(stderr).toMatch(/^Stopping 3 agents, 5 s at the most\. Once more to kill them\.$/m);
    expect(stderr).toMatch(/3 agents ended in order\.\n$/);
    expect(stdout + stderr).not.toContain('\u001B');
  });

  it('ends with 130 at SIGINT, when all ended in order', async () => {
    const running = runs('steady');
    await running.said(STARTED);
    running.child.kill('SIGINT');
    expect(await running.ended).toMatchObject({
      exitCode: 130,
      stderr: expect.stringMatching(/in order\.\n$/),
    });
  });

  it('goes on and ends in order when nobody reads what it prints', async () => {
    const running = runs('steady', ['--dashboard', '--control']);
    const [, url = ''] = await running.said(/^Dashboard: (http:\S+)$/m);
    const [, secret = ''] = await running.said(/^Control token: (\S+)$/m);
    await running.said(STARTED);
    running.child.stdout.destroy();
    await mabeam(['kill', '--yes', 'bob'], { env: { MABEAM_URL: url, MABEAM_CONTROL_TOKEN: secret } });
    await running.said(/^mabeam: what is printed can no longer be written \(EPIPE\); the fleet goes on$/m);
    running.child.kill('SIGTERM');
    const { exitCode, stderr } = await running.ended;
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
    expect(stderr).toMatch(/3 agents ended in order\.\n$/);
  });

  it('goes on when none of its agents lives: somebody may start one', async () => {
    const folder = await ownFolder();
    const index = new URL('../../src/index.ts', import.meta.url).href;
    const file = join(folder, 'fleet.ts');
    await writeFile(
      file,
      `import { defineAgent, defineFleet } from '${index}';
       const short = defineAgent({
         type: 'short',
         init: ({ self }) => {
           setImmediate(() => self.crash(new Error('it was short')));
           setTimeout(() => console.error('still there'), 100).unref();
         },
         tasks: {},
       });
       export default defineFleet({ specs: [{ id: 'eve', module: short, restart: { policy: 'manual' } }] });`,
    );
    const running = begin(['run', file]);
    await running.said(/agent\.crashed {2}eve/);
    await running.said(/^still there$/m);
    running.child.kill('SIGTERM');
    expect(await running.ended).toMatchObject({ exitCode: 0 });
  });

  it.each([[[]], [['--json']]])('ends in order when nobody reads its stderr: %j', async (args) => {
    const running = runs('steady', args);
    await running.said(STARTED);
    running.child.stderr.destroy();
    running.child.kill('SIGTERM');
    const { exitCode, stdout } = await running.ended;
    expect({ exitCode, stdout }).toMatchObject({ exitCode: 0 });
    expect(stdout.match(/agent\.stopped/g)).toHaveLength(3);
  });

  it('gives its events and log as JSON', async () => {
    const running = runs('steady', ['--json', '--log-level', 'info']);
    await running.said(STARTED);
    running.child.kill('SIGTERM');
    const { stdout, stderr } = await running.ended;
    const events = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as SystemEvent);
    expect(events.map(({ sequence }) => sequence)).toEqual(
      events.map(({ sequence }) => sequence).toSorted((a, b) => a - b),
    );
    expect(events.at(-1)).toMatchObject({ type: 'agent.stopped' });
    const logged = stderr.split('\n').filter((line) => line.startsWith('{'));
    expect(logged.map((line) => JSON.parse(line) as object)).toContainEqual(
      expect.objectContaining({ msg: 'ready for work', colour: 'blue', agentId: 'ada' }),
    );
  });

  it('is controlled from outside: a dashboard with secrets of its own, and the commands against it', async () => {
    const running = runs('steady', ['--dashboard', '--control']);
    const [, url = ''] = await running.said(/^Dashboard: (http:\/\/127\.0\.0\.1:\d+\/\?token=\S+)$/m);
    const [, secret = ''] = await running.said(/^Control token: (\S+)$/m);
    await running.said(STARTED);
    const env = { MABEAM_URL: url, MABEAM_CONTROL_TOKEN: secret };
    expect((await mabeam(['kill', '--yes', 'bob'], { env })).stdout).toMatch(/^bob {2}crashed/);
    await running.said(/agent\.started {2}bob {2}incarnation 2$/m);
    expect((await mabeam(['stop', '--yes', 'ada'], { env })).stdout).toMatch(/^ada {2}stopped/);
    running.child.kill('SIGTERM');
    expect(await running.ended).toMatchObject({ exitCode: 0 });
  });

  it('is reached by other names behind a proxy, if it is told them', async () => {
    const env = { MABEAM_TOKEN: 'a-token-from-elsewhere' };
    const running = runs('steady', ['--dashboard', '--allowed-hosts', 'fleet.example,other.example'], {
      env,
    });
    const [, url = ''] = await running.said(/^Dashboard: (http:\S+)$/m);
    const statusOf = async (host: string) => {
      const headers = { Host: host, Authorization: `Bearer ${env.MABEAM_TOKEN}` };
      const asked = get(new URL('/api/fleet', url), { headers, agent: false });
      const [response] = (await once(asked, 'response')) as [IncomingMessage];
      response.resume();
      return response.statusCode;
    };
    expect(await statusOf('fleet.example')).toBe(200);
    expect(await statusOf('other.example:443')).toBe(200);
    expect(await statusOf('rebound.example')).toBe(403);
    running.child.kill('SIGTERM');
    expect(await running.ended).toMatchObject({ exitCode: 0 });
  });

  it('does not print the secrets that it was given', async () => {
    const env = { MABEAM_TOKEN: 'a-token-from-elsewhere', MABEAM_CONTROL_TOKEN: 'another-secret-from-there' };
    const running = runs('steady', ['--dashboard', '--control'], { env });
    const [, url = ''] = await running.said(/^Dashboard: (http:\S+)$/m);
    await running.said(STARTED);
    const asked = await mabeam(['agents', '--ids'], { env: { ...env, MABEAM_URL: url } });
    expect(asked.stdout).toBe('ada\nbob\ncrew-1\n');
    running.child.kill('SIGTERM');
    const { stdout, stderr } = await running.ended;
    for (const secret of Object.values(env)) expect(stdout + stderr).not.toContain(secret);
  });

  it('serves health and metrics: ready once it has started, and no more from the end on', async () => {
    const running = runs('steady', ['--endpoints', '0', '--metrics']);
    const [, url = ''] = await running.said(/^Endpoints: (\S+)\/livez, \/readyz, \/metrics$/m);
    expect((await fetch(`${url}/livez`)).status).toBe(200);
    await running.said(STARTED);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toMatch(/^mabeam_agents\{type="worker",status="running"\} 3$/m);
    expect(metrics).toMatch(/^nodejs_eventloop_lag_seconds /m);
    running.child.kill('SIGTERM');
    await running.ended;
    await expect(fetch(`${url}/livez`)).rejects.toThrow();
  });

  it('is the fleet.ts of the folder when no file is named', async () => {
    const folder = await ownFolder();
    expect(await mabeam(['run'], { cwd: folder })).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/there is no fleet\.ts here.*\nName one: mabeam run/),
    });
    await writeFile(join(folder, 'fleet.ts'), `export { default } from ${JSON.stringify(fleetFile('job'))};`);
    expect(await mabeam(['run'], { cwd: folder })).toMatchObject({ exitCode: 0 });
  });
});

describe('a fleet with something to do', () => {
  it('ends when that is done, with 0', async () => {
    const { exitCode, stderr } = await runs('job').ended;
    expect(exitCode).toBe(0);
    expect(stderr).toContain('the answer is 42\n');
    expect(stderr).toMatch(/1 agent ended in order\.\n$/);
  });

  it('ends in order when that fails, says where, and ends with 1', async () => {
    const { exitCode, stderr } = await runs('job', [], { env: { JOB: 'fail' } }).ended;
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/mabeam: Error: the work went wrong\n +at .*job\.ts:\d+/);
    expect(stderr).toMatch(/1 agent ended in order\.\n$/);
  });

  it('is told to stop: that it was waiting for something is no failure', async () => {
    const running = runs('job', [], { env: { JOB: 'wait' } });
    await running.said(/^job: 1 agent /m);
    running.child.kill('SIGTERM');
    const { exitCode, stderr } = await running.ended;
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: expect.not.stringContaining('Error') });
  });

  it('that does not end when it is told to is not waited for', async () => {
    const running = runs('job', [], { env: { JOB: 'deaf' } });
    await running.said(/it hears nothing/);
    running.child.kill('SIGTERM');
    expect(await running.ended).toMatchObject({ exitCode: 0 });
  });

  it('--until-done ends when nobody is left: with 0 for work that is done, with 1 for a crash', async () => {
    const done = await runs('job', ['--until-done'], { env: { JOB: 'finish' } }).ended;
    expect(done).toMatchObject({
      exitCode: 0,
      stderr: expect.stringContaining('No agent was left to stop.'),
    });
    const crashed = await runs('job', ['--until-done'], { env: { JOB: 'crash' } }).ended;
    expect(crashed).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('crashed for good: ada') });
  });
});

describe('an end that is not in order', () => {
  it('says who is still working, keeps the deadline, names who was abandoned, and ends with 1', async () => {
    const running = runs('job', ['--deadline', '1500ms'], { env: { JOB: 'hang' } });
    await running.said(/it hangs/);
    running.child.kill('SIGTERM');
    await running.said(/^After 1 s still working: ada \(1 task\)$/m);
    const { exitCode, stderr } = await running.ended;
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^0 agents ended in order, 1 did not: ada\.$/m);
  });

  it('a second signal kills what is left, its process too', async () => {
    const running = runs('spinning');
    const [, pid] = await running.said(/^eve spins in (\d+)$/m);
    running.child.kill('SIGINT');
    await running.said(/^Stopping 1 agent, 1 m at the most/m);
    running.child.kill('SIGINT');
    const { exitCode, stderr } = await running.ended;
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^Killed: eve \(1 task\)\.$/m);
    await gone(Number(pid));
  });

  it('where npm has started it, signals that come together are one, and a later one kills', async () => {
    const running = runs('job', ['--deadline', '60s'], { env: { JOB: 'hang', npm_command: 'exec' } });
    await running.said(/it hangs/);
    running.child.kill('SIGINT');
    running.child.kill('SIGTERM');
    await running.said(/^After 1 s still working: ada \(1 task\)$/m);
    running.child.kill('SIGINT');
    const { exitCode, stderr } = await running.ended;
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^Killed: ada \(1 task\)\.$/m);
  });

  it.skipIf(process.platform === 'win32')(
    'where npm has started it, it ends in order when the shell between them dies of SIGTERM',
    async () => {
      const shell = spawn(
        'sh',
        ['-c', '"$0" "$@"; exit', process.execPath, CLI, 'run', fleetFile('steady')],
        {
          env: cleanEnv({ npm_command: 'exec' }),
          stdio: ['ignore', 'ignore', 'pipe'],
          detached: true,
        },
      );
      onTestFinished(() => {
        try {
          process.kill(-shell.pid!, 'SIGKILL');
        } catch {
          // All of it has ended.
        }
      });
      let said = '';
      for await (const text of shell.stderr.setEncoding('utf8')) {
        said += text;
        if (STARTED.test(said)) shell.kill('SIGTERM');
      }
      expect(said).toMatch(/3 agents ended in order\.\n$/);
      expect(shell.signalCode).toBe('SIGTERM');
    },
  );

  it('an interrupt while its file loads ends it: nothing starts', async () => {
    const folder = await ownFolder();
    const file = join(folder, 'fleet.ts');
    await writeFile(
      file,
      `setInterval(() => {}, 1_000);
       console.error('it loads');
       await new Promise(() => {});`,
    );
    const running = begin(['run', file]);
    await running.said(/^it loads$/m);
    running.child.kill('SIGINT');
    expect(await running.ended).toMatchObject({ exitCode: 130, stderr: 'it loads\n' });
  });

  it('an interrupt before that ends it, too: while its own code loads', async () => {
    const early = `const { once } = process;
      process.once = (name, listener) => {
        once.call(process, name, listener);
        if (name === 'SIGINT') process.emit('SIGINT');
        return process;
      };`;
    const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(early)}` };
    const running = begin(['run', fleetFile('steady')], { env });
    const fate = await Promise.race([running.ended, running.said(STARTED)]);
    expect(fate).toMatchObject({ exitCode: 130 });
    expect(running.stdout()).not.toContain('agent.started');
  });

  it('a signal while it starts ends it, too', async () => {
    const folder = await ownFolder();
    const index = new URL('../../src/index.ts', import.meta.url).href;
    const file = join(folder, 'fleet.ts');
    await writeFile(
      file,
      `import { defineAgent, defineFleet } from '${index}';
       const slow = defineAgent({
         type: 'slow',
         init: ({ signal }) => {
           console.error('it begins');
           return new Promise((_, no) => signal.addEventListener('abort', () => no(signal.reason)));
         },
         tasks: {},
       });
       export default defineFleet({ specs: [{ id: 'eve', module: slow }] });`,
    );
    const running = begin(['run', file]);
    await running.said(/it begins/);
    running.child.kill('SIGTERM');
    expect(await running.ended).toMatchObject({
      exitCode: 0,
      stderr: expect.stringMatching(/^1 agent ended in order\.\n$/m),
    });
  });
});

describe('a fleet that does not start', () => {
  it('runs without what could not, says what that was, and is not ready until it is there', async () => {
    const running = runs('partly', ['--endpoints', '0']);
    const [, url = ''] = await running.said(/^Endpoints: (\S+)\/livez/m);
    await running.said(/^eve did not start: .*no key.* \(AGENT_START_FAILED\)$/m);
    await running.said(/^partly: 1 agent /m);
    const refused = await fetch(`${url}/readyz`);
    expect([refused.status, await refused.text()]).toEqual([
      503,
      expect.stringContaining('[-]fleet failed: did not start: eve'),
    ]);
    running.child.kill('SIGUSR2');
    await running.said(/agent\.started {2}eve/);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    running.child.kill('SIGTERM');
    expect(await running.ended).toMatchObject({ exitCode: 0 });
  });

  it('because a port is taken ends with 2, and starts nothing', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const { port } = server.address() as { readonly port: number };
    const { exitCode, stdout, stderr } = await runs('steady', ['--dashboard', String(port)]).ended;
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(/^mabeam: --dashboard: expected one that is free, got \d+ \(listen EADDRINUSE/m);
  });

  it.each([
    [['--control'], '--control: expected it with --dashboard'],
    [['--metrics'], '--metrics: expected it with --endpoints'],
    [['--dashboard', 'somewhere'], '--dashboard: expected a port or host:port'],
    [['--endpoints', '99999'], '--endpoints: expected a port'],
    [['--log-level', 'loud'], 'Allowed choices'],
  ])('because it was not asked for rightly, %j, ends with 2', async (args, why) => {
    const { exitCode, stdout, stderr } = await mabeam(['run', fleetFile('steady'), ...args]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toContain(why);
  });
});

/** Resolves when there is no such process any more. */
async function gone(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await new Promise(setImmediate);
  }
}
