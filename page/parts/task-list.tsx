/** Tasks as rows that unfold: where each stands, and what may be done about it. */
import { useEffect, useState } from 'preact/hooks';
import type { ShownTask, TaskDetail } from '../../src/dashboard/protocol.ts';
import type { TaskCommand } from '../../src/index.ts';
import { ask, part } from '../connection/api.ts';
import { now } from '../model/clock.ts';
import { agentHref, agentsHref } from '../model/route.ts';
import { moment, number } from '../words.ts';
import { type CommandButton, CommandButtons } from './command-buttons.tsx';
import { Json } from './json.tsx';
import { performed } from './performed.ts';
import { isLost, TaskGlyph, taskWords } from './task-state.tsx';

export function TaskList({
  tasks,
  open,
  isOfAgent = false,
}: {
  readonly tasks: readonly ShownTask[];
  /** Id of the one that is unfolded at first. */
  readonly open?: string | undefined;
  readonly isOfAgent?: boolean;
}) {
  return (
    <ul class="tasks">
      {tasks.map((task) => (
        <li key={task.id}>
          <Task task={task} isOpen={task.id === open} isOfAgent={isOfAgent} />
        </li>
      ))}
    </ul>
  );
}

function Task({
  task,
  isOpen,
  isOfAgent,
}: {
  readonly task: ShownTask;
  readonly isOpen: boolean;
  readonly isOfAgent: boolean;
}) {
  const [isUnfolded, setUnfolded] = useState(isOpen);
  const { agentId, pool, attempts, error, parked, status } = task;
  const why = error ?? (status === 'parked' ? parked?.why : undefined);
  return (
    <details open={isUnfolded} onToggle={(event) => setUnfolded(event.currentTarget.open)}>
      <summary>
        <TaskGlyph task={task} />
        <b class="mono cut">{task.task}</b>
        {isOfAgent ? null : (
          <span class="mono quiet cut task-agent">{agentId === '' ? `pool ${pool ?? ''}` : agentId}</span>
        )}
        <span class={`task-words ${toneOf(task)}`}>
          {taskWords(task, now.value)}
          {attempts > 1 ? <span class="quiet">, attempt {number(attempts)}</span> : null}
        </span>
        {why === undefined ? null : <span class="task-why quiet cut">{why}</span>}
      </summary>
      {isUnfolded ? <Detail task={task} /> : null}
    </details>
  );
}

function toneOf(task: ShownTask): string {
  if (isLost(task)) return 'tone-bad';
  const { status, stalledAt } = task;
  const isHeld = status === 'parked' || status === 'waiting_for_input';
  return isHeld || (status === 'running' && stalledAt !== undefined) ? 'tone-warn' : 'quiet';
}

function Detail({ task }: { readonly task: ShownTask }) {
  const [detail, setDetail] = useState<TaskDetail | undefined>(undefined);
  const { id, status, attempts, stalledAt, agentId, pool, acceptedAt, startedAt, endedAt } = task;
  useEffect(() => {
    let isWanted = true;
    ask<TaskDetail>(`tasks/${part(id)}`).then(
      (given) => isWanted && setDetail(given),
      () => undefined,
    );
    return () => {
      isWanted = false;
    };
  }, [id, status, attempts, stalledAt]);
  const { idempotencyKey, dedupeKey, dueAt, parked } = task;
  const times = [
    ['accepted', acceptedAt],
    ['started', startedAt],
    ['stalled', stalledAt],
    ['not before', dueAt],
    ['back at', parked?.until],
    ['ended', endedAt],
  ] as const;
  return (
    <div class="task-detail">
      <dl class="facts">
        <dt>id</dt>
        <dd class="mono">{id}</dd>
        <dt>agent</dt>
        <dd>
          {agentId === '' ? (
            <span class="quiet">none yet</span>
          ) : (
            <a class="mono" href={agentHref(agentId)}>
              {agentId}
            </a>
          )}
          {pool === undefined ? null : (
            <>
              {' '}
              in <a href={agentsHref({ pool })}>{pool}</a>
            </>
          )}
        </dd>
        {times.map(([name, at]) =>
          at === undefined ? null : (
            <>
              <dt>{name}</dt>
              <dd>{moment(at)}</dd>
            </>
          ),
        )}
        <dt>attempts</dt>
        <dd>{number(attempts)}</dd>
        {idempotencyKey === undefined && dedupeKey === undefined ? null : (
          <>
            <dt>key</dt>
            <dd class="mono">{idempotencyKey ?? dedupeKey}</dd>
          </>
        )}
      </dl>
      {detail?.questions.map(({ id: question, question: text }) => (
        <p key={question} class="note">
          Asks: <a href="#/questions">{text}</a>
        </p>
      ))}
      {detail?.error === undefined ? null : <Fault error={detail.error} />}
      {detail?.output === undefined ? null : (
        <div>
          <h3>Output</h3>
          <Json value={detail.output} />
        </div>
      )}
      {detail === undefined ? null : <Controls task={task} legal={detail.legal} />}
    </div>
  );
}

function Fault({ error }: { readonly error: unknown }) {
  const { name, message, stack, ...more } = error as Partial<Record<string, unknown>>;
  return (
    <div class="note bad">
      <b>{String(name)}</b>
      <p>{String(message)}</p>
      {Object.keys(more).length === 0 ? null : <Json value={more} />}
      {typeof stack !== 'string' ? null : (
        <details>
          <summary>Stack</summary>
          <pre tabIndex={0}>{stack}</pre>
        </details>
      )}
    </div>
  );
}

const COMMANDS: readonly CommandButton<TaskCommand>[] = [
  { command: 'retry', verb: 'Do again' },
  {
    command: 'cancel',
    verb: 'Cancel',
    warning: 'Its signal is aborted, and calls that wait for it are rejected as cancelled.',
    asked: 'Cancel the task',
  },
  { command: 'forget', verb: 'Forget', warning: 'Its record is gone for good, and can not be done again.' },
];

function Controls({ task, legal }: { readonly task: ShownTask; readonly legal: readonly TaskCommand[] }) {
  const { id, task: name, agentId } = task;
  return (
    <CommandButtons
      commands={COMMANDS}
      legal={legal}
      label={`Control ${name} ${id}`}
      subject={agentId === '' ? name : `${name} of ${agentId}`}
      perform={(command) => void performed(`tasks/${part(id)}/${command}`, {}, `${command} ${name}`)}
    />
  );
}
