/** The live table, in a real terminal: of a fleet of one's own, and of one far away. */
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createDashboard, type DashboardOptions } from '../../src/dashboard.ts';
import { type AgentSystem, createAgentSystem, defineAgent } from '../../src/index.ts';
import { KEYS, terminal } from '../kit/terminal.ts';
import { silent } from '../kit/rig.ts';

const fleetFile = (name: string) => fileURLToPath(new URL(`../fixtures/fleets/${name}.ts`, import.meta.url));

const worker = defineAgent({
  type: 'worker',
  init: () => ({ n: 0 }),
  tasks: {
    add: { run: ({ state }) => (state.n += 1) },
    fail: {
      run: () => {
        throw new Error('no luck today');
      },
    },
  },
});

async function watched(ids: readonly string[], options: DashboardOptions = {}) {
  const system = await createAgentSystem({ logger: silent });
  const dashboard = await createDashboard(system, { logger: silent, ...options });
  onTestFinished(async () => {
    await dashboard.close();
    await system.close({ timeoutMs: 0 });
  });
  for (const id of ids) {
    await system.agents.register({ id, module: worker, restart: { policy: 'manual' } });
    await system.agents.start(id);
  }
  const env = {
    MABEAM_URL: dashboard.url,
    ...(dashboard.controlToken === undefined ? {} : { MABEAM_CONTROL_TOKEN: dashboard.controlToken }),
  };
  return { system, dashboard, env };
}

/** Ids in the order in which they stand. */
function idsOn(screen: readonly string[]): readonly string[] {
  const head = screen.findIndex((line) => line.startsWith(' ID'));
  return screen
    .slice(head + 1)
    .map((line) => /^ (\S+)/.exec(line)?.[1])
    .filter((id) => id !== undefined && /^[a-z]+(-\d+)?$/.test(id)) as string[];
}

describe('mabeam run', () => {
  it('shows its fleet as a live table, ends it in order with q, and gives the terminal back', async () => {
    const shown = terminal(['run', fleetFile('steady'), '--dashboard', '--control']);
    await shown.until(/^ 3 agents {2}3 running/m);
    await shown.until(/^ ada +worker +running/m);
    await shown.until(/^ crew-1 +worker +running/m);
    expect(shown.isFullScreen()).toBe(true);
    expect(shown.screen()[0]).toMatch(/^ steady {3}http:\/\/127\.0\.0\.1:\d+\/\?token=\S+ +\d\d:\d\d:\d\d$/);
    shown.press('?');
    await shown.until(/^ Control token: \S+$/m);
    shown.press(' ');
    await shown.until(/\? help/);
    shown.press('q');
    expect(await shown.ended).toMatchObject({ exitCode: 0 });
    expect(shown.isFullScreen()).toBe(false);
    const left = shown.screen().join('\n');
    expect(left).toMatch(/^3 agents ended in order\.$/m);
    expect(shown.written()).toContain('\u001B[?25h');
  });

  it('ends at Ctrl-C with 130, at a signal with 0', async () => {
    const interrupted = terminal(['run', fleetFile('steady')]);
    await interrupted.until(/^ ada +worker +running/m);
    interrupted.press(KEYS.ctrlC);
    expect(await interrupted.ended).toMatchObject({ exitCode: 130 });
    const ended = terminal(['run', fleetFile('steady')]);
    await ended.until(/^ ada +worker +running/m);
    ended.kill('SIGTERM');
    expect(await ended.ended).toMatchObject({ exitCode: 0 });
    expect(ended.isFullScreen()).toBe(false);
  });

  it('what the fleet writes and logs stands below the table, and is there when that is gone', async () => {
    const shown = terminal(['run', fleetFile('job')], { env: { JOB: 'hang' } });
    await shown.until(/^ it hangs$/m);
    expect(shown.screen().findIndex((line) => line === ' it hangs')).toBeGreaterThan(15);
    shown.press(KEYS.ctrlC);
    await shown.until(/^Stopping 1 agent, 3 s at the most\. Once more to kill them\.$/m);
    shown.press(KEYS.ctrlC);
    expect(await shown.ended).toMatchObject({ exitCode: 1 });
    const left = shown.screen().join('\n');
    expect(left).toMatch(/^it hangs$/m);
    expect(left).toMatch(/Killed: ada \(1 task\)\.$/m);
  });

  it('a key kills an agent, after a yes, and the table shows how it comes back', async () => {
    const shown = terminal(['run', fleetFile('steady')]);
    await shown.until(/^ bob +worker +running +1 /m);
    shown.press(KEYS.down + KEYS.down + 'k');
    await shown.until(/^ kill bob\? y to do it, any other key to leave it$/m);
    shown.press('n');
    await shown.until(/nothing was done/);
    shown.press('k');
    await shown.until(/kill bob\?/);
    shown.press('y');
    await shown.until(/^ bob +worker +running +2 +1 /m);
    shown.press('q');
    expect(await shown.ended).toMatchObject({ exitCode: 0 });
  });

  it.each([['--plain'], ['--json']])('with %s is lines, in a terminal too', async (option) => {
    const shown = terminal(['run', fleetFile('job'), option]);
    expect(await shown.ended).toMatchObject({ exitCode: 0 });
    expect(shown.written()).toContain('agent.started');
    expect(shown.written()).not.toContain('\u001B[?1049h');
  });

  it('colours lines in a terminal, and not where NO_COLOR is set', async () => {
    const coloured = terminal(['run', fleetFile('job'), '--plain']);
    await coloured.ended;
    expect(coloured.written()).toContain('\u001B[32magent.started');
    const plain = terminal(['run', fleetFile('job'), '--plain'], { env: { NO_COLOR: '1' } });
    await plain.ended;
    expect(plain.written()).not.toContain('\u001B[3');
  });
});

describe('mabeam top', () => {
  it('shows a fleet that is far away as it changes', async () => {
    const { system, env } = await watched(['ada', 'bob']);
    const shown = terminal(['top'], { env });
    await shown.until(/^ 2 agents {2}2 running/m);
    await system.agents.execute('ada', { type: 'add' });
    await shown.until(/^ ada +worker +running +1 +0 +0 +1 +0 /m);
    await system.agents.execute('ada', { type: 'fail' }).catch(() => undefined);
    await shown.until(/^ ada .* fail: Error: no luck today$/m);
    const { id: lost } = await system.tasks.submit('ada', { type: 'fail' });
    await shown.until(/1 task failed for good/);
    await system.tasks.forget(lost);
    await shown.untilNot(/failed for good/);
    await system.agents.kill('bob');
    await shown.until(/^ bob +worker +crashed .* restart required · killed$/m);
    await shown.until(/1 alert(?!s)/);
    await system.agents.register({ id: 'eve', module: worker });
    await shown.until(/^ eve +worker +registered/m);
    await system.agents.forget('eve');
    await shown.untilNot(/^ eve /m);
    shown.press('q');
    expect(await shown.ended).toMatchObject({ exitCode: 0 });
  });

  it('sorts, turns round, filters and chooses by its keys', async () => {
    const { system, env } = await watched(['ada', 'bob', 'eve']);
    for (const [id, times] of [
      ['ada', 2],
      ['bob', 3],
      ['eve', 1],
    ] as const) {
      for (let time = 0; time < times; time += 1) await system.agents.execute(id, { type: 'add' });
    }
    await system.agents.stop('eve');
    const shown = terminal(['top'], { env });
    await shown.until(/^ eve +worker +stopped/m);
    expect(idsOn(shown.screen())).toEqual(['ada', 'bob', 'eve']);
    for (let place = 0; place < 6; place += 1) shown.press('>');
    await shown.until(/DONE▼/);
    expect(idsOn(shown.screen())).toEqual(['bob', 'ada', 'eve']);
    shown.press('r');
    await shown.until(/DONE▲/);
    expect(idsOn(shown.screen())).toEqual(['eve', 'ada', 'bob']);
    shown.press('/');
    await shown.until(/^ filter: █$/m);
    shown.press('BOx');
    await shown.until(/no agent fits/);
    shown.press(KEYS.backspace + KEYS.enter);
    await shown.until(/^ 1 shown {2}with "BO"/m);
    expect(idsOn(shown.screen())).toEqual(['bob']);
    shown.press(KEYS.escape);
    await shown.until(/^ 3 shown {3}/m);
    for (let status = 0; status < 7; status += 1) shown.press('s');
    await shown.until(/^ 1 shown {2}stopped/m);
    expect(idsOn(shown.screen())).toEqual(['eve']);
    shown.press(KEYS.down + KEYS.enter);
    await shown.until(/^ chart +stopped \(stopped, health not_running\)$/m);
    shown.press(KEYS.ctrlC);
    expect(await shown.ended).toMatchObject({ exitCode: 130 });
  });

  it('scrolls through more agents than there is room for, and stays with the chosen one', async () => {
    const ids = Array.from({ length: 60 }, (_, place) => `agent-${String(place).padStart(2, '0')}`);
    const { env } = await watched(ids);
    const shown = terminal(['top'], { env });
    await shown.until(/^ agent-17 /m);
    expect(idsOn(shown.screen())).toEqual(ids.slice(0, 18));
    shown.press(KEYS.end);
    await shown.until(/^ agent-59 /m);
    expect(idsOn(shown.screen())).toEqual(ids.slice(42));
    shown.press(KEYS.pageUp);
    await shown.until(/^ agent-41 /m);
    shown.press(KEYS.home);
    await shown.until(/^ agent-00 /m);
    shown.resize(70, 12);
    await shown.untilNot(/^ agent-06 /m);
    await shown.until(/^ agent-05 /m);
    expect(shown.screen().every((line) => line.length <= 70)).toBe(true);
    expect(shown.screen().join('\n')).not.toMatch(/LATENCY/);
  });

  it('cannot be steered by what agents are called', async () => {
    const { env } = await watched(['a\u001B[31m\u001B[2Jb', '日本語のエージェント', 'e\u0301']);
    const shown = terminal(['top'], { env, columns: 140 });
    await shown.until(/^ a·\[31m·\[2Jb +worker/m);
    await shown.until(/^ 日本語のエージェント +worker/m);
    // What is wider than it has characters moves no column.
    const places = shown.screen().filter((line) => line.includes(' worker ')).length;
    expect(places).toBe(3);
  });

  it('acts on the chosen agent with the control token, and says why it does not without', async () => {
    const { system, env } = await watched(['ada', 'bob'], { control: true });
    const shown = terminal(['top'], { env });
    await shown.until(/^ ada +worker +running/m);
    shown.press('x');
    await shown.until(/choose an agent first/);
    shown.press(KEYS.down + 'x');
    await shown.until(/^ stop ada\?/m);
    shown.press('y');
    await shown.until(/^ ada +worker +stopped/m);
    shown.press('x');
    await shown.until(/stop ada\?/);
    shown.press('y');
    await shown.until(/\(AGENT_ILLEGAL_COMMAND\)|legal:/);
    shown.press('t');
    await shown.until(/restart ada\?/);
    shown.press('y');
    await shown.until(/^ ada +worker +running +2 /m);
    expect(system.agents.get('ada').incarnation).toBe(2);
    const { MABEAM_CONTROL_TOKEN: _, ...powerless } = env as Record<string, string>;
    const looking = terminal(['top'], { env: powerless });
    await looking.until(/^ ada +worker +running/m);
    looking.press(KEYS.down + 'k');
    await looking.until(/set MABEAM_CONTROL_TOKEN/);
  });

  it('says when it is cut off, and goes on when the program is back', async () => {
    const { system, dashboard, env } = await watched(['ada']);
    const shown = terminal(['top'], { env });
    await shown.until(/^ ada +worker +running/m);
    await dashboard.close();
    await shown.until(/trying again/);
    const port = Number(new URL(dashboard.url).port);
    const back = await createDashboard(system, { logger: silent, port, token: dashboard.token });
    onTestFinished(() => back.close());
    await system.agents.stop('ada');
    await shown.until(/^ ada +worker +stopped/m);
    await shown.untilNot(/trying again/);
    await back.close();
    const other = await createDashboard(system, { logger: silent, port });
    onTestFinished(() => other.close());
    expect(await shown.ended).toMatchObject({ exitCode: 1 });
    expect(shown.isFullScreen()).toBe(false);
    await shown.until(/\(UNAUTHORIZED\)/);
  });

  it('of nothing that answers ends with 1, and never takes the screen', async () => {
    const shown = terminal(['top', '--url', 'http://127.0.0.1:9/?token=x']);
    expect(await shown.ended).toMatchObject({ exitCode: 1 });
    expect(shown.written()).not.toContain('\u001B[?1049h');
    await shown.until(/nothing answers at/);
  });
});

/** Kills an agent, and gives this answer to the question. */
const asking = async (answer: string) => {
  const { system, env }: { readonly system: AgentSystem; readonly env: Record<string, string> } =
    await watched(['ada'], { control: true });
  const shown = terminal(['kill', 'ada'], { env });
  await shown.until(/^kill ada\? This ends it at once, in the middle of its work\. \[y\/N\]/m);
  shown.press(answer);
  return { ...(await shown.ended), status: system.agents.get('ada').status };
};

describe('questions', () => {
  it('are asked before something is destroyed: a yes does it', async () => {
    expect(await asking(`y${KEYS.enter}`)).toMatchObject({ exitCode: 0, status: 'crashed' });
  });

  it.each([
    ['a no', `n${KEYS.enter}`, 2],
    ['nothing', KEYS.enter, 2],
    ['Ctrl-C', KEYS.ctrlC, 130],
    ['Ctrl-D', '\u0004', 2],
  ])('%s leaves it', async (_, answer, exitCode) => {
    expect(await asking(answer)).toMatchObject({ exitCode, status: 'running' });
  });
});
