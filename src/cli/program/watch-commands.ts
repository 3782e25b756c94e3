/** The commands that show a fleet, or a store, and change nothing but what is asked of people. */
import { type Command, Option } from 'commander';
import { agentStatuses, taskStatuses } from '../../machines/statuses.ts';
import { type Carry, examples, someOf, whole, withControl, withTarget, withUrl } from './options.ts';

export function addWatchCommands(program: Command, carry: Carry): void {
  program.commandsGroup('Watch:');
  withControl(program.command('top'))
    .description('watch a fleet as a live table')
    .addHelpText(
      'after',
      `${examples(['mabeam top', ''], ['mabeam top --json', 'how it stands now'])}

In the table: ? for its keys; with MABEAM_CONTROL_TOKEN agents can be started, stopped, restarted and killed there.`,
    )
    .action((options) => carry(async (call) => (await import('../commands/top.ts')).top(call, options)));
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
    .action((options) =>
      carry(async (call) => (await import('../commands/agents.ts')).agents(call, options)),
    );
  withTarget(program.command('agent'))
    .description('show all that is known of one agent')
    .argument('<id>')
    .option('--state', 'with its saved state')
    .addHelpText('after', examples(['mabeam agent ada --state', '']))
    .action((id: string, options) =>
      carry(async (call) => (await import('../commands/agent.ts')).agent(call, id, options)),
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
    .action((options) =>
      carry(async (call) => (await import('../commands/events.ts')).events(call, options)),
    );
  withTarget(program.command('replay'))
    .description("show an agent's life, step by step, from its events alone")
    .argument('<id>')
    .option('--until <sequence>', 'up to this event', whole)
    .option('--limit <n>', 'so many of the last steps (default: 1000)', whole)
    .addHelpText('after', examples(['mabeam replay ada --store fleet.db', '']))
    .action((id: string, options) =>
      carry(async (call) => (await import('../commands/replay.ts')).replay(call, id, options)),
    );
  withUrl(program.command('variables'))
    .description('list variables, or the history of one')
    .argument('[name]')
    .action((name: string | undefined, options) =>
      carry(async (call) => (await import('../commands/coordination.ts')).variables(call, name, options)),
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
    .action((options) => carry(async (call) => (await import('../commands/tasks.ts')).tasks(call, options)));
  withTarget(program.command('task'))
    .description('show all that is known of one task: its times, error, output, and what may be done')
    .argument('<id>')
    .addHelpText('after', examples(['mabeam task task-12', '']))
    .action((id: string, options) =>
      carry(async (call) => (await import('../commands/tasks.ts')).task(call, id, options)),
    );
  withTarget(program.command('schedules'))
    .description('list schedules: when each is due next, and what became of the last time')
    .action((options) =>
      carry(async (call) => (await import('../commands/tasks.ts')).schedules(call, options)),
    );
  withTarget(program.command('questions'))
    .description('list what tasks have asked people, and nobody has answered')
    .addHelpText('after', examples(['mabeam questions --store fleet.db', '']))
    .action((options) =>
      carry(async (call) => (await import('../commands/questions.ts')).questions(call, options)),
    );
  withTarget(program.command('answer'))
    .description('answer a question, once')
    .argument('<id>')
    .argument('<value>', 'JSON, or else a text')
    .option('--by <who>', 'who answers, as the system notes it (default: the user)')
    .addHelpText('after', examples(['mabeam answer task-12/1 yes', '']))
    .action((id: string, value: string, options) =>
      carry(async (call) => (await import('../commands/questions.ts')).answer(call, id, value, options)),
    );
  withUrl(program.command('rounds'))
    .description('list consensus rounds, open ones first')
    .action((options) =>
      carry(async (call) => (await import('../commands/coordination.ts')).rounds(call, options)),
    );
  withUrl(program.command('pools'))
    .description('list pools, or the members and decisions of one')
    .argument('[name]')
    .action((name: string | undefined, options) =>
      carry(async (call) => (await import('../commands/coordination.ts')).pools(call, name, options)),
    );
  withUrl(program.command('quotas'))
    .description('list the limits that agents ran into or share, and who waits')
    .action((options) =>
      carry(async (call) => (await import('../commands/limits.ts')).quotas(call, options)),
    );
  withUrl(program.command('budgets'))
    .description('list what is spent of each budget')
    .action((options) =>
      carry(async (call) => (await import('../commands/limits.ts')).budgets(call, options)),
    );
  withUrl(program.command('alerts'))
    .description('list the alerts that are raised')
    .action((options) =>
      carry(async (call) => (await import('../commands/coordination.ts')).alerts(call, options)),
    );
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
