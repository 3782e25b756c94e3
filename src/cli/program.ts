/**
 * The commands of `mabeam`: their names, options and help. The code of a command is loaded when it is called.
 */
import { Command, InvalidArgumentError, Option } from 'commander';
import { agentStatuses, taskStatuses } from '../machines/statuses.ts';
import type { Call } from './call.ts';
import type { Act } from './commands/acts.ts';
import type { TaskAct } from './commands/tasks.ts';
import { durationFrom } from './figures.ts';

/** Runs a command; it may return an exit code. */
export type Carry = (work: (call: Call) => Promise<number | void>) => Promise<void>;

const URL_HELP = 'address of the dashboard, with its token (default: MABEAM_URL, MABEAM_TOKEN)';
const TIP = `
Against a running system:
  $ mabeam run fleet.ts --dashboard --control     prints the address, and the control token
  $ export MABEAM_URL=http://127.0.0.1:…/?token=… MABEAM_CONTROL_TOKEN=…
  $ mabeam top

Exit codes: 0 success, 1 something was refused or failed, 2 wrong usage, 130 interrupted.`;

export function programOf(version: string, carry: Carry): Command {
  const program = new Command('mabeam')
    .description('Runs fleets of supervised agents, watches them and controls them.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .showHelpAfterError('(add --help for what there is)')
    .addHelpText('after', TIP);

  program.commandsGroup('Begin:');
  withJson(program.command('init'))
    .description('begin a project: an agent, its test and its fleet file')
    .argument('[dir]', 'a folder that is empty, or will be made (default: this one)')
    .option('--install', 'run npm install there')
    .addHelpText(
      'after',
      examples(['mabeam init my-fleet --install', ''], ['cd my-fleet && npm test && npm start', '']),
    )
    .action((dir: string | undefined, options) =>
      carry(async (call) => (await import('./commands/init.ts')).init(call, dir, options)),
    );

  program.commandsGroup('Run:');
  withJson(program.command('run'))
    .description('run a fleet from a file, until it has done its work or is told to end')
    .argument('[file]', 'its default export comes from defineFleet (default: fleet.ts here)')
    .option('--dashboard [address]', 'open the page: a port or host:port (default: a free port on loopback)')
    .option('--allowed-hosts <list>', 'names it is reached by behind a proxy, joined by commas')
    .option('--control', 'let the dashboard control the fleet')
    .option('--endpoints [address]', 'serve /livez and /readyz (default: 127.0.0.1:9464)')
    .option('--metrics', 'serve /metrics there, too; needs the package prom-client')
    .option('--deadline <time>', "for ending all of it, as 30s (default: the fleet's shutdownMs)", time)
    .option('--until-done', 'end when no agent is alive or comes back')
    .option('--plain', 'lines instead of a table in a terminal')
    .option('-v, --verbose', 'tell of tasks, votes and saved states, too')
    .addOption(
      new Option('--log-level <level>', 'of what agents and the system log')
        .choices(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
        .default('info'),
    )
    .addHelpText(
      'after',
      `${examples(
        ['mabeam run', 'fleet.ts of this folder, as a live table'],
        ['mabeam run fleet.ts --dashboard --control', 'with the page, and what may be done there'],
        ['mabeam run fleet.ts --endpoints 0.0.0.0:9464 --metrics', 'in a container'],
      )}

SIGTERM, SIGINT (Ctrl-C) and SIGHUP end it in order, under one deadline; a second one kills what is left.
It ends with 0 when all ended in order, with 1 when not, with 130 after SIGINT when all did.
MABEAM_TOKEN and MABEAM_CONTROL_TOKEN set the dashboard's secrets; they are then not printed.`,
    )
    .action((file: string | undefined, options) =>
      carry(async (call) => (await import('./commands/run.ts')).run(call, file, options)),
    );

  program.commandsGroup('Watch:');
  withControl(program.command('top'))
    .description('watch a fleet as a live table')
    .addHelpText(
      'after',
      `${examples(['mabeam top', ''], ['mabeam top --json', 'how it stands now'])}

In the table: ? for its keys; with MABEAM_CONTROL_TOKEN agents can be started, stopped, restarted and killed there.`,
    )
    .action((options) => carry(async (call) => (await import('./commands/top.ts')).top(call, options)));
  withTarget(program.command('agents'))
    .description('list agents')
    .option('--status <list>', 'only these, joined by commas: crashed,stopped', someOf(agentStatuses))
    .option('--type <type>', 'only of this type')
    .option('--pool <name>', 'only members of this pool')
    .option('--search <text>', 'only with this in id, type, pool or last error')
    .addOption(new Option('--sort <key>', 'order of the list').choices(SORTS))
    .option('--desc', 'largest first')
    .option('--limit <n>', 'so many at the most', whole)
    .option('--ids', 'ids alone, one a line, for other commands')
    .addHelpText(
      'after',
      examples(
        ['mabeam agents --status crashed', 'who is down, and when each comes back'],
        ['mabeam agents --sort memory --desc --limit 5', 'who needs most'],
        ['mabeam restart --yes $(mabeam agents --status crashed --ids)', ''],
        ['mabeam agents --store fleet.db', 'of a store that no program has open'],
      ),
    )
    .action((options) => carry(async (call) => (await import('./commands/agents.ts')).agents(call, options)));
  withTarget(program.command('agent'))
    .description('show all that is known of one agent')
    .argument('<id>')
    .option('--state', 'with its saved state')
    .addHelpText('after', examples(['mabeam agent ada --state', '']))
    .action((id: string, options) =>
      carry(async (call) => (await import('./commands/agent.ts')).agent(call, id, options)),
    );
  withTarget(program.command('events'))
    .description('show what happened, and what happens')
    .option('-f, --follow', 'go on with what happens, until interrupted')
    .option('--agent <id>', 'only of this agent')
    .option('--type <type>', 'only of this type: agent.crashed, or all that begin so: alert')
    .option('--after <sequence>', 'only those beyond this one, from there on', whole)
    .option('--limit <n>', 'so many at the most (default: the newest 100)', whole)
    .addHelpText(
      'after',
      examples(
        ['mabeam events --follow', ''],
        ['mabeam events --type alert --json | jq .message', ''],
        ['mabeam events --store fleet.db --agent ada', ''],
      ),
    )
    .action((options) => carry(async (call) => (await import('./commands/events.ts')).events(call, options)));
  withTarget(program.command('replay'))
    .description("show an agent's life, step by step, from its events alone")
    .argument('<id>')
    .option('--until <sequence>', 'up to this event', whole)
    .option('--limit <n>', 'so many of the last steps (default: 1000)', whole)
    .addHelpText('after', examples(['mabeam replay ada --store fleet.db', '']))
    .action((id: string, options) =>
      carry(async (call) => (await import('./commands/replay.ts')).replay(call, id, options)),
    );
  withUrl(program.command('variables'))
    .description('list variables, or the history of one')
    .argument('[name]')
    .action((name: string | undefined, options) =>
      carry(async (call) => (await import('./commands/coordination.ts')).variables(call, name, options)),
    );
  withTarget(program.command('tasks'))
    .description('list work: what failed for good, hangs, waits, and why')
    .option('--status <list>', 'only these, joined by commas: failed,timed_out', someOf(taskStatuses))
    .option('--agent <id>', 'only of this agent')
    .option('--type <name>', 'only tasks of this name')
    .option('--limit <n>', 'so many at the most (default: 100 of each status)', whole)
    .option('--ids', 'ids alone, one a line, for other commands')
    .addHelpText(
      'after',
      `${examples(
        ['mabeam tasks --status failed,timed_out,abandoned', 'which work failed for good, and why'],
        ['mabeam tasks --status running', 'what hangs: it says "stalled"'],
        ['mabeam retry $(mabeam tasks --status failed --type embed --ids)', ''],
        ['mabeam tasks --store fleet.db', 'of a store that no program has open'],
      )}

Status is one of ${taskStatuses.join(', ')}.`,
    )
    .action((options) => carry(async (call) => (await import('./commands/tasks.ts')).tasks(call, options)));
  withTarget(program.command('task'))
    .description('show all that is known of one task: its times, error, output, and what may be done')
    .argument('<id>')
    .addHelpText('after', examples(['mabeam task task-12', '']))
    .action((id: string, options) =>
      carry(async (call) => (await import('./commands/tasks.ts')).task(call, id, options)),
    );
  withTarget(program.command('schedules'))
    .description('list schedules: when each is due next, and what became of the last time')
    .action((options) =>
      carry(async (call) => (await import('./commands/tasks.ts')).schedules(call, options)),
    );
  withTarget(program.command('questions'))
    .description('list what tasks have asked people, and nobody has answered')
    .addHelpText('after', examples(['mabeam questions --store fleet.db', '']))
    .action((options) =>
      carry(async (call) => (await import('./commands/questions.ts')).questions(call, options)),
    );
  withTarget(program.command('answer'))
    .description('answer a question, once')
    .argument('<id>')
    .argument('<value>', 'JSON, or else a text')
    .option('--by <who>', 'who answers, as the system notes it (default: the user)')
    .addHelpText('after', examples(['mabeam answer task-12/1 yes', '']))
    .action((id: string, value: string, options) =>
      carry(async (call) => (await import('./commands/questions.ts')).answer(call, id, value, options)),
    );
  withUrl(program.command('rounds'))
    .description('list consensus rounds, open ones first')
    .action((options) =>
      carry(async (call) => (await import('./commands/coordination.ts')).rounds(call, options)),
    );
  withUrl(program.command('pools'))
    .description('list pools, or the members and decisions of one')
    .argument('[name]')
    .action((name: string | undefined, options) =>
      carry(async (call) => (await import('./commands/coordination.ts')).pools(call, name, options)),
    );
  withUrl(program.command('quotas'))
    .description('list the limits that agents ran into or share, and who waits')
    .action((options) => carry(async (call) => (await import('./commands/limits.ts')).quotas(call, options)));
  withUrl(program.command('budgets'))
    .description('list what is spent of each budget')
    .action((options) =>
      carry(async (call) => (await import('./commands/limits.ts')).budgets(call, options)),
    );
  withUrl(program.command('alerts'))
    .description('list the alerts that are raised')
    .action((options) =>
      carry(async (call) => (await import('./commands/coordination.ts')).alerts(call, options)),
    );

  program.commandsGroup('Control (with MABEAM_CONTROL_TOKEN):');
  actOn(program, carry, 'start', 'start agents that have no body');
  actOn(program, carry, 'stop', 'stop agents: they finish, save and end').option(
    '--timeout <time>',
    'how long that may take, as 10s; then they are killed (default: their shutdownMs)',
    time,
  );
  actOn(program, carry, 'restart', 'start agents anew: those that run are stopped first').option(
    '--timeout <time>',
    'how long the stop may take, as 10s',
    time,
  );
  actOn(program, carry, 'pause', 'have agents begin nothing new: what runs ends, tasks wait');
  actOn(program, carry, 'resume', 'have paused agents go on');
  actOn(program, carry, 'kill', 'end agents at once: a crash, which their restart policy answers');
  actOn(program, carry, 'forget', 'remove agents that have no body from the list, with their saved state');
  withControl(program.command('submit'))
    .description('give an agent, a pool or the least loaded of a type a task')
    .argument('<target>')
    .argument('<task>', 'its name in the definition')
    .argument('[input]', 'JSON, or else a text')
    .addOption(
      new Option('--to <kind>', 'what the target names').choices(['agent', 'pool', 'type']).default('agent'),
    )
    .option('--key <key>', 'its idempotencyKey: with the same key it is the same task')
    .option('--timeout <time>', 'how long it may take, as 10s', time)
    .option('-w, --wait', 'print its output once it is done; the exit code is 1 where there is none')
    .addHelpText(
      'after',
      examples(
        ['mabeam submit ada greet world --wait', ''],
        ['mabeam submit readers read \'{"page":7}\' --to pool', ''],
      ),
    )
    .action((target: string, task: string, input: string | undefined, options) =>
      carry(async (call) => (await import('./commands/tasks.ts')).submit(call, target, task, input, options)),
    );
  actOnTask(program, carry, 'cancel', 'cancel tasks that wait or run')
    .option('--why <text>', 'what those who wait for it are told')
    .addHelpText('after', examples(['mabeam cancel task-12 --why "the order was withdrawn"', '']));
  actOnTask(
    program,
    carry,
    'retry',
    'have submitted tasks that ended without an output done again',
  ).addHelpText(
    'after',
    examples(['mabeam retry $(mabeam tasks --status failed --ids)', 'all that failed for good']),
  );
  actOnTask(program, carry, 'drop', 'forget tasks that have ended: their records are gone');
  withControl(program.command('unschedule'))
    .description('remove a schedule')
    .argument('<name>')
    .option('-y, --yes', 'do not ask')
    .action((name: string, options) =>
      carry(async (call) => (await import('./commands/tasks.ts')).unschedule(call, name, options)),
    );
  withControl(program.command('lift'))
    .description('have those who wait for a limit go on: it is reset before its time')
    .argument('<quota>', 'the name of a group, or the id of an agent that shares none')
    .action((quota: string, options) =>
      carry(async (call) => (await import('./commands/limits.ts')).lift(call, quota, options)),
    );
  withControl(program.command('refill'))
    .description('have what is spent of a budget count no more')
    .argument('<budget>')
    .option('--of <id>', 'the agent or the task, where each has its own')
    .action((budget: string, options) =>
      carry(async (call) => (await import('./commands/limits.ts')).refill(call, budget, options)),
    );
  withControl(program.command('set'))
    .description('give a variable a value')
    .argument('<name>')
    .argument('<value>', 'JSON, or else a text')
    .option('--why <text>', 'kept in its history')
    .addHelpText('after', examples(['mabeam set learningRate 0.3 --why "it diverged"', '']))
    .action((name: string, value: string, options) =>
      carry(async (call) => (await import('./commands/coordination.ts')).set(call, name, value, options)),
    );
  withControl(program.command('propose'))
    .description('ask the fleet whether a variable should take a value')
    .argument('<name>')
    .argument('<value>', 'JSON, or else a text')
    .option('--why <text>', 'what voters are told')
    .addOption(
      new Option('--rule <rule>', 'who has to agree').choices([
        'majority',
        'supermajority',
        'unanimous',
        'weighted',
      ]),
    )
    .option('--quorum <share>', 'share of the electorate that has to vote', Number)
    .option('--deadline <time>', 'when the round ends, as 30s', time)
    .addOption(new Option('--tie <rule>', 'what a tie means').choices(['reject', 'keep', 'leader']))
    .action((name: string, value: string, options) =>
      carry(async (call) => (await import('./commands/coordination.ts')).propose(call, name, value, options)),
    );
  withControl(program.command('resize'))
    .description('give a pool a size')
    .argument('<pool>')
    .argument('<size>', 'members', whole)
    .action((pool: string, size: number, options) =>
      carry(async (call) => (await import('./commands/coordination.ts')).resize(call, pool, size, options)),
    );

  program.commandsGroup('Look ahead:');
  withJson(program.command('plan'))
    .description('say what a recovery from a store would do, without doing it')
    .argument('[file]', 'a fleet file, for the definitions of agents that live in the program')
    .option('--store <file>', 'a store that no program has open (default: that of the fleet file)')
    .addHelpText(
      'after',
      examples(['mabeam plan fleet.ts --store fleet.db', 'before a new version goes out']),
    )
    .action((file: string | undefined, options) =>
      carry(async (call) => (await import('./commands/plan.ts')).plan(call, file, options)),
    );
  withJson(program.command('charts'))
    .description('list the life cycles that agents, rounds and pools have, and print them')
    .argument('[name]')
    .option('--svg', 'as a picture')
    .option('--mermaid', 'as mermaid text')
    .option('--out <dir>', 'write files instead')
    .addHelpText(
      'after',
      examples(['mabeam charts agent --svg > agent.svg', ''], ['mabeam charts --out charts', 'all of them']),
    )
    .action((name: string | undefined, options) =>
      carry(async (call) => (await import('./commands/charts.ts')).charts(call, name, options)),
    );
  withJson(program.command('coverage'))
    .description('what programs have taken of these life cycles, added up, and what none ever has')
    .argument('<files...>', 'each the JSON of a system.coverage()')
    .addHelpText('after', examples(['mabeam coverage monday.json tuesday.json', '']))
    .action((files: string[], options) =>
      carry(async (call) => (await import('./commands/coverage.ts')).coverage(call, files, options)),
    );
  return program;
}

const SORTS = [
  'id',
  'type',
  'status',
  'incarnation',
  'restarts',
  'waiting',
  'done',
  'failed',
  'latency',
  'memory',
  'cpu',
  'startedAt',
  'restartAt',
  'lastError',
];

function actOn(program: Command, carry: Carry, name: Act, description: string): Command {
  return withControl(program.command(name))
    .description(description)
    .argument('<id...>')
    .option('-y, --yes', 'do not ask')
    .action((ids: string[], options) =>
      carry(async (call) => (await import('./commands/acts.ts')).act(call, name, ids, options)),
    );
}

function actOnTask(program: Command, carry: Carry, name: TaskAct, description: string): Command {
  return withControl(program.command(name))
    .description(description)
    .argument('<id...>')
    .option('-y, --yes', 'do not ask')
    .action((ids: string[], options) =>
      carry(async (call) => (await import('./commands/tasks.ts')).actOnTasks(call, name, ids, options)),
    );
}

function withJson(command: Command): Command {
  return command.option('--json', 'print JSON');
}

function withUrl(command: Command): Command {
  return withJson(command.option('--url <url>', URL_HELP));
}

function withTarget(command: Command): Command {
  return withUrl(command).option('--store <file>', 'or the file of a store that no program has open');
}

function withControl(command: Command): Command {
  return withUrl(command).option('--by <who>', 'who acts, as the system notes it (default: the user)');
}

function examples(...lines: readonly (readonly [command: string, what: string])[]): string {
  const width = Math.max(...lines.map(([command]) => command.length));
  return [
    '\nExamples:',
    ...lines.map(([command, what]) => `  $ ${command.padEnd(width)}  ${what}`.trimEnd()),
  ].join('\n');
}

function someOf(known: readonly string[]): (list: string) => string {
  return (list) => {
    if (list.split(',').every((one) => known.includes(one))) return list;
    throw new InvalidArgumentError(`Expected some of ${known.join(', ')}, joined by commas.`);
  };
}

function whole(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new InvalidArgumentError('Expected a whole number, 0 or more.');
}

function time(text: string): number {
  const ms = durationFrom(text);
  if (ms !== undefined) return ms;
  throw new InvalidArgumentError('Expected a time, as 500ms, 10s or 2m.');
}
