/** Commands as buttons: only what is legal can be pressed, and what destroys asks first. */
import { controlToken } from '../connection/session.ts';
import { askFirst } from './dialogs.tsx';

export interface CommandButton<Command> {
  readonly command: Command;
  readonly verb: string;
  /** What it would destroy. */
  readonly warning?: string;
  /** The verb of the question, where `verb` reads as something else beside its own "Cancel". */
  readonly asked?: string;
}

export function CommandButtons<Command extends string>({
  commands,
  legal,
  label,
  subject,
  perform,
}: {
  readonly commands: readonly CommandButton<Command>[];
  readonly legal: readonly string[];
  readonly label: string;
  /** What is acted on, as the question names it. */
  readonly subject: string;
  readonly perform: (command: Command) => void;
}) {
  if (controlToken.value === null) return null;
  return (
    <div class="buttons controls" role="group" aria-label={label}>
      {commands.map(({ command, verb, warning, asked = verb }) => {
        const isLegal = legal.includes(command);
        const yes = () => perform(command);
        return (
          <button
            key={command}
            type="button"
            class={warning === undefined ? 'button' : 'button danger'}
            disabled={!isLegal}
            title={isLegal ? '' : 'not legal in the state it is in'}
            onClick={() => {
              if (warning === undefined) yes();
              else askFirst({ title: `${verb} ${subject}?`, text: warning, verb: asked, yes });
            }}
          >
            {verb}
          </button>
        );
      })}
    </div>
  );
}
