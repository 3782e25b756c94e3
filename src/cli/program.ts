/**
 * The commands of `mabeam`: their names, options and help. The code of a command is loaded when it is called.
 */
import { Command } from 'commander';
import { addControlCommands } from './program/control-commands.ts';
import type { Carry } from './program/options.ts';
import { addPlanCommands } from './program/plan-commands.ts';
import { addRunCommands } from './program/run-commands.ts';
import { addWatchCommands } from './program/watch-commands.ts';

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
  addRunCommands(program, carry);
  addWatchCommands(program, carry);
  addControlCommands(program, carry);
  addPlanCommands(program, carry);
  return program;
}
