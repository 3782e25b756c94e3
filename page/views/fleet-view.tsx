/** The first screen: how the fleet is, in numbers that explain themselves, and what happened to it. */
import { fleet, marks, needs, samples } from '../model/fleet.ts';
import { now } from '../model/clock.ts';
import { agentHref, agentsHref, workHref } from '../model/route.ts';
import { Empty } from '../parts/empty.tsx';
import { Glyph } from '../parts/glyph.tsx';
import { Plot, type Series } from '../parts/plot.tsx';
import type { ShownNode, StatusCounts } from '../../src/dashboard/protocol.ts';
import { NodeList } from '../parts/node-list.tsx';
import { MarkList } from '../parts/mark-list.tsx';
import { ago, bytes, latency, number, percent, short, STATUSES } from '../words.ts';

/** Time spans: the first that covers all data is shown. */
const SPANS_MS = [2 * 60_000, 5 * 60_000, 15 * 60_000];
const GAP_MS = 5_000;
const NEWEST_MARKS = 14;

export function FleetView() {
  const report = fleet.value;
  if (report === undefined) return <main class="view" aria-busy="true" />;
  const { counts, types, alerts, coordination, resources, waiting, busy, nodes } = report;
  const total = sumOf(counts);
  return (
    <main class="view">
      <header>
        <h1>Fleet</h1>
        <p>{summaryOf(counts)}</p>
      </header>
      {total === 0 ? (
        <div class="card">
          <Empty title="No agents yet">
            They show up here the moment they are registered.
            <br />
            <code>await system.agents.register({'{ module }'})</code>
          </Empty>
        </div>
      ) : (
        <div class="card statuses">
          <StatusBar counts={counts} />
          <ul class="status-key">
            {STATUSES.filter((status) => (counts[status] ?? 0) > 0).map((status) => (
              <li key={status}>
                <a href={agentsHref({ status })}>
                  <Glyph status={status} />
                  <b>{number(counts[status] ?? 0)}</b> {status}
                </a>
              </li>
            ))}
          </ul>
        </div>
      )}
      <Tiles note={nodes === undefined ? '' : ' here'} />
      <div class="columns">
        <div class="stack">
          {nodes === undefined ? null : (
            <section class="card" aria-labelledby="nodes-title">
              <header>
                <h2 id="nodes-title">Nodes</h2>
                <span class="aside">{nodesInWords(nodes)}</span>
              </header>
              <div class="body">
                <NodeList nodes={nodes} />
              </div>
            </section>
          )}
          <section class="card" aria-labelledby="alerts-title">
            <header>
              <h2 id="alerts-title">Alerts</h2>
              <span class="aside">{alerts.total === 0 ? 'none' : `${number(alerts.total)} raised`}</span>
            </header>
            <div class="body">
              {alerts.total === 0 ? (
                <Empty title="No alert">Alerts are raised once and go when they are over.</Empty>
              ) : (
                <ul class="alerts">
                  {alerts.alerts.slice(0, 12).map(({ alert, agentId, pool, message, raisedAt }) => (
                    <li key={`${alert} ${agentId ?? pool ?? ''}`}>
                      <Glyph status="unresponsive" />
                      <div>
                        <b>{alert.replaceAll('_', ' ')}</b>{' '}
                        {agentId === undefined ? (
                          (pool ?? '')
                        ) : (
                          <a class="mono" href={agentHref(agentId)}>
                            {agentId}
                          </a>
                        )}
                        <p>{message}</p>
                      </div>
                      <time>{ago(raisedAt, now.value)}</time>
                    </li>
                  ))}
                </ul>
              )}
            </div>
          </section>
          <section class="card" aria-labelledby="waits-title">
            <header>
              <h2 id="waits-title">What waits</h2>
            </header>
            <div class="body">
              <Waits />
            </div>
          </section>
          <section class="card" aria-labelledby="types-title">
            <header>
              <h2 id="types-title">Types</h2>
            </header>
            <div class="body">
              <table class="table">
                <thead>
                  <tr>
                    <th>type</th>
                    <th class="number">agents</th>
                    <th class="wide">by status</th>
                  </tr>
                </thead>
                <tbody>
                  {Object.entries(types)
                    .toSorted(([, a], [, b]) => sumOf(b) - sumOf(a))
                    .slice(0, 12)
                    .map(([type, ofType]) => (
                      <tr key={type}>
                        <td>
                          <a class="mono" href={agentsHref({ type })}>
                            {type}
                          </a>
                        </td>
                        <td class="number">{number(sumOf(ofType))}</td>
                        <td class="wide">
                          <StatusBar counts={ofType} isSmall />
                        </td>
                      </tr>
                    ))}
                </tbody>
              </table>
            </div>
          </section>
        </div>
        <div class="stack">
          <section class="card" aria-labelledby="now-title">
            <header>
              <h2 id="now-title">Now</h2>
            </header>
            <div class="body">
              <dl class="facts">
                <dt>agents at work</dt>
                <dd>{number(busy)}</dd>
                <dt>tasks waiting</dt>
                <dd>{number(waiting)}</dd>
                <dt>coordination</dt>
                <dd>
                  {coordination.status === 'available' ? (
                    'available'
                  ) : (
                    <b class="tone-warn">{coordination.status.replace('_', ' ')}</b>
                  )}
                </dd>
                <dt>leader</dt>
                <dd>
                  {coordination.leader === undefined ? (
                    <span class="quiet">none</span>
                  ) : (
                    <>
                      <a class="mono" href={agentHref(coordination.leader.agentId)}>
                        {coordination.leader.agentId}
                      </a>{' '}
                      <span class="quiet">term {coordination.leader.term}</span>
                    </>
                  )}
                </dd>
                <dt>memory reserved</dt>
                <dd>
                  {bytes(resources.memoryBytes)}
                  {resources.memoryBytesLeft === null ||
                  !Number.isFinite(resources.memoryBytesLeft) ? null : (
                    <span class="quiet"> of {bytes(resources.memoryBytes + resources.memoryBytesLeft)}</span>
                  )}
                </dd>
              </dl>
            </div>
          </section>
          <section class="card" aria-labelledby="happened-title">
            <header>
              <h2 id="happened-title">What happened</h2>
              <a class="aside" href="#/timeline">
                Timeline
              </a>
            </header>
            <div class="body">
              <MarkList marks={marks.value.slice(-NEWEST_MARKS).toReversed()} />
            </div>
          </section>
        </div>
      </div>
    </main>
  );
}

/** What waits for a person, or for something outside: always the same lines, so that nothing moves. */
function Waits() {
  const {
    failed = 0,
    stalled = 0,
    questions = 0,
    parked = 0,
    lowBudgets = 0,
    spentBudgets = 0,
  } = needs.value ?? {};
  const lines = [
    ['questions for people', questions, '#/questions', 'tone-warn', ''],
    ['work that failed for good', failed, workHref({}), 'tone-bad', ''],
    ['tasks that hang', stalled, workHref({ status: 'running' }), 'tone-warn', ''],
    ['limits that are reached', parked, '#/limits', 'tone-warn', ''],
    [
      'budgets that are spent',
      spentBudgets,
      '#/limits',
      'tone-bad',
      lowBudgets === 0 ? '' : `, ${number(lowBudgets)} low`,
    ],
  ] as const;
  return (
    <dl class="facts waits">
      {lines.map(([name, count, href, tone, more]) => (
        <>
          <dt>{name}</dt>
          <dd>
            <a href={href}>{count === 0 ? 'none' : <b class={tone}>{number(count)}</b>}</a>
            {more === '' ? null : <span class="tone-warn">{more}</span>}
          </dd>
        </>
      ))}
    </dl>
  );
}

/** "10 running, 1 comes back by itself, 1 needs you": the sentence for somebody who has never seen the project. */
function summaryOf(counts: StatusCounts): string {
  const total = sumOf(counts);
  if (total === 0) return 'supervised agents, live';
  const of = (status: keyof StatusCounts) => counts[status] ?? 0;
  const said = [`${number(total)} ${total === 1 ? 'agent' : 'agents'}`];
  if (of('running') === total) said.push('all running');
  else said.push(`${number(of('running'))} running`);
  if (of('crashed') > 0) said.push(`${number(of('crashed'))} crashed`);
  if (of('unresponsive') > 0) said.push(`${number(of('unresponsive'))} not answering`);
  return said.join(', ');
}

function nodesInWords(nodes: readonly ShownNode[]): string {
  const of = (status: ShownNode['status']) => nodes.filter((node) => node.status === status).length;
  const said = [`${number(of('live'))} live`];
  if (of('draining') > 0) said.push(`${number(of('draining'))} draining`);
  if (of('lost') > 0) said.push(`${number(of('lost'))} lost`);
  return said.join(', ');
}

function StatusBar({
  counts,
  isSmall = false,
}: {
  readonly counts: StatusCounts;
  readonly isSmall?: boolean;
}) {
  const total = sumOf(counts);
  const says = STATUSES.filter((status) => counts[status]).map((status) => `${counts[status]} ${status}`);
  return (
    <div class={isSmall ? 'status-bar small' : 'status-bar'} role="img" aria-label={says.join(', ')}>
      {STATUSES.map((status) => {
        const count = counts[status] ?? 0;
        return count === 0 ? null : (
          <i
            key={status}
            class={`of-${status}`}
            title={`${count} ${status}`}
            style={{ flexGrow: count / total }}
          />
        );
      })}
    </div>
  );
}

function Tiles({ note }: { readonly note: string }) {
  const taken = samples.value;
  const times = taken.map(({ at }) => at);
  const last = taken.at(-1);
  const minute = taken.slice(-60);
  const perMinute = (of: (sample: (typeof taken)[number]) => number) =>
    minute.reduce((sum, sample) => sum + of(sample), 0);
  const rolling = (of: (sample: (typeof taken)[number]) => number) => {
    let sum = 0;
    return taken.map((sample, place) => {
      sum += of(sample) - (place >= 60 ? of(taken[place - 60]!) : 0);
      return sum;
    });
  };
  return (
    <div class="tiles">
      <Tile
        title="Tasks a second"
        value={last ? short(last.tasksDone) : '–'}
        note={last && last.tasksFailed > 0 ? `${short(last.tasksFailed)} failed` : 'done'}
        isBad={(last?.tasksFailed ?? 0) > 0}
        times={times}
        format={short}
        series={[
          { label: 'done', tone: 'running', isFilled: true, values: taken.map(({ tasksDone }) => tasksDone) },
          { label: 'failed', tone: 'bad', values: taken.map(({ tasksFailed }) => tasksFailed) },
        ]}
      />
      <Tile
        title="Latency"
        value={latency(taken.findLast(({ latencyMs }) => latencyMs !== null)?.latencyMs?.p50)}
        note={`p99 ${latency(taken.findLast(({ latencyMs }) => latencyMs !== null)?.latencyMs?.p99)}`}
        times={times}
        format={latency}
        series={[
          {
            label: 'p50',
            tone: 'accent',
            isFilled: true,
            values: taken.map(({ latencyMs }) => latencyMs?.p50 ?? null),
          },
          { label: 'p95', tone: 'stopping', values: taken.map(({ latencyMs }) => latencyMs?.p95 ?? null) },
          {
            label: 'p99',
            tone: 'ink-3',
            isDashed: true,
            values: taken.map(({ latencyMs }) => latencyMs?.p99 ?? null),
          },
        ]}
      />
      <Tile
        title="Restarts a minute"
        value={number(perMinute(({ restarted }) => restarted))}
        note={`${number(perMinute(({ crashed }) => crashed))} crashes`}
        isBad={perMinute(({ crashed }) => crashed) > 0}
        times={times}
        format={number}
        series={[
          {
            label: 'restarts',
            tone: 'unresponsive',
            isFilled: true,
            values: rolling(({ restarted }) => restarted),
          },
          { label: 'crashes', tone: 'bad', values: rolling(({ crashed }) => crashed) },
        ]}
      />
      <Tile
        title={`Processor${note}`}
        value={percent(last?.cpuShare)}
        note={`event loop ${percent(last?.loopShare)}`}
        times={times}
        format={percent}
        series={[
          {
            label: 'processor',
            tone: 'starting',
            isFilled: true,
            values: taken.map(({ cpuShare }) => cpuShare),
          },
          {
            label: 'event loop',
            tone: 'ink-3',
            isDashed: true,
            values: taken.map(({ loopShare }) => loopShare),
          },
        ]}
      />
      <Tile
        title={`Memory${note}`}
        value={bytes(last?.rssBytes)}
        note={`heap ${bytes(last?.heapBytes)}`}
        times={times}
        format={bytes}
        series={[
          {
            label: 'resident',
            tone: 'completed',
            isFilled: true,
            values: taken.map(({ rssBytes }) => rssBytes),
          },
          { label: 'heap', tone: 'ink-3', isDashed: true, values: taken.map(({ heapBytes }) => heapBytes) },
        ]}
      />
    </div>
  );
}

interface TileProps {
  readonly title: string;
  readonly value: string;
  readonly note: string;
  readonly isBad?: boolean;
  readonly times: readonly number[];
  readonly series: readonly Series[];
  readonly format: (value: number) => string;
}

function Tile({ title, value, note, isBad = false, times, series, format }: TileProps) {
  return (
    <section class="card tile">
      <h2>{title}</h2>
      <p>
        <b>{value}</b>
        <span class={isBad ? 'tone-bad' : 'quiet'}>{note}</span>
      </p>
      <Plot
        label={title}
        times={times}
        series={series}
        height={54}
        format={format}
        isSmall
        spanMs={spanFor(times)}
        gapMs={GAP_MS}
      />
    </section>
  );
}

function spanFor(times: readonly number[]): number {
  const length = (times.at(-1) ?? 0) - (times[0] ?? 0);
  return SPANS_MS.find((span) => length <= span) ?? SPANS_MS.at(-1)!;
}

function sumOf(counts: StatusCounts): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}
