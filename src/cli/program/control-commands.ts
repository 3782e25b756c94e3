/** The commands that act on a running fleet. */
import { type Command, Option } from 'commander';
import type { Act } from '../commands/acts.ts';
import type { TaskAct } from '../commands/tasks.ts';
import { type Carry, examples, time, whole, withControl } from './options.ts';

export function addControlCommands(program: Command, carry: Carry): void {
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
      carry(async (call) =>
        (await import('../commands/tasks.ts')).submit(call, target, task, input, options),
      ),
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
      carry(async (call) => (await import('../commands/tasks.ts')).unschedule(call, name, options)),
    );
  withControl(program.command('lift'))
    .description('have those who wait for a limit go on: it is reset before its time')
    .argument('<quota>', 'the name of a group, or the id of an agent that shares none')
    .action((quota: string, options) =>
      carry(async (call) => (await import('../commands/limits.ts')).lift(call, quota, options)),
    );
  withControl(program.command('refill'))
    .description('have what is spent of a budget count no more')
    .argument('<budget>')
    .option('--of <id>', 'the agent or the task, where each has its own')
    .action((budget: string, options) =>
      carry(async (call) => (await import('../commands/limits.ts')).refill(call, budget, options)),
    );
  withControl(program.command('set'))
    .description('give a variable a value')
    .argument('<name>')
    .argument('<value>', 'JSON, or else a text')
    .option('--why <text>', 'kept in its history')
    .addHelpText('after', examples(['mabeam set learningRate 0.3 --why "it diverged"', '']))
    .action((name: string, value: string, options) =>
      carry(async (call) => (await import('../commands/coordination.ts')).set(call, name, value, options)),
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
      carry(async (call) =>
        (await import('../commands/coordination.ts')).propose(call, name, value, options),
      ),
    );
  withControl(program.command('resize'))
    .description('give a pool a size')
    .argument('<pool>')
    .argument('<size>', 'members', whole)
    .action((pool: string, size: number, options) =>
      carry(async (call) => (await import('../commands/coordination.ts')).resize(call, pool, size, options)),
    );
}

function actOn(program: Command, carry: Carry, name: Act, description: string): Command {
  return withControl(program.command(name))
    .description(description)
    .argument('<id...>')
    .option('-y, --yes', 'do not ask')
    .action((ids: string[], options) =>
      carry(async (call) => (await import('../commands/acts.ts')).act(call, name, ids, options)),
    );
}

function actOnTask(program: Command, carry: Carry, name: TaskAct, description: string): Command {
  return withControl(program.command(name))
    .description(description)
    .argument('<id...>')
    .option('-y, --yes', 'do not ask')
    .action((ids: string[], options) =>
      carry(async (call) => (await import('../commands/tasks.ts')).actOnTasks(call, name, ids, options)),
    );
}
