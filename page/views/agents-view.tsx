/** Every agent: found by a few letters, sorted by what matters, however many there are. */
import type { ComponentChildren } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { AgentRow } from '../../src/dashboard/protocol.ts';
import { now } from '../model/clock.ts';
import { type Filter, choicesOf, listed, type SortKey } from '../model/agent-list.ts';
import { agents, agentsComplete, agentsVersion, fleet } from '../model/fleet.ts';
import { agentHref, agentsHref, go } from '../model/route.ts';
import { AgentLink } from '../parts/agent-link.tsx';
import { Empty } from '../parts/empty.tsx';
import { Glyph, Status } from '../parts/glyph.tsx';
import { Rows } from '../parts/rows.tsx';
import {
  bytes,
  duration,
  latency,
  number,
  percent,
  returnWords,
  stateWords,
  STATUSES,
  time,
} from '../words.ts';

interface Column {
  readonly key: SortKey;
  readonly name: string;
  readonly isNumber?: boolean;
  readonly cell: (row: AgentRow) => ComponentChildren;
}

const COLUMNS: readonly Column[] = [
  {
    key: 'status',
    name: 'Status',
    cell: (row) => (
      <>
        <Status status={row.status} /> <span class="quiet">{stateWords(row)}</span>
      </>
    ),
  },
  {
    key: 'id',
    name: 'Agent',
    cell: ({ id }) => <AgentLink id={id} isReached={false} />,
  },
  { key: 'type', name: 'Type', cell: typeOf },
  {
    key: 'incarnation',
    name: 'Life',
    isNumber: true,
    cell: ({ incarnation }) => (incarnation === 0 ? '–' : number(incarnation)),
  },
  { key: 'restarts', name: 'Restarts', isNumber: true, cell: ({ restarts }) => quietZero(restarts) },
  {
    key: 'queue',
    name: 'Queue',
    isNumber: true,
    cell: ({ waiting, running }) => quietZero(waiting + running),
  },
  { key: 'done', name: 'Done', isNumber: true, cell: ({ done }) => quietZero(done) },
  {
    key: 'failed',
    name: 'Failed',
    isNumber: true,
    cell: ({ failed }) => (failed > 0 ? <span class="tone-bad">{number(failed)}</span> : quietZero(0)),
  },
  {
    key: 'latency',
    name: 'Latency',
    isNumber: true,
    cell: ({ latencyMs }) => (latencyMs ? latency(latencyMs.mean) : <span class="quiet">–</span>),
  },
  {
    key: 'memory',
    name: 'Memory',
    isNumber: true,
    cell: ({ memoryBytes }) =>
      memoryBytes === undefined ? <span class="quiet">–</span> : bytes(memoryBytes),
  },
  {
    key: 'cpu',
    name: 'CPU',
    isNumber: true,
    cell: ({ cpuShare }) => (cpuShare === undefined ? <span class="quiet">–</span> : percent(cpuShare)),
  },
  { key: 'uptime', name: 'Up, or back', cell: (row) => <Uptime row={row} /> },
  {
    key: 'error',
    name: 'Last error',
    cell: ({ lastError }) => (lastError ? <LastError error={lastError} /> : null),
  },
];

/** Its pool, and the node that it runs on, where it has one. */
function typeOf({ type, pool, node }: AgentRow): string {
  const what = pool === undefined ? type : `${type} · ${pool}`;
  return node === undefined ? what : `${what} @ ${node}`;
}

const PLAIN_COLUMNS = COLUMNS.filter(({ key }) => key !== 'memory' && key !== 'cpu');

const ROW = 30;
const NARROW_ROW = 58;
/** A list that is sorted anew all the time cannot be read; ms. */
const SORT_MS = 1_000;

export function AgentsView({ query }: { readonly query: URLSearchParams }) {
  const filter: Filter = {
    search: query.get('search') ?? '',
    status: query.get('status') ?? '',
    type: query.get('type') ?? '',
    capability: query.get('capability') ?? '',
    pool: query.get('pool') ?? '',
    node: query.get('node') ?? '',
  };
  const sort = (query.get('sort') ?? 'status') as SortKey;
  const isReversed = query.get('order') === 'reversed';
  const isNarrow = useNarrow();
  const scroller = useRef<HTMLDivElement>(null);
  const [chosen, setChosen] = useState(-1);
  const stamp = useThrottled(agentsVersion.value, SORT_MS);
  const rows = useMemo(() => listed(agents.values(), filter, sort, isReversed), [stamp, query.toString()]);
  const choices = useMemo(() => choicesOf(agents.values()), [stamp]);
  // Agents in this program have no memory and no processor of their own.
  const isMeasured = useMemo(() => rows.some(({ memoryBytes }) => memoryBytes !== undefined), [rows]);
  const columns = isMeasured ? COLUMNS : PLAIN_COLUMNS;

  const change = (changes: Readonly<Record<string, string>>) => {
    const next = new URLSearchParams(query);
    for (const [key, value] of Object.entries(changes)) {
      if (value === '') next.delete(key);
      else next.set(key, value);
    }
    setChosen(-1);
    if (scroller.current) scroller.current.scrollTop = 0;
    go(agentsHref(Object.fromEntries(next)), { replace: true });
  };
  const sortBy = (key: SortKey) =>
    change({ sort: key, order: key === sort && !isReversed ? 'reversed' : '' });

  const press = (event: KeyboardEvent) => {
    const steps: Readonly<Record<string, number>> = {
      ArrowDown: 1,
      j: 1,
      ArrowUp: -1,
      k: -1,
      PageDown: 20,
      PageUp: -20,
    };
    const step = steps[event.key];
    if (step !== undefined) {
      event.preventDefault();
      setChosen(Math.min(rows.length - 1, Math.max(0, chosen + step)));
    } else if (event.key === 'Home' || event.key === 'End') {
      event.preventDefault();
      setChosen(event.key === 'Home' ? 0 : rows.length - 1);
    } else if (event.key === 'Enter' && rows[chosen]) go(agentHref(rows[chosen].id));
  };

  const total = agents.size;
  return (
    <main class="view whole agents">
      <header>
        <h1>Agents</h1>
        <p aria-live="polite">
          {rows.length === total ? number(total) : `${number(rows.length)} of ${number(total)}`}
        </p>
        <p class="aside wide">
          <span class="kbd">/</span> search <span class="kbd">↑</span> <span class="kbd">↓</span> choose{' '}
          <span class="kbd">↵</span> open
        </p>
      </header>
      <div class="filters">
        <input
          id="search"
          class="field search"
          type="search"
          placeholder="Search id, type, pool, node, error"
          aria-label="Search agents"
          value={filter.search}
          onInput={(event) => change({ search: event.currentTarget.value })}
          onKeyDown={(event) => {
            if (event.key === 'ArrowDown') {
              event.preventDefault();
              scroller.current?.focus();
              setChosen(0);
            }
          }}
        />
        <div class="chips" role="group" aria-label="Status">
          {STATUSES.map((status) => {
            const count = fleet.value?.counts[status] ?? 0;
            const isOn = filter.status === status;
            if (count === 0 && !isOn) return null;
            return (
              <button
                key={status}
                type="button"
                class="chip"
                aria-pressed={isOn}
                onClick={() => change({ status: isOn ? '' : status })}
              >
                <Glyph status={status} />
                {status} <span class="n">{number(count)}</span>
              </button>
            );
          })}
        </div>
        <Choice name="type" all="All types" values={choices.types} value={filter.type} change={change} />
        <Choice
          name="capability"
          all="All capabilities"
          values={choices.capabilities}
          value={filter.capability}
          change={change}
        />
        <Choice name="pool" all="All pools" values={choices.pools} value={filter.pool} change={change} />
        <Choice name="node" all="All nodes" values={choices.nodes} value={filter.node} change={change} />
        {isNarrow ? (
          <select
            class="field"
            aria-label="Sort by"
            value={sort}
            onChange={(event) => change({ sort: event.currentTarget.value, order: '' })}
          >
            {COLUMNS.map(({ key, name }) => (
              <option key={key} value={key}>
                by {name.toLowerCase()}
              </option>
            ))}
          </select>
        ) : null}
      </div>
      <div
        ref={scroller}
        class={isMeasured ? 'card list measured' : 'card list'}
        role="grid"
        tabIndex={0}
        aria-label="Agents"
        aria-rowcount={rows.length + 1}
        aria-colcount={columns.length}
        aria-activedescendant={chosen >= 0 ? `row-${chosen}` : undefined}
        onKeyDown={press}
      >
        <div class="head" role="row" aria-rowindex={1}>
          {columns.map(({ key, name, isNumber }) => (
            <div
              key={key}
              class={isNumber ? `c-${key} number` : `c-${key}`}
              role="columnheader"
              aria-sort={key === sort ? (isReversed ? 'descending' : 'ascending') : 'none'}
            >
              <button type="button" onClick={() => sortBy(key)}>
                {name}
                <i aria-hidden="true">{key === sort ? (isReversed ? '↑' : '↓') : ''}</i>
              </button>
            </div>
          ))}
        </div>
        <Rows
          count={rows.length}
          rowHeight={isNarrow ? NARROW_ROW : ROW}
          head={isNarrow ? 0 : 34}
          reveal={chosen}
          scroller={scroller}
          render={(place) => {
            const row = agents.get(rows[place]!.id) ?? rows[place]!;
            return (
              <Row
                key={row.id}
                row={row}
                place={place}
                isChosen={place === chosen}
                choose={setChosen}
                isNarrow={isNarrow}
                columns={columns}
              />
            );
          }}
        />
        {rows.length > 0 ? null : (
          <div role="row">
            <div role="gridcell">
              {total > 0 ? (
                <Empty title="No agent fits">
                  <button type="button" class="button" onClick={() => go('#/agents', { replace: true })}>
                    Show all {number(total)}
                  </button>
                </Empty>
              ) : agentsComplete.value ? (
                <Empty title="No agents yet">They show up here the moment they are registered.</Empty>
              ) : (
                <Empty title="Reading the fleet…" />
              )}
            </div>
          </div>
        )}
      </div>
    </main>
  );
}

interface RowParts {
  readonly row: AgentRow;
  readonly place: number;
  readonly isChosen: boolean;
  readonly isNarrow: boolean;
  readonly columns: readonly Column[];
  readonly choose: (place: number) => void;
}

function Row({ row, place, isChosen, choose, isNarrow, columns }: RowParts) {
  const attributes = {
    id: `row-${place}`,
    role: 'row' as const,
    'aria-rowindex': place + 2,
    'aria-selected': isChosen,
    'data-id': row.id,
    onClick: () => choose(place),
    onDblClick: () => go(agentHref(row.id)),
  };
  if (isNarrow) {
    return (
      <div class="row narrow" {...attributes}>
        <div role="gridcell">
          <p>
            <Glyph status={row.status} />
            <AgentLink id={row.id} />
            <span class="quiet nowrap">
              <Uptime row={row} />
            </span>
          </p>
          <p class="quiet cut">
            {row.status} ·{' '}
            {row.questions === undefined ? null : <span class="tone-warn">asks a person · </span>}
            {row.type} · {number(row.done)} done
            {row.failed > 0 ? <span class="tone-bad"> · {number(row.failed)} failed</span> : null}
            {row.restarts > 0 ? ` · ${number(row.restarts)} restarts` : ''}
          </p>
        </div>
      </div>
    );
  }
  return (
    <div class={isChosen ? 'row chosen' : 'row'} {...attributes}>
      {columns.map(({ key, isNumber, cell }, column) => (
        <div
          key={key}
          class={isNumber ? `c-${key} number` : `c-${key} cut`}
          role="gridcell"
          aria-colindex={column + 1}
        >
          {cell(row)}
        </div>
      ))}
    </div>
  );
}

function Uptime({ row }: { readonly row: AgentRow }) {
  const back = returnWords(row, now.value);
  if (back !== undefined)
    return <span class={row.restartAt === undefined ? 'tone-bad' : 'tone-warn'}>{back}</span>;
  const { startedAt, endedAt } = row;
  if (startedAt === undefined) return <span class="quiet">–</span>;
  if (endedAt !== undefined) return <span class="quiet">ended {time(endedAt)}</span>;
  return <>{duration(now.value - startedAt)}</>;
}

function LastError({ error: { at, text } }: { readonly error: NonNullable<AgentRow['lastError']> }) {
  return (
    <span title={text}>
      <span class="quiet">{time(at)}</span> {text}
    </span>
  );
}

function quietZero(value: number) {
  return value === 0 ? <span class="quiet">0</span> : number(value);
}

interface ChoiceParts {
  readonly name: string;
  readonly all: string;
  readonly values: readonly string[];
  readonly value: string;
  readonly change: (changes: Readonly<Record<string, string>>) => void;
}

function Choice({ name, all, values, value, change }: ChoiceParts) {
  if (values.length < 2 && value === '') return null;
  return (
    <select
      class="field"
      aria-label={name}
      value={value}
      onChange={(event) => change({ [name]: event.currentTarget.value })}
    >
      <option value="">{all}</option>
      {values.map((one) => (
        <option key={one} value={one}>
          {one}
        </option>
      ))}
    </select>
  );
}

const narrow = matchMedia('(max-width: 760px)');

function useNarrow(): boolean {
  const [isNarrow, setNarrow] = useState(narrow.matches);
  useEffect(() => {
    const changed = () => setNarrow(narrow.matches);
    narrow.addEventListener('change', changed);
    return () => narrow.removeEventListener('change', changed);
  }, []);
  return isNarrow;
}

/** A value that changes at once, and then not again for a while. */
function useThrottled<Value>(value: Value, ms: number): Value {
  const [shown, setShown] = useState(value);
  const last = useRef({ at: 0, timer: 0 });
  useEffect(() => {
    const { current } = last;
    const wait = current.at + ms - performance.now();
    const take = () => {
      current.at = performance.now();
      setShown(() => value);
    };
    clearTimeout(current.timer);
    if (wait <= 0) take();
    else current.timer = window.setTimeout(take, wait);
  }, [value]);
  useEffect(() => () => clearTimeout(last.current.timer), []);
  return shown;
}
