/** `mabeam tasks|task|schedules`, and what is done about them: `submit`, `cancel`, `retry`, `drop`, `unschedule`. */
import { setTimeout as pause } from 'node:timers/promises';
import type { ShownSchedule, ShownTask, TaskDetail, TaskPage } from '../../dashboard/protocol.ts';
import { longestDelayMs } from '../../machines/backoff.ts';
import { hasTaskEnded, type TaskStatus } from '../../machines/index.ts';
import {
  apiOf,
  type Call,
  confirm,
  type JsonOption,
  outJson,
  storeOf,
  type TargetOptions,
  type UrlOptions,
} from '../call.ts';
import { plainText } from '../console.ts';
import { inShort } from '../event-line.ts';
import { count, duration, moment } from '../figures.ts';
import { CommandFailure } from '../failure.ts';
import { type FleetApi, part } from '../fleet-api.ts';
import { printTable } from '../table.ts';
import { valueFrom } from '../value-text.ts';
import { actOnEach, type ActOnEachOptions } from './act-on-each.ts';
import { askedText } from './questions.ts';

export type ListOptions = UrlOptions & JsonOption;

/** Of those that read a store as well. */
export type ReadOptions = TargetOptions & JsonOption;

export interface TasksOptions extends ReadOptions {
  readonly status?: string;
  readonly agent?: string;
  readonly type?: string;
  readonly limit?: number;
  readonly ids?: boolean;
}

export interface ActOptions extends ActOnEachOptions {
  readonly why?: string;
}

export interface SubmitOptions extends ListOptions {
  /** What the target names. */
  readonly to: 'agent' | 'pool' | 'type';
  readonly key?: string;
  /** In ms. */
  readonly timeout?: number;
  /** For its end. */
  readonly wait?: boolean;
}

/** The command's word for an act, and the API's. */
export type TaskAct = 'cancel' | 'retry' | 'drop';
const ACTS = { cancel: 'cancel', retry: 'retry', drop: 'forget' } as const;
/** Between two looks at a task that is waited for. */
const LOOKS = { delayMs: 20, maxDelayMs: 1_000 };
const WHAT_IT_ENDS: Partial<Record<TaskAct, string>> = {
  cancel: 'ends its work, and rejects the promises that wait for it',
  drop: 'removes its record: it can not be done again',
};

export async function tasks(call: Call, options: TasksOptions): Promise<void> {
  const { console } = call;
  const { status, agent, type, limit, ids, json } = options;
  const store = storeOf(options);
  const page =
    store === undefined
      ? await apiOf(call, options).get<TaskPage>('tasks', { status, agent, type, limit })
      : await (await stored()).taskPageAt(store, {
          status: status?.split(',') as readonly TaskStatus[] | undefined,
          agent,
          type,
          limit,
        });
  if (ids) return page.tasks.forEach(({ id }) => console.out(plainText(id)));
  if (json) return outJson(console, page);
  const now = Date.now();
  printTable(console, page.tasks, [
    { title: 'ID', text: ({ id }) => id },
    { title: 'TASK', text: ({ task }) => task },
    { title: 'AGENT', text: ({ agentId, pool }) => (agentId === '' ? `pool ${pool ?? ''}` : agentId) },
    {
      title: 'STATUS',
      text: ({ status, stalledAt }) => (stalledAt === undefined ? status : `${status}, stalled`),
      look: (text, task) => console.paint(lookOf(task), text),
    },
    { title: 'TRIES', text: ({ attempts }) => String(attempts), align: 'right', dispensability: 2 },
    {
      title: 'SINCE',
      text: (task) => duration(Math.max(0, now - since(task))),
      align: 'right',
      dispensability: 1,
    },
    { title: 'WHY', text: (task) => whyOf(task, now), isFlexible: true },
  ]);
  const counts = Object.entries(page.counts).filter(([, number]) => number > 0);
  console.note(
    counts.length === 0
      ? 'no tasks'
      : counts.map(([name, number]) => `${count(number)} ${name.replaceAll('_', ' ')}`).join(', '),
  );
}

/** Loaded where it is needed: a question to a running system reads no store. */
const stored = () => import('../stored-tasks.ts');

export async function task(call: Call, id: string, options: ReadOptions): Promise<void> {
  const store = storeOf(options);
  const detail =
    store === undefined
      ? await apiOf(call, options).get<TaskDetail>(`tasks/${part(id)}`)
      : await (await stored()).taskDetailAt(store, id);
  const { console } = call;
  if (options.json) return outJson(console, detail);
  const { task, legal, output, error, questions } = detail;
  const now = Date.now();
  const lines: readonly (readonly [string, string | undefined])[] = [
    ['task', task.id],
    ['name', task.task],
    ['agent', task.agentId],
    ['pool', task.pool],
    ['status', task.status],
    ['why', whyOf(task, now)],
    ['attempts', String(task.attempts)],
    ['accepted', at(task.acceptedAt)],
    ['started', at(task.startedAt)],
    ['stalled', at(task.stalledAt)],
    ['not before', at(task.dueAt ?? task.parked?.until)],
    ['ended', at(task.endedAt)],
    ['key', task.idempotencyKey ?? task.dedupeKey],
    ['asks', questions.map((asked) => `${asked.id}: ${askedText(asked)}`).join('; ')],
    ['may be asked', legal.map((command) => (command === 'forget' ? 'drop' : command)).join(', ')],
  ];
  for (const [name, value] of lines) {
    if (value !== undefined && value !== '')
      console.out(`${console.paint('dim', name.padEnd(14))}${plainText(value)}`);
  }
  for (const [title, data] of [
    ['output', output],
    ['error', error],
  ] as const) {
    if (data === undefined) continue;
    console.out(`\n${console.paint('bold', title)}`);
    console.out(JSON.stringify(data, undefined, 2));
  }
}

/** @param input JSON, or else a text @throws CommandFailure where it waits, and the task ends without an output */
export async function submit(
  call: Call,
  target: string,
  type: string,
  input: string | undefined,
  { to, key, timeout, wait, ...options }: SubmitOptions,
): Promise<void> {
  const api = apiOf(call, options);
  const { result } = await api.act('tasks', {
    target: to === 'agent' ? target : { [to]: target },
    type,
    ...(input === undefined ? {} : { input: valueFrom(input) }),
    ...(key === undefined ? {} : { idempotencyKey: key }),
    ...(timeout === undefined ? {} : { timeoutMs: timeout }),
  });
  const { console } = call;
  const { id, status } = result as { readonly id: string; readonly status: string };
  if (!wait && options.json) return outJson(console, result);
  (wait ? console.note : console.out)(`${plainText(id)}  ${status}`);
  console.note(`mabeam task ${plainText(id)} shows what becomes of it`);
  if (!wait) return;
  const detail = await endOf(call, api, id);
  const { task, output } = detail;
  if (options.json) outJson(console, detail);
  else if (typeof output === 'string') console.out(output);
  else if (output !== undefined) outJson(console, output);
  if (task.status === 'done') return;
  const why = task.error === undefined ? '' : `: ${task.error}`;
  throw new CommandFailure(`${id}: ${task.status}${why}`);
}

/** Asked for again and again, so that the task may wait for hours and move between agents meanwhile. */
async function endOf({ signal }: Call, api: FleetApi, id: string): Promise<TaskDetail> {
  for (let looks = 0; ; looks += 1) {
    const detail = await api.get<TaskDetail>(`tasks/${part(id)}`);
    if (hasTaskEnded(detail.task.status)) return detail;
    await pause(longestDelayMs(LOOKS, looks), undefined, { signal });
  }
}

export async function actOnTasks(
  call: Call,
  verb: TaskAct,
  ids: readonly string[],
  options: ActOptions,
): Promise<void> {
  const body = verb === 'cancel' && options.why !== undefined ? { reason: options.why } : {};
  await actOnEach(
    call,
    {
      verb,
      noun: 'task',
      ids,
      ends: WHAT_IT_ENDS[verb],
      act: (api, id) => api.act(`tasks/${part(id)}/${ACTS[verb]}`, body),
      textOf: (result) => (result as { readonly status: string }).status,
    },
    options,
  );
}

export async function schedules(call: Call, options: ReadOptions): Promise<void> {
  const store = storeOf(options);
  const schedules =
    store === undefined
      ? (await apiOf(call, options).get<{ readonly schedules: readonly ShownSchedule[] }>('schedules'))
          .schedules
      : await (await stored()).schedulesAt(store);
  const { console } = call;
  if (options.json) return outJson(console, schedules);
  const now = Date.now();
  printTable(console, schedules, [
    { title: 'NAME', text: ({ name }) => name },
    { title: 'TASK', text: ({ task }) => (task as { readonly type: string }).type },
    {
      title: 'FOR',
      text: ({ target }) => (typeof target === 'string' ? target : inShort(target)),
    },
    {
      title: 'WHEN',
      text: ({ cron, everyMs, timezone }) =>
        `${cron ?? `every ${duration(everyMs ?? 0)}`}${timezone === undefined ? '' : ` ${timezone}`}`,
    },
    {
      title: 'NEXT',
      text: ({ nextAt }) => (nextAt === undefined ? 'never' : `in ${duration(Math.max(0, nextAt - now))}`),
    },
    {
      title: 'LAST',
      text: ({ lastDueAt, lastTaskId, lastError }) =>
        lastDueAt === undefined ? '' : `${moment(lastDueAt)}  ${lastError ?? lastTaskId ?? ''}`,
      isFlexible: true,
    },
  ]);
  if (schedules.length === 0) console.note('nothing is scheduled');
}

export async function unschedule(call: Call, name: string, options: ActOptions): Promise<void> {
  const api = apiOf(call, options);
  api.assertControl();
  await confirm(
    call,
    `remove the schedule ${plainText(name)}? Tasks that it has submitted stay.`,
    options.yes,
  );
  const { result } = await api.act(`schedules/${part(name)}/remove`);
  if (options.json) return outJson(call.console, result);
  call.console.out(`${plainText(name)}  removed`);
}

function lookOf({ status, stalledAt }: ShownTask): 'red' | 'yellow' | 'green' | 'dim' {
  if (status === 'done') return 'green';
  if (status === 'waiting' || status === 'cancelled') return 'dim';
  if (status === 'parked' || status === 'waiting_for_input' || stalledAt !== undefined) return 'yellow';
  return status === 'running' ? 'green' : 'red';
}

function at(time: number | undefined): string | undefined {
  return time === undefined ? undefined : moment(time);
}

/** Since when the task has its status. */
function since({ status, acceptedAt, startedAt, endedAt, parked }: ShownTask): number {
  return endedAt ?? parked?.at ?? (status === 'waiting' ? acceptedAt : (startedAt ?? acceptedAt));
}

function whyOf({ status, error, parked, dueAt }: ShownTask, now: number): string {
  const due = parked?.until ?? dueAt;
  const when = due === undefined ? '' : `in ${duration(Math.max(0, due - now))}`;
  return [status === 'parked' ? parked?.why : error, when]
    .filter((one) => one !== undefined && one !== '')
    .join(', ');
}
