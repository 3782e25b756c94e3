/** One agent: where it is in its chart, how it came there, and all that is known of it. */
import { signal } from '@preact/signals';
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { AgentDetail, LifeReport, LogLine, ShownEvent } from '../../src/dashboard/protocol.ts';
import { ask, part } from '../connection/api.ts';
import { connection } from '../connection/stream.ts';
import { now } from '../model/clock.ts';
import { statesOf } from '../model/chart-paths.ts';
import { agent, agentEvents, agentTasks, hello } from '../model/fleet.ts';
import { followLife, life, place } from '../model/life.ts';
import { agentHref, agentsHref } from '../model/route.ts';
import { AgentControls } from '../parts/agent-controls.tsx';
import { ChartPicture } from '../parts/chart-picture.tsx';
import { Empty } from '../parts/empty.tsx';
import { Glyph, Status } from '../parts/glyph.tsx';
import { Json } from '../parts/json.tsx';
import { LivesBar } from '../parts/lives-bar.tsx';
import { OwnChart } from '../parts/own-chart.tsx';
import { Scrubber } from '../parts/scrubber.tsx';
import { TaskList } from '../parts/task-list.tsx';
import {
  ago,
  bytes,
  duration,
  inline,
  latency,
  moment,
  number,
  percent,
  returnWords,
  stateWords,
  time,
} from '../words.ts';

type Tab = 'record' | 'tasks' | 'events' | 'state' | 'spec' | 'logs';
const TABS: readonly (readonly [Tab, string])[] = [
  ['record', 'Record'],
  ['tasks', 'Tasks'],
  ['events', 'Events'],
  ['state', 'Saved state'],
  ['spec', 'Spec'],
  ['logs', 'Logs'],
];
const tab = signal<Tab>('record');
const isWhole = signal(localStorage.getItem('mabeam.chart') === 'whole');

export function AgentView({ id }: { readonly id: string }) {
  useEffect(() => followLife(id), [id]);
  const detail = agent.value;
  if (detail === null) return <Gone id={id} />;
  if (detail === undefined) return <main class="view" aria-busy="true" />;
  const { agent: row } = detail;
  const back = returnWords(row, now.value);
  return (
    <main class="view agent">
      <header>
        <a class="back" href="#/agents">
          Agents
        </a>
        <h1 class="mono">{id}</h1>
        <Status status={row.status} />
        <p>{stateWords(row)}</p>
        {back === undefined ? null : (
          <p class={row.restartAt === undefined ? 'tone-bad' : 'tone-warn'}>{back}</p>
        )}
        <Held row={row} />
        <Asks />
        <AgentControls id={id} legal={detail.legal} />
      </header>
      <Numbers detail={detail} />
      <div class="agent-columns">
        <div>
          <section class="card" aria-labelledby="chart-title">
            <ChartOfLife detail={detail} />
          </section>
          <OwnChart />
        </div>
        <section class="card tabbed" aria-label="What is known">
          <div class="tabs" role="tablist">
            {TABS.map(([name, title]) =>
              name === 'logs' && !hello.value?.logs ? null : (
                <button
                  key={name}
                  id={`tab-${name}`}
                  type="button"
                  role="tab"
                  aria-selected={tab.value === name}
                  aria-controls="tab-panel"
                  tabIndex={tab.value === name ? 0 : -1}
                  onClick={() => (tab.value = name)}
                  onKeyDown={(event) => moveTab(event)}
                >
                  {title}
                </button>
              ),
            )}
          </div>
          <div id="tab-panel" class="body" role="tabpanel" aria-labelledby={`tab-${tab.value}`} tabIndex={0}>
            {tab.value === 'record' ? <Record detail={detail} /> : null}
            {tab.value === 'tasks' ? <Tasks /> : null}
            {tab.value === 'events' ? <Events events={agentEvents.value} /> : null}
            {tab.value === 'state' ? <SavedState id={id} /> : null}
            {tab.value === 'spec' ? <Json value={detail.spec} /> : null}
            {tab.value === 'logs' ? <Logs id={id} /> : null}
          </div>
        </section>
      </div>
    </main>
  );
}

/** Says that it is paused, or parked by a limit. */
function Held({ row: { paused, parked } }: { readonly row: AgentDetail['agent'] }) {
  if (paused !== undefined) {
    const by = paused.by === undefined ? '' : ` by ${paused.by}`;
    return (
      <p class="badge tone-warn">
        paused{by}, {ago(paused.at, now.value)}
      </p>
    );
  }
  if (parked === undefined) return null;
  return (
    <p class="badge tone-warn" title={parked.why}>
      parked, back in {duration(parked.until - now.value)}: {parked.why}
    </p>
  );
}

/** Says that tasks of it wait for people: what is queued behind them waits, too. */
function Asks() {
  const asking = agentTasks.value?.filter(({ status }) => status === 'waiting_for_input').length ?? 0;
  if (asking === 0) return null;
  return (
    <a class="badge tone-warn" href="#/questions">
      {asking === 1 ? 'a task waits' : `${number(asking)} tasks wait`} for a person
    </a>
  );
}

function moveTab(event: KeyboardEvent): void {
  const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
  if (step === 0) return;
  const shown = TABS.filter(([name]) => name !== 'logs' || hello.value?.logs);
  const here = shown.findIndex(([name]) => name === tab.value);
  const [next] = shown[(here + step + shown.length) % shown.length]!;
  tab.value = next;
  requestAnimationFrame(() => document.getElementById(`tab-${next}`)?.focus());
}

function Gone({ id }: { readonly id: string }) {
  const report = life.value;
  const last = report?.steps.at(-1);
  return (
    <main class="view">
      <header>
        <a class="back" href="#/agents">
          Agents
        </a>
        <h1 class="mono">{id}</h1>
      </header>
      <div class="card">
        <Empty title={last ? 'This agent was forgotten' : 'There is no such agent'}>
          {last
            ? `Its record is gone since ${moment(last.at)}; what the event log still has of it is below.`
            : 'Nobody of that id is registered.'}
        </Empty>
      </div>
      {report === undefined || report.steps.length === 0 ? null : (
        <section class="card">
          <Past report={report} />
        </section>
      )}
    </main>
  );
}

function Past({ report }: { readonly report: LifeReport }) {
  const svg = useChart(true);
  const states = useMemo(() => statesOf(report.steps), [report]);
  const at = place.value ?? report.steps.length - 1;
  return (
    <>
      {svg === undefined ? (
        <div class="chart-frame" />
      ) : (
        <ChartPicture svg={svg} state={states[at] ?? 'forgotten'} label="The life of the agent" isPast />
      )}
      <LivesBar lives={report.lives} />
      <Scrubber report={report} />
    </>
  );
}

function Numbers({ detail: { agent: row, metrics } }: { readonly detail: AgentDetail }) {
  const { startedAt, endedAt } = row;
  const up = startedAt === undefined ? '–' : duration((endedAt ?? now.value) - startedAt);
  return (
    <dl class="numbers">
      <div>
        <dt>Life</dt>
        <dd>{row.incarnation === 0 ? '–' : number(row.incarnation)}</dd>
      </div>
      <div>
        <dt>{endedAt === undefined ? 'Up' : 'Lived'}</dt>
        <dd>{up}</dd>
      </div>
      <div>
        <dt>Restarts</dt>
        <dd>{number(row.restarts)}</dd>
      </div>
      <div>
        <dt>Queue</dt>
        <dd>
          {number(metrics.running)} <small>running</small> {number(metrics.waiting)} <small>waiting</small>
        </dd>
      </div>
      <div>
        <dt>Tasks</dt>
        <dd>
          {number(metrics.done)} <small>done</small>{' '}
          <span class={row.failed > 0 ? 'tone-bad' : ''}>{number(row.failed)}</span> <small>failed</small>
        </dd>
      </div>
      <div>
        <dt>Latency</dt>
        <dd>
          {latency(row.latencyMs?.mean)} <small>mean</small>{' '}
          {row.latencyMs ? latency(metrics.latencyMs.max) : '–'} <small>max</small>
        </dd>
      </div>
      {row.memoryBytes === undefined ? null : (
        <div>
          <dt>Memory</dt>
          <dd>{bytes(row.memoryBytes)}</dd>
        </div>
      )}
      {row.cpuShare === undefined ? null : (
        <div>
          <dt>CPU</dt>
          <dd>{percent(row.cpuShare)}</dd>
        </div>
      )}
    </dl>
  );
}

function ChartOfLife({ detail: { agent: row } }: { readonly detail: AgentDetail }) {
  const svg = useChart(isWhole.value);
  const report = life.value;
  const states = useMemo(() => (report ? statesOf(report.steps) : []), [report]);
  const at = place.value;
  const state = at === undefined ? row.state : (states[at] ?? row.state);
  const status = at === undefined ? row.status : (report?.steps[at]?.status ?? row.status);
  const choose = (whole: boolean) => {
    isWhole.value = whole;
    localStorage.setItem('mabeam.chart', whole ? 'whole' : 'statuses');
  };
  return (
    <>
      <header class="chart-head">
        <h2 id="chart-title">Its chart</h2>
        <span class="mono quiet cut">{state}</span>
        <div class="segments aside" role="group" aria-label="How much of the chart">
          <button type="button" aria-pressed={!isWhole.value} onClick={() => choose(false)}>
            Statuses
          </button>
          <button type="button" aria-pressed={isWhole.value} onClick={() => choose(true)}>
            Every state
          </button>
        </div>
      </header>
      <div class={`of-state-${status}`}>
        {svg === undefined ? (
          <div class="chart-frame" />
        ) : (
          <ChartPicture svg={svg} state={state} label="The life of the agent" isPast={at !== undefined} />
        )}
      </div>
      {report === undefined ? (
        <div class="scrubber" />
      ) : (
        <>
          <LivesBar lives={report.lives} />
          <Scrubber report={report} />
        </>
      )}
    </>
  );
}

/** Charts are large, and only this view has them. */
function useChart(whole: boolean): string | undefined {
  const [svg, setSvg] = useState<readonly [boolean, string] | undefined>(undefined);
  useEffect(() => {
    let isWanted = true;
    const loaded = whole
      ? import('../../visualizations/agent.svg?raw')
      : import('../../visualizations/agent-statuses.svg?raw');
    void loaded.then(({ default: text }) => isWanted && setSvg([whole, text]));
    return () => {
      isWanted = false;
    };
  }, [whole]);
  return svg?.[0] === whole ? svg[1] : undefined;
}

function Record({ detail }: { readonly detail: AgentDetail }) {
  const { agent: row, health, reason, abandoned, metrics } = detail;
  return (
    <>
      <dl class="facts">
        <dt>type</dt>
        <dd>
          <a class="mono" href={agentsHref({ type: row.type })}>
            {row.type}
          </a>
        </dd>
        {row.pool === undefined ? null : (
          <>
            <dt>pool</dt>
            <dd>
              <a class="mono" href={agentsHref({ pool: row.pool })}>
                {row.pool}
              </a>
            </dd>
          </>
        )}
        {row.parent === undefined ? null : (
          <>
            <dt>spawned by</dt>
            <dd>
              <a class="mono" href={agentHref(row.parent)}>
                {row.parent}
              </a>
            </dd>
          </>
        )}
        <Children detail={detail} />
        {row.node === undefined ? null : (
          <>
            <dt>node</dt>
            <dd>
              <a class="mono" href={agentsHref({ node: row.node })}>
                {row.node}
              </a>
            </dd>
          </>
        )}
        <dt>isolation</dt>
        <dd>{row.isolation}</dd>
        <dt>capabilities</dt>
        <dd>
          {row.capabilities.length === 0 ? <span class="quiet">none</span> : row.capabilities.join(', ')}
        </dd>
        <dt>health</dt>
        <dd>
          {health.status.replace('_', ' ')}
          {health.misses > 0 ? <span class="tone-warn">, {health.misses} missed in a row</span> : null}
          {health.checkedAt === undefined ? null : (
            <span class="quiet">, {ago(health.checkedAt, now.value)}</span>
          )}
          {health.latencyMs === undefined ? null : (
            <span class="quiet">, answered in {latency(health.latencyMs)}</span>
          )}
        </dd>
        {health.detail === undefined ? null : (
          <>
            <dt>says</dt>
            <dd>
              <Json value={health.detail} />
            </dd>
          </>
        )}
        <dt>restarts</dt>
        <dd>
          {row.restartPolicy}, {number(row.restarts)} so far
          {row.restartPolicy === 'immediate' || row.restartPolicy === 'delayed'
            ? `, ${row.maxRestarts} at the most in its window`
            : ''}
        </dd>
        <dt>started</dt>
        <dd>{row.startedAt === undefined ? <span class="quiet">never</span> : moment(row.startedAt)}</dd>
        {row.endedAt === undefined ? null : (
          <>
            <dt>ended</dt>
            <dd>{moment(row.endedAt)}</dd>
          </>
        )}
        {row.restartAt === undefined ? null : (
          <>
            <dt>restarts at</dt>
            <dd>{moment(row.restartAt)}</dd>
          </>
        )}
        <dt>dropped</dt>
        <dd>
          {number(metrics.dropped)} <span class="quiet">reports that came too late</span>
        </dd>
        {abandoned.length === 0 ? null : (
          <>
            <dt>left undone</dt>
            <dd class="mono">{abandoned.join(', ')}</dd>
          </>
        )}
      </dl>
      {row.alerts.length === 0 ? null : (
        <p class="note">
          <Glyph status="unresponsive" /> {row.alerts.join(', ').replaceAll('_', ' ')}
        </p>
      )}
      {reason === undefined ? null : (
        <div class="note bad">
          <b>Why it ended</b>
          <p>{reason.text}</p>
          <Stack reason={reason.detail} />
        </div>
      )}
      {row.lastError === undefined || row.lastError.text === reason?.text ? null : (
        <div class="note">
          <b>Last error</b> <span class="quiet">{moment(row.lastError.at)}</span>
          <p>{row.lastError.text}</p>
        </div>
      )}
    </>
  );
}

/** Agents that it has spawned. */
function Children({ detail: { children, childCount } }: { readonly detail: AgentDetail }) {
  if (childCount === 0) return null;
  return (
    <>
      <dt>has spawned</dt>
      <dd>
        {children.slice(0, 40).map(({ id, status }) => (
          <span key={id} class="nowrap">
            <Glyph status={status} />{' '}
            <a class="mono" href={agentHref(id)} title={status}>
              {id}
            </a>{' '}
          </span>
        ))}
        {childCount > 40 ? <span class="quiet">and {number(childCount - 40)} more</span> : null}
      </dd>
    </>
  );
}

function Tasks() {
  const tasks = agentTasks.value;
  if (tasks === undefined) return <div class="empty" aria-busy="true" />;
  if (tasks.length === 0) return <Empty title="No tasks">They show up here as they are accepted.</Empty>;
  return <TaskList tasks={tasks} isOfAgent />;
}

function Stack({ reason }: { readonly reason: unknown }) {
  const { error } = (typeof reason === 'object' && reason !== null ? reason : {}) as {
    readonly error?: { readonly stack?: string };
  };
  if (typeof error?.stack !== 'string') return null;
  return (
    <details>
      <summary>Stack</summary>
      <pre tabIndex={0}>{error.stack}</pre>
    </details>
  );
}

function Events({ events }: { readonly events: readonly ShownEvent[] }) {
  const [hasTasks, setTasks] = useState(true);
  const shown = events.filter(
    ({ type }) => hasTasks || (!type.startsWith('task.') && type !== 'agent.state_saved'),
  );
  return (
    <>
      <label class="check">
        <input
          type="checkbox"
          checked={hasTasks}
          onChange={(event) => setTasks(event.currentTarget.checked)}
        />{' '}
        tasks and saves, too
      </label>
      {shown.length === 0 ? (
        <Empty title="No events">They show up here as they happen.</Empty>
      ) : (
        <ol class="events">
          {shown
            .slice(-200)
            .toReversed()
            .map((event) => (
              <Event key={event.sequence} event={event} />
            ))}
        </ol>
      )}
    </>
  );
}

const KNOWN = new Set(['sequence', 'at', 'type', 'agentId', 'incarnation', 'life']);

function Event({ event }: { readonly event: ShownEvent }) {
  const { sequence, at, type, incarnation } = event;
  const more = Object.entries(event).filter(([key]) => !KNOWN.has(key));
  const said = more
    .map(([key, value]) => `${key} ${typeof value === 'string' ? value : inline(value)}`)
    .join(', ');
  return (
    <li>
      <details>
        <summary>
          <time>{time(at)}</time> <b class={toneOf(type)}>{type}</b> <span class="quiet cut">{said}</span>
        </summary>
        <Json value={{ sequence, incarnation, ...Object.fromEntries(more) }} />
      </details>
    </li>
  );
}

function toneOf(type: string): string {
  if (/crashed|gave_up|failed|timed_out|abandoned/.test(type)) return 'tone-bad';
  if (/unresponsive|restart|stopping/.test(type)) return 'tone-warn';
  return type.startsWith('agent.') && type !== 'agent.state_saved' ? 'tone-good' : 'tone-plain';
}

/** Loaded when it is opened, and again while it is open. */
function useAsked(path: string, everyMs: number): unknown {
  const [answer, setAnswer] = useState<unknown>(undefined);
  useEffect(() => {
    let isWanted = true;
    const load = () => {
      if (connection.peek().is !== 'live') return;
      ask<unknown>(path).then(
        (given) => isWanted && setAnswer(() => given),
        () => undefined,
      );
    };
    load();
    const timer = setInterval(load, everyMs);
    return () => {
      isWanted = false;
      clearInterval(timer);
    };
  }, [path]);
  return answer;
}

function SavedState({ id }: { readonly id: string }) {
  const answer = useAsked(`agents/${part(id)}/state`, 3_000) as { readonly state: unknown } | undefined;
  if (answer === undefined) return <div class="empty" aria-busy="true" />;
  if (answer.state === null)
    return (
      <Empty title="Nothing saved yet">
        State is saved after every task that changes it, and at an end in order.
      </Empty>
    );
  return <Json value={answer.state} />;
}

const LEVELS: readonly (readonly [number, string, string])[] = [
  [60, 'fatal', 'tone-bad'],
  [50, 'error', 'tone-bad'],
  [40, 'warn', 'tone-warn'],
  [30, 'info', 'tone-plain'],
  [0, 'debug', 'quiet'],
];

/** Fields that the line or its row shows already. */
const LOGGED = new Set(['sequence', 'at', 'incarnation', 'level', 'time']);
const INFO = 30;

function Logs({ id }: { readonly id: string }) {
  const [hasAll, setAll] = useState(false);
  const answer = useAsked(`agents/${part(id)}/logs`, 1_000) as
    | { readonly lines: readonly LogLine[] }
    | undefined;
  if (answer === undefined) return <div class="empty" aria-busy="true" />;
  const lines = answer.lines.filter(({ level }) => hasAll || level >= INFO);
  return (
    <>
      <label class="check">
        <input type="checkbox" checked={hasAll} onChange={(event) => setAll(event.currentTarget.checked)} />{' '}
        debug lines, too
      </label>
      {lines.length === 0 ? <Empty title="No lines">What the agent logs shows up here.</Empty> : null}
      <ol class="logs">
        {lines.toReversed().map(({ at, level, message, fields }, line) => {
          const [, name, tone] = LEVELS.find(([from]) => level >= from) ?? LEVELS[3]!;
          return (
            <li key={`${at} ${line}`}>
              <time>{time(at)}</time> <b class={tone}>{name}</b> {message}{' '}
              <span class="quiet">{fieldsWords(fields)}</span>
            </li>
          );
        })}
      </ol>
    </>
  );
}

function fieldsWords(fields: unknown): string {
  return Object.entries(fields ?? {})
    .filter(([key]) => !LOGGED.has(key))
    .map(([key, value]) => `${key} ${typeof value === 'string' ? value : inline(value)}`)
    .join(', ');
}
