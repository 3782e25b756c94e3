/** Pools: how large each is and should be, what waits, and why it was resized. */
import { useEffect, useState } from 'preact/hooks';
import type { PoolDetail, ShownPool } from '../../src/dashboard/protocol.ts';
import { ask, part } from '../connection/api.ts';
import { controlToken } from '../connection/session.ts';
import { now } from '../model/clock.ts';
import { pools } from '../model/fleet.ts';
import { agentsHref } from '../model/route.ts';
import { performed } from '../parts/performed.ts';
import { askFirst } from '../parts/dialogs.tsx';
import { Empty } from '../parts/empty.tsx';
import { Plot } from '../parts/plot.tsx';
import { ago, duration, number, percent, time } from '../words.ts';

/** Between two requests for a pool's history, ms: it has a sample every five seconds. */
const AGAIN_MS = 5_000;

export function PoolsView() {
  const list = pools.value;
  if (list === undefined) return <main class="view" aria-busy="true" />;
  return (
    <main class="view">
      <header>
        <h1>Pools</h1>
        <p>{list.length === 0 ? '' : number(list.length)}</p>
      </header>
      {list.length === 0 ? (
        <div class="card">
          <Empty title="No pools">
            Agents of one type behind one queue, as many as are needed.
            <br />
            <code>await system.pools.create({'{ name, spec, min, max }'})</code>
          </Empty>
        </div>
      ) : (
        <div class="pools">
          {list.map((pool) => (
            <Pool key={pool.name} pool={pool} />
          ))}
        </div>
      )}
    </main>
  );
}

function Pool({ pool }: { readonly pool: ShownPool }) {
  const {
    name,
    type,
    status,
    min,
    max,
    wanted,
    live,
    idle,
    starting,
    down,
    draining,
    waiting,
    retryAt,
    lastFailure,
    scaling,
  } = pool;
  const detail = useDetail(name);
  const samples = detail?.samples ?? [];
  const isTroubled = status === 'backing_off' || status === 'degraded';
  return (
    <section class="card pool" aria-label={`Pool ${name}`}>
      <header>
        <h2 class="mono">{name}</h2>
        <span class="quiet">{type}</span>
        <span class={isTroubled ? 'aside tone-bad' : 'aside'}>
          {status.replace('_', ' ')}
          {retryAt === undefined ? '' : `, next try in ${duration(retryAt - now.value)}`}
        </span>
      </header>
      <div class="body">
        <Gauge min={min} max={max} wanted={wanted} live={live} busy={live - idle} />
        <dl class="numbers">
          <div>
            <dt>running</dt>
            <dd>
              <a href={agentsHref({ pool: name })}>{number(live)}</a>{' '}
              <small>of {number(wanted)} wanted</small>
            </dd>
          </div>
          <div>
            <dt>busy</dt>
            <dd>{number(live - idle)}</dd>
          </div>
          <div>
            <dt>waiting</dt>
            <dd class={waiting > 0 ? 'tone-warn' : ''}>{number(waiting)}</dd>
          </div>
          <div>
            <dt>on the way</dt>
            <dd>
              {number(starting)} <small>in</small> {number(draining)} <small>out</small> {number(down)}{' '}
              <small>down</small>
            </dd>
          </div>
        </dl>
        {lastFailure === undefined ? null : <p class="note bad">{lastFailure}</p>}
        <div class="pool-plots">
          <div>
            <p class="key">
              <span class="tone-good">
                <i />
                running
              </span>
              <span class="of-starting">
                <i />
                busy
              </span>
              <span>
                <i />
                wanted
              </span>
            </p>
            <Plot
              label="Members"
              times={samples.map(({ at }) => at)}
              series={[
                {
                  label: 'running',
                  tone: 'running',
                  isFilled: true,
                  isStepped: true,
                  values: samples.map(({ live }) => live),
                },
                { label: 'busy', tone: 'starting', isStepped: true, values: samples.map(({ busy }) => busy) },
                {
                  label: 'wanted',
                  tone: 'ink-3',
                  isDashed: true,
                  isStepped: true,
                  values: samples.map(({ wanted }) => wanted),
                },
              ]}
              height={120}
              format={number}
            />
          </div>
          <div>
            <p class="key">
              <span class="tone-warn">
                <i />
                tasks waiting
              </span>
            </p>
            <Plot
              label="Tasks that wait"
              times={samples.map(({ at }) => at)}
              series={[
                {
                  label: 'waiting',
                  tone: 'unresponsive',
                  isFilled: true,
                  isStepped: true,
                  values: samples.map(({ waiting }) => waiting),
                },
              ]}
              height={120}
              format={number}
            />
          </div>
        </div>
        {scaling === undefined ? null : (
          <p class="quiet">
            Sizes itself: {scaling.status.replace('_', ' ')}
            {scaling.metrics === undefined
              ? ''
              : `, ${percent(scaling.metrics.busyShare)} of its places in use at the last look`}
          </p>
        )}
        <h3>Decisions</h3>
        {detail === undefined || detail.decisions.length === 0 ? (
          <p class="quiet">Its size has not changed.</p>
        ) : (
          <ol class="history">
            {detail.decisions
              .toReversed()
              .slice(0, 8)
              .map(({ order, at, text }) => (
                <li key={order}>
                  <span class="quiet nowrap">
                    {time(at)}, {ago(at, now.value)}
                  </span>{' '}
                  {text}
                </li>
              ))}
          </ol>
        )}
        {controlToken.value === null ? null : <Resize name={name} wanted={wanted} min={min} max={max} />}
      </div>
    </section>
  );
}

function Gauge({
  min,
  max,
  wanted,
  live,
  busy,
}: {
  readonly min: number;
  readonly max: number;
  readonly wanted: number;
  readonly live: number;
  readonly busy: number;
}) {
  const share = (count: number) => `${Math.min(100, (count / max) * 100)}%`;
  return (
    <div
      class="gauge"
      role="img"
      aria-label={`${live} running, ${busy} of them busy, ${wanted} wanted, between ${min} and ${max}`}
    >
      <i class="gauge-live" style={{ width: share(live) }} />
      <i class="gauge-busy" style={{ width: share(busy) }} />
      <b class="gauge-wanted" style={{ left: share(wanted) }} />
      <span>{number(min)} at least</span>
      <span>{number(max)} at most</span>
    </div>
  );
}

function Resize({
  name,
  wanted,
  min,
  max,
}: {
  readonly name: string;
  readonly wanted: number;
  readonly min: number;
  readonly max: number;
}) {
  const [size, setSize] = useState(wanted);
  const isFit = Number.isInteger(size) && size >= min && size <= max && size !== wanted;
  const resize = () => void performed(`pools/${part(name)}/size`, { size }, `resize ${name} to ${size}`);
  return (
    <form class="set" onSubmit={(event) => event.preventDefault()}>
      <input
        class="field"
        type="number"
        aria-label={`Size of ${name}`}
        min={min}
        max={max}
        value={size}
        onInput={(event) => setSize(event.currentTarget.valueAsNumber)}
      />
      <button
        type="button"
        class="button"
        disabled={!isFit}
        onClick={() =>
          size < wanted
            ? askFirst({
                title: `Shrink ${name} to ${size}?`,
                text: `${wanted - size} of its members drain, save and are gone. Busy ones first finish what they have begun.`,
                verb: 'Shrink',
                yes: resize,
              })
            : resize()
        }
      >
        Resize
      </button>
    </form>
  );
}

function useDetail(name: string): PoolDetail | undefined {
  const [detail, setDetail] = useState<PoolDetail | undefined>(undefined);
  useEffect(() => {
    let isWanted = true;
    const load = () =>
      ask<PoolDetail>(`pools/${part(name)}`).then(
        (given) => isWanted && setDetail(given),
        () => undefined,
      );
    void load();
    const timer = setInterval(() => void load(), AGAIN_MS);
    return () => {
      isWanted = false;
      clearInterval(timer);
    };
  }, [name]);
  return detail;
}
