/** What may be done to an agent now: only what is legal can be pressed, and what destroys asks first. */
import type { AgentCommand } from '../../src/machines/index.ts';
import { act, part } from '../connection/api.ts';
import { controlToken } from '../connection/session.ts';
import { go } from '../model/route.ts';
import { askFirst } from './dialogs.tsx';
import { say } from './toasts.tsx';

interface Command {
  readonly command: Exclude<AgentCommand, 'execute'>;
  readonly verb: string;
  /** What it would destroy. */
  readonly warning?: string;
}

const COMMANDS: readonly Command[] = [
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
  if (controlToken.value === null) return null;
  return (
    <div class="buttons controls" role="group" aria-label={`Control ${id}`}>
      {COMMANDS.map(({ command, verb, warning }) => (
        <button
          key={command}
          type="button"
          class={warning === undefined ? 'button' : 'button danger'}
          disabled={!legal.includes(command)}
          title={legal.includes(command) ? '' : 'not legal in the state it is in'}
          onClick={() => {
            const yes = () => void perform(id, command);
            if (warning === undefined) yes();
            else askFirst({ title: `${verb} ${id}?`, text: warning, verb, yes });
          }}
        >
          {verb}
        </button>
      ))}
    </div>
  );
}

async function perform(id: string, command: Command['command']): Promise<void> {
  const path = `agents/${part(id)}/${command}`;
  if (await performed(path, {}, `${command} ${id}`)) if (command === 'forget') go('#/agents');
}

/** Acts, and says how it went. */
export async function performed(
  path: string,
  body: Readonly<Record<string, unknown>>,
  what: string,
): Promise<boolean> {
  try {
    await act(path, body);
    say(`${what}: done`);
    return true;
  } catch (thrown) {
    say(`${what}: ${thrown instanceof Error ? thrown.message : String(thrown)}`, { isBad: true });
    return false;
  }
}
