/** The commands that begin a project, and run a fleet. */
import { type Command, Option } from 'commander';
import { type Carry, examples, time, withJson } from './options.ts';

export function addRunCommands(program: Command, carry: Carry): void {
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
      carry(async (call) => (await import('../commands/init.ts')).init(call, dir, options)),
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
      carry(async (call) => (await import('../commands/run.ts')).run(call, file, options)),
    );
}
