/** The commands that need no running fleet: what would be, and what has been. */
import { type Command } from 'commander';
import { type Carry, examples, withJson } from './options.ts';

export function addPlanCommands(program: Command, carry: Carry): void {
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
      carry(async (call) => (await import('../commands/plan.ts')).plan(call, file, options)),
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
      carry(async (call) => (await import('../commands/charts.ts')).charts(call, name, options)),
    );
  withJson(program.command('coverage'))
    .description('what programs have taken of these life cycles, added up, and what none ever has')
    .argument('<files...>', 'each the JSON of a system.coverage()')
    .addHelpText('after', examples(['mabeam coverage monday.json tuesday.json', '']))
    .action((files: string[], options) =>
      carry(async (call) => (await import('../commands/coverage.ts')).coverage(call, files, options)),
    );
}
