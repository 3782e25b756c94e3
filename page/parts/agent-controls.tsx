/** What may be done to an agent now. */
import type { AgentCommand } from '../../src/machines/index.ts';
import { part } from '../connection/api.ts';
import { go } from '../model/route.ts';
import { type CommandButton, CommandButtons } from './command-buttons.tsx';
import { performed } from './performed.ts';

type Command = Exclude<AgentCommand, 'execute'>;

const COMMANDS: readonly CommandButton<Command>[] = [
  { command: 'start', verb: 'Start' },
  { command: 'restart', verb: 'Restart' },
  { command: 'pause', verb: 'Pause' },
  { command: 'resume', verb: 'Resume' },
  {
    command: 'stop',
    verb: 'Stop',
    warning:
      'It drains its tasks, saves its state and ends. It stays listed, and is not restarted by itself.',
  },
  {
    command: 'kill',
    verb: 'Kill',
    warning:
      'Its body ends at once: running tasks are abandoned and nothing is saved. Its restart policy answers that as a crash.',
  },
  { command: 'forget', verb: 'Forget', warning: 'Its record and its saved state are gone for good.' },
];

export function AgentControls({
  id,
  legal,
}: {
  readonly id: string;
  readonly legal: readonly AgentCommand[];
}) {
  return (
    <CommandButtons
      commands={COMMANDS}
      legal={legal}
      label={`Control ${id}`}
      subject={id}
      perform={(command) => void perform(id, command)}
    />
  );
}

async function perform(id: string, command: Command): Promise<void> {
  const path = `agents/${part(id)}/${command}`;
  if ((await performed(path, {}, `${command} ${id}`)) && command === 'forget') go('#/agents');
}
