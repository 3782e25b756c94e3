/** Work: which tasks hang, failed for good, wait, and for what; and what is due when. */
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { ShownSchedule, ShownTask, WorkReport } from '../../src/dashboard/protocol.ts';
import type { TaskStatus } from '../../src/index.ts';
import { part } from '../connection/api.ts';
import { controlToken } from '../connection/session.ts';
import { now } from '../model/clock.ts';
import { needs, work } from '../model/fleet.ts';
import { go, taskHref, workHref } from '../model/route.ts';
import { performed } from '../parts/performed.ts';
import { askFirst } from '../parts/dialogs.tsx';
import { Empty } from '../parts/empty.tsx';
import { TaskList } from '../parts/task-list.tsx';
import { isLost, StatusGlyph, statusWords } from '../parts/task-state.tsx';
import { ago, duration, inline, moment, number } from '../words.ts';

/** In the order of their importance to a reader. */
const STATUSES: readonly TaskStatus[] = [
  'failed',
  'timed_out',
  'abandoned',
  'unknown',
  'waiting_for_input',
  'parked',
  'running',
  'waiting',
  'done',
  'cancelled',
];

const GROUPS: readonly { readonly title: string; readonly has: (task: ShownTask) => boolean }[] = [
  { title: 'Failed for good', has: ({ canRetry }) => canRetry === true },
  { title: 'Hang', has: ({ status, stalledAt }) => status === 'running' && stalledAt !== undefined },
  { title: 'Wait for a person', has: ({ status }) => status === 'waiting_for_input' },
  { title: 'Wait for a limit', has: ({ status }) => status === 'parked' },
  { title: 'Run', has: ({ status, stalledAt }) => status === 'running' && stalledAt === undefined },
  { title: 'Wait', has: ({ status }) => status === 'waiting' },
  { title: 'Failed, and their callers were told', has: (task) => isLost(task) && !task.canRetry },
  { title: 'Done, the newest', has: ({ status }) => status === 'done' },
  { title: 'Cancelled', has: ({ status }) => status === 'cancelled' },
];

export function WorkView({ query }: { readonly query: URLSearchParams }) {
  const report = work.value;
  if (report === undefined) return <main class="view" aria-busy="true" />;
  const { counts, tasks, schedules } = report;
  const status = STATUSES.find((one) => one === query.get('status'));
  const shown = status === undefined ? tasks : tasks.filter((task) => task.status === status);
  return (
    <main class="view">
      <header>
        <h1>Work</h1>
        <p>{summaryOf(counts, needs.value?.failed ?? 0)}</p>
      </header>
      <div class="chips" role="group" aria-label="Status">
        {STATUSES.filter((one) => counts[one] > 0 || one === status).map((one) => (
          <button
            key={one}
            type="button"
            class="chip"
            aria-pressed={one === status}
            onClick={() => go(workHref(one === status ? {} : { status: one }), { replace: true })}
          >
            <StatusGlyph status={one} />
            {statusWords(one)} <span class="n">{number(counts[one])}</span>
          </button>
        ))}
      </div>
      <div class="work-columns">
        <section class="card" aria-labelledby="tasks-title">
          <header>
            <h2 id="tasks-title">Tasks</h2>
            <span class="aside">
              {shown.length === 0 ? 'none' : countWords(report, status, shown.length)}
            </span>
          </header>
          <HeldTasks key={status ?? ''} shown={shown} status={status} open={query.get('task') ?? undefined} />
        </section>
        <section class="card" aria-labelledby="schedules-title">
          <header>
            <h2 id="schedules-title">Schedules</h2>
            <span class="aside">{schedules.length === 0 ? 'none' : number(schedules.length)}</span>
          </header>
          <div class="body">
            {schedules.length === 0 ? (
              <Empty title="Nothing is scheduled">
                <code>await system.tasks.schedule({'{ name, cron, target, task }'})</code>
              </Empty>
            ) : (
              <ul class="schedules">
                {schedules.map((schedule) => (
                  <Schedule key={schedule.name} schedule={schedule} />
                ))}
              </ul>
            )}
          </div>
        </section>
      </div>
    </main>
  );
}

interface Group {
  readonly title: string;
  readonly ids: readonly string[];
}

/**
 * The tasks that were there when the view opened, so that no row moves under the pointer. Their states are kept up to
 * date; a button adds the tasks that have come since.
 */
function HeldTasks({
  shown,
  status,
  open,
}: {
  readonly shown: readonly ShownTask[];
  readonly status: TaskStatus | undefined;
  readonly open: string | undefined;
}) {
  const [groups, setGroups] = useState<readonly Group[]>([]);
  const known = useRef(new Map<string, ShownTask>());
  const held = new Set(groups.flatMap(({ ids }) => ids));
  for (const task of shown) if (held.has(task.id)) known.current.set(task.id, task);
  const more = shown.filter(({ id }) => !held.has(id)).length;
  const renew = () => {
    known.current = new Map(shown.map((task) => [task.id, task]));
    setGroups(
      GROUPS.map(({ title, has }) => ({ title, ids: shown.filter(has).map(({ id }) => id) })).filter(
        ({ ids }) => ids.length > 0,
      ),
    );
  };
  useLayoutEffect(() => {
    if (held.size === 0 && shown.length > 0) renew();
  });
  if (groups.length === 0) {
    return (
      <div class="body">
        <Empty title={status === undefined ? 'No work yet' : `None ${statusWords(status)}`}>
          {status === undefined ? <code>await system.tasks.submit(agentId, {'{ type, input }'})</code> : null}
        </Empty>
      </div>
    );
  }
  return (
    <div class="body">
      <p class="held">
        <button type="button" class="button" disabled={more === 0} onClick={renew}>
          {more === 0 ? 'Nothing new' : `Show ${number(more)} new`}
        </button>
      </p>
      {groups.map(({ title, ids }) => (
        <div key={title} class="task-group">
          <h3>
            {title} <span class="quiet">{number(ids.length)}</span>
          </h3>
          <TaskList tasks={ids.flatMap((id) => known.current.get(id) ?? [])} open={open} />
        </div>
      ))}
    </div>
  );
}

function summaryOf(counts: WorkReport['counts'], lost: number): string {
  const said = [
    `${number(counts.running)} running`,
    `${number(counts.waiting)} waiting`,
    ...(lost === 0 ? [] : [`${number(lost)} failed for good`]),
  ];
  return said.join(', ');
}

/** Of very many the first of each status are shown. */
function countWords({ counts }: WorkReport, status: TaskStatus | undefined, shown: number): string {
  const all =
    status === undefined ? Object.values(counts).reduce((sum, count) => sum + count, 0) : counts[status];
  return shown >= all ? number(all) : `${number(shown)} of ${number(all)}`;
}

function Schedule({ schedule }: { readonly schedule: ShownSchedule }) {
  const { name, cron, timezone, everyMs, target, task, nextAt, lastDueAt, lastTaskId, lastError } = schedule;
  const remove = () => void performed(`schedules/${part(name)}/remove`, {}, `remove ${name}`);
  const { type } = task as { readonly type: string };
  return (
    <li>
      <p>
        <b class="mono">{name}</b> <span class="mono quiet">{type}</span>{' '}
        <span class="quiet">
          for {typeof target === 'string' ? target : inline(Object.values(target)[0]).replaceAll('"', '')}
        </span>
        <span class="aside nowrap" title={nextAt === undefined ? '' : moment(nextAt)}>
          {nextAt === undefined ? (
            <span class="quiet">has no more time</span>
          ) : (
            `in ${duration(nextAt - now.value)}`
          )}
        </span>
      </p>
      <p class="quiet">
        {cron === undefined ? `every ${duration(everyMs ?? 0)}` : <span class="mono">{cron}</span>}
        {timezone === undefined ? '' : `, ${timezone}`}
        {lastDueAt === undefined ? ', not due yet' : `, last ${ago(lastDueAt, now.value)}`}
        {lastTaskId === undefined ? null : (
          <>
            {': '}
            <a class="mono" href={taskHref(lastTaskId)}>
              {lastTaskId}
            </a>
          </>
        )}
      </p>
      {lastError === undefined ? null : <p class="tone-bad">{lastError}</p>}
      {controlToken.value === null ? null : (
        <button
          type="button"
          class="button danger"
          onClick={() =>
            askFirst({
              title: `Remove the schedule ${name}?`,
              text: 'Nothing more is submitted by it. Tasks that it has submitted stay.',
              verb: 'Remove',
              yes: remove,
            })
          }
        >
          Remove
        </button>
      )}
    </li>
  );
}
